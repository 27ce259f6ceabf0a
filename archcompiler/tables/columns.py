"""The quantities that tables show, each with its name for programs, its title and its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archcompiler.diagnostics import CompileError, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.tables.quantities import QUANTITIES, Quantity
from archcompiler.tables.report import Order, Report, Row, View

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
    """What a reader has to know about it, below the table; `{images}` and `{batch}` stand in it."""
    scaled: bool = True
    """Whether it takes an SI prefix."""
    digits: int | None = None
    """Decimals; None for as many as the column's largest value needs."""


def _of(quantity: Quantity) -> Column:
    q = quantity
    return Column(
        q.key,
        q.title,
        q.unit,
        lambda report, row: q.value(report.at_batch(row.cost)),
        q.legend,
        q.scaled,
        q.digits,
    )


def _measured(report: Report, row: Row) -> int | None:
    if report.measured is None:
        return None
    return report.measured.fvcore.get("" if row.level == 0 else row.name.replace("/", "."))


NETWORK = (
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
)
"""Columns that say something of a whole network only."""
BESIDE = {
    "macs": Column(
        "macs_share",
        "MACs",
        "%",
        lambda r, row: 100 * row.cost.macs / r.cost.macs,
        scaled=False,
        digits=1,
    ),
    "fvcore_flops": Column(
        "measured",
        "measured",
        "",
        _measured,
        "measured: fvcore's own count of the emitted module.",
    ),
}
"""What follows a quantity."""
MAPS = (
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
COLUMNS: tuple[Column, ...] = (
    *NETWORK,
    *(c for q in QUANTITIES for c in (_of(q), BESIDE.get(q.key)) if c is not None),
    *MAPS,
)
BY_KEY = {column.key: column for column in COLUMNS}
DEFAULTS: dict[View, tuple[str, ...]] = {
    "network": ("input", "params", "macs", "fvcore_flops", "activations"),
    "stage": ("output", "params", "macs", "fvcore_flops", "activations", "receptive_field"),
    "module": ("output", "params", "macs", "fvcore_flops", "activations", "receptive_field"),
    "branch": ("params", "macs", "macs_share", "fvcore_flops", "activations", "receptive_field"),
    "op": ("operators", "params", "macs", "fvcore_flops", "activations", "elements"),
}


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
        columns = [c for c in columns if c not in NETWORK]
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


def order_by(key: str) -> Order:
    """The order of rows by a column: largest first, names from a to z, what has no value last.

    Raises CompileError E502 for a column that there is not, besides `name`.
    """
    if key == "name":
        return lambda _, row: (False, 0.0, row.name)
    value_of = column(key).value

    def order(report: Report, row: Row) -> tuple[bool, float, str]:
        value = value_of(report, row)
        if isinstance(value, str):
            return False, 0.0, value
        return value is None, -(value or 0), ""

    return order
