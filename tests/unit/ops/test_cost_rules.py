"""Every operator states its costs; one that does not is an error and never free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from archcompiler import ops
from archcompiler.analysis.costs import CostModel, total
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.cost import MissingRule
from archcompiler.ops.pointwise import Pointwise

RULES = ["work", "saved", "window"]
OPERATORS = [
    value
    for value in vars(ops).values()
    if isinstance(value, type) and issubclass(value, Operator) and value is not Operator
]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_operator_has_the_rule(operator: type[Operator], rule: str) -> None:
    assert getattr(operator, rule) is not getattr(Operator, rule)


def test_all_operators_are_looked_at() -> None:
    assert {operator.kind for operator in OPERATORS} == {
        "add", "batch_norm", "channel_norm", "concat", "conv", "dropout", "gate",
        "global_avg_pool", "interpolate", "linear", "max_pool", "mul", "relu", "sigmoid",
        "spatial_norm",
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cube(Pointwise):
    """An operator that somebody added in a hurry."""

    kind: ClassVar[str] = "cube"


def network(op: Operator) -> Graph:
    x = TensorType(3, 8, 8)
    return Graph("net", Block("network", None, x, (Step("op", op, (INPUT,), x),), "op"))


def test_an_operator_without_a_rule_is_an_error() -> None:
    with pytest.raises(MissingRule, match=r"`cube` states no `(work|saved)`"):
        total(CostModel(network(Cube())).network)


@dataclass(frozen=True, slots=True)
class Blind(Operator):
    kind: ClassVar[str] = "blind"


def test_an_operator_without_a_window_has_no_receptive_field() -> None:
    with pytest.raises(MissingRule, match="`blind` states no `window`"):
        ReceptiveField(network(Blind())).network(0)
