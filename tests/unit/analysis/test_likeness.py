"""A `state_dict` fits a network of the same likeness, and no likeness hides what it computes."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import tiny_spec

from archcompiler.analysis.likeness import likeness
from archcompiler.compiler import compile

SPEC = tiny_spec({"channels": 32, "modules": 1, "depth": 1})


def of(*settings: str, **changes: Any) -> str:
    network = compile(SPEC | changes, settings)
    return likeness(network.graph, network.classifiers)


@pytest.mark.parametrize(
    "settings",
    [
        ("input=[3, 48, 40]",),
        ("classes=7",),
        ("norm.momentum=0.01",),
        ("attention.trunk={type='preact_bottleneck', drop_path=0.1}",),
        ("name=other",),
    ],
)
def test_what_a_checkpoint_does_not_depend_on(settings: tuple[str, ...]) -> None:
    assert of(*settings) == of()


@pytest.mark.parametrize(
    "settings",
    [
        ("activation=silu",),
        ("norm.eps=1e-3",),
        ("attention.learning=naive",),
        ("attention.mask.pool={padding=1, ceil=false}",),
        ("stages.0.channels=64",),
        ("stages.0.stride=2",),
        ("input=[1, 32, 32]",),
    ],
)
def test_what_it_does(settings: tuple[str, ...]) -> None:
    assert of(*settings) != of()


def test_layers_of_other_names_have_other_keys() -> None:
    def block(*names: str) -> dict[str, Any]:
        steps = {name: {"op": "conv", "channels": "c", "kernel": 3} for name in names}
        return {"named": {"steps": steps}}

    stage = {"channels": 32, "unit": "named"}
    a, b, c = (
        of(blocks=block(*names), stages=[stage])
        for names in (("one", "two"), ("two", "one"), ("one", "two"))
    )
    assert a == c
    assert a != b


def test_a_step_that_does_nothing_is_none() -> None:
    def block(amount: float) -> dict[str, Any]:
        conv = {"op": "conv", "channels": "c", "kernel": 3}
        return {"moved": {"steps": {"conv": conv, "shift": {"op": "shift", "amount": amount}}}}

    stage = {"channels": 32, "unit": "moved"}
    nothing, one = (of(blocks=block(amount), stages=[stage]) for amount in (0.0, 1.0))
    without = {"moved": {"steps": {"conv": block(0.0)["moved"]["steps"]["conv"]}}}
    assert nothing == of(blocks=without, stages=[stage]) != one
