"""The quantities that tables show, each with its name for programs, its title and its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archcompiler.diagnostics import CompileError, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.tables.report import Report, Row, View

Value = int | float | str | None
PREFIXES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"), (1, ""))


@dataclass(frozen=True, slots=True)
class Column:
    """One quantity. `unit` is its SI unit; "" for a count, None for what is no quantity."""

    key: str
    title: str
    unit: str | None
    value: Callable[[Report, Row], Value]
    legend: str = ""
    """What a reader has to know about it, below the table."""
    scaled: bool = True
    """Whether it takes an SI prefix."""
    digits: int | None = None
    """Decimals; None for as many as the column's largest value needs."""


def _count(key: str, title: str, legend: str = "") -> Column:
    return Column(key, title, "", lambda _, row: getattr(row.cost, key), legend)


COLUMNS: tuple[Column, ...] = (
    Column("input", "input", None, lambda r, _: r.input.pixel_words),
    Column("classes", "classes", "", lambda r, _: r.classes, scaled=False),
    Column(
        "trunk_depth",
        "depth",
        "",
        lambda r, _: r.trunk_depth,
        "depth: convolutions and the classifier on the longest path past the masks.",
        scaled=False,
    ),
    Column("operators", "operators", "", lambda _, row: row.cost.operators, scaled=False),
    _count("params", "params"),
    Column(
        "macs",
        "MACs",
        "",
        lambda _, row: row.cost.macs,
        "MACs: multiply-accumulates of convolutions and the classifier, batch 1; "
        "what the paper calls FLOPs.",
    ),
    Column(
        "macs_share",
        "MACs",
        "%",
        lambda r, row: 100 * row.cost.macs / r.cost.macs,
        scaled=False,
        digits=1,
    ),
    Column(
        "flops",
        "2·MACs",
        "FLOP",
        lambda _, row: row.cost.flops,
        "2·MACs: floating-point operations, two for each multiply-accumulate.",
    ),
    _count(
        "fvcore_flops",
        "fvcore",
        "fvcore: what fvcore counts, MACs + 2 per BN element + 4 per bilinear output "
        "+ 1 per averaged input.",
    ),
    Column(
        "measured",
        "measured",
        "",
        lambda r, row: r.measured.fvcore.get(_module(row)) if r.measured else None,
        "measured: fvcore's own count of the emitted module.",
    ),
    _count("activations", "acts", "acts: output elements of convolutions and the classifier."),
    _count(
        "elements",
        "elements",
        "elements: of operators without MACs (BN, ReLU, sums, …); no tool counts them.",
    ),
    Column(
        "train_saved_bytes",
        "saved",
        "B",
        lambda _, row: row.cost.saved_bytes,
        "saved: what autograd keeps of one image for the backward pass, float32, batch 1.",
    ),
    Column(
        "bytes_moved",
        "moved",
        "B",
        lambda _, row: row.cost.bytes_moved,
        "moved: maps and parameters read and written in inference, float32, nothing fused.",
    ),
    Column(
        "intensity",
        "intensity",
        "FLOP/B",
        lambda _, row: row.cost.intensity,
        scaled=False,
        digits=1,
    ),
    Column("output", "output", None, lambda _, row: str(row.output) if row.output else None),
    Column(
        "receptive_field",
        "field",
        "px",
        lambda r, row: r.receptive_field if row.level == 0 else row.receptive_field,
        "field: receptive field of one output position, masks included, in an unbounded image.",
        scaled=False,
    ),
)
BY_KEY = {column.key: column for column in COLUMNS}
DEFAULTS: dict[View, tuple[str, ...]] = {
    "network": ("input", "params", "macs", "fvcore_flops", "activations"),
    "stage": ("output", "params", "macs", "fvcore_flops", "activations", "receptive_field"),
    "module": ("output", "params", "macs", "fvcore_flops", "activations", "receptive_field"),
    "branch": ("params", "macs", "macs_share", "fvcore_flops", "activations", "receptive_field"),
    "op": ("operators", "params", "macs", "fvcore_flops", "activations", "elements"),
}
OF_NETWORK = frozenset({"input", "classes", "trunk_depth"})
"""Columns that say something of a whole network only."""


def _module(row: Row) -> str:
    return "" if row.level == 0 else row.name.replace("/", ".")


def chosen(view: View, keys: Sequence[str], *, measured: bool) -> list[Column]:
    """The columns named, or those that the view shows by default. Raises CompileError E502."""
    if not keys:
        names = list(DEFAULTS[view])
        if measured and view in ("network", "stage", "module"):
            names.insert(names.index("fvcore_flops") + 1, "measured")
    elif list(keys) == ["all"]:
        names = [c.key for c in COLUMNS if measured or c.key != "measured"]
    else:
        names = list(keys)
    columns = [column(name) for name in names]
    if view != "network":
        columns = [c for c in columns if c.key not in OF_NETWORK]
    if view in ("branch", "op"):
        columns = [c for c in columns if c.key not in ("output", "measured")]
    return columns


def column(key: str) -> Column:
    """The column called `key`. Raises CompileError E502, which lists them."""
    if key not in BY_KEY:
        guess = did_you_mean(key, BY_KEY)
        raise CompileError(
            error(
                "E502",
                f"tables have no column `{key}`",
                notes=(f"there are: {', '.join(BY_KEY)}",),
                help=f"did you mean `{guess}`?" if guess else None,
            )
        )
    return BY_KEY[key]


def sort_key(report: Report, row: Row, key: str) -> tuple[bool, float, str]:
    """Largest first, names from a to z, what has no value last."""
    if key == "name":
        return False, 0.0, row.name
    value = column(key).value(report, row)
    if isinstance(value, str):
        return False, 0.0, value
    return value is None, -(value or 0), ""
