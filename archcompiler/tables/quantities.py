"""The quantities that operators add up to: listed here once, for every table and format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcompiler.analysis.total import Cost


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a `Cost`.

    `key` is its name for programs, `title` its name in tables, `unit` its SI unit or "" for a
    count, `legend` what a reader has to know about it, below a table; in it `{images}` and
    `{batch}` stand for those of the table.
    """

    key: str
    title: str
    value: Callable[[Cost], int | float]
    unit: str = ""
    legend: str = ""
    scaled: bool = True
    """Whether it takes an SI prefix."""
    digits: int | None = None
    """Decimals; None for as many as the largest value of a column needs, or exact integers."""
    in_json: str = ""
    """Its key in JSON, if that is another."""
    in_csv: str = ""
    """Its header in CSV, if that is another."""

    @property
    def json_key(self) -> str:
        """Its key in JSON, which names a unit that is neither a count nor bytes."""
        return self.in_json or self.key

    @property
    def csv_key(self) -> str:
        """Its header in CSV, where no schema says more."""
        return self.in_csv or self.json_key


QUANTITIES = (
    Quantity("operators", "operators", lambda cost: cost.operators, scaled=False),
    Quantity("params", "params", lambda cost: cost.params),
    Quantity(
        "buffers",
        "buffers",
        lambda cost: cost.buffers,
        legend="buffers: state that is not learnt, the running statistics of BN.",
    ),
    Quantity(
        "macs",
        "MACs",
        lambda cost: cost.macs,
        legend="MACs: multiply-accumulates of convolutions and the classifier, batch 1; "
        "what the paper calls FLOPs.",
    ),
    Quantity(
        "flops",
        "2·MACs",
        lambda cost: cost.flops,
        "FLOP",
        "2·MACs: floating-point operations, two for each multiply-accumulate.",
        in_csv="flops_two_per_mac",
    ),
    Quantity(
        "fvcore_flops",
        "fvcore",
        lambda cost: cost.fvcore_flops,
        legend="fvcore: what fvcore counts, MACs + 2 per BN element + 4 per bilinear output "
        "+ 1 per averaged input.",
    ),
    Quantity(
        "activations",
        "acts",
        lambda cost: cost.activations,
        legend="acts: output elements of convolutions and the classifier.",
    ),
    Quantity(
        "elements",
        "elements",
        lambda cost: cost.elements,
        legend="elements: of operators without MACs (BN, ReLU, sums, …); no tool counts them.",
    ),
    Quantity(
        "train_saved_bytes",
        "saved",
        lambda cost: cost.saved_bytes,
        "B",
        "saved: what autograd keeps of {images} for the backward pass, float32, batch {batch}.",
    ),
    Quantity(
        "bytes_moved",
        "moved",
        lambda cost: cost.bytes_moved,
        "B",
        "moved: maps and parameters read and written in inference, float32, nothing fused.",
    ),
    Quantity(
        "intensity",
        "intensity",
        lambda cost: cost.intensity,
        "FLOP/B",
        scaled=False,
        digits=1,
        in_json="intensity_flops_per_byte",
    ),
)
"""In the order of tables, JSON and CSV."""
