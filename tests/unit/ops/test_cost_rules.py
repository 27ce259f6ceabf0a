"""Every operator states its costs; one that does not is an error and never free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.cost import MissingRule
from archcompiler.ops.pointwise import Pointwise
from archcompiler.ops.registry import operators

RULES = ["work", "saved", "window"]
OPERATORS = list(operators().values())


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.__name__)
def test_every_operator_has_the_rule(operator: type[Operator], rule: str) -> None:
    assert getattr(operator, rule) is not getattr(Operator, rule)


@dataclass(frozen=True, slots=True)
class Cube(Pointwise):
    """An operator that somebody added in a hurry."""

    kind: ClassVar[str] = "cube"


def network(op: Operator) -> Graph:
    x = TensorType(3, 8, 8)
    return Graph("net", Block("network", x, (Step("op", op, (INPUT,), x),), "op"))


def test_what_is_missing_is_a_diagnostic_that_says_what_to_do() -> None:
    (found,) = MissingRule("cube", "work").diagnostics
    assert (found.code, found.message) == ("E315", "operator `cube` states no `work`")
    assert found.help == "define it beside its shape rule"


def test_an_operator_without_a_rule_is_an_error() -> None:
    with pytest.raises(MissingRule, match=r"`cube` states no `(work|saved)`"):
        network_cost(network(Cube()))


@dataclass(frozen=True, slots=True)
class Blind(Operator):
    kind: ClassVar[str] = "blind"


def test_an_operator_without_a_window_has_no_receptive_field() -> None:
    with pytest.raises(MissingRule, match="`blind` states no `window`"):
        ReceptiveField(network(Blind())).network(0)
