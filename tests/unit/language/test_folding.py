"""Which batch norms of a block a layer takes in, and what the others become."""

from __future__ import annotations

import pytest
from tiny import tiny_spec
from torch import nn

import archcompiler
from archcompiler.verify import verify
from archcompiler.verify.inference import compare

DROPOUT = {"op": "dropout", "probability": 0.5}
Steps = dict[str, dict[str, object]]


def conv(**more: object) -> dict[str, object]:
    return {"op": "conv", "channels": "c", "kernel": 3} | more


def norm(**more: object) -> dict[str, object]:
    return {"op": "norm"} | more


CASES: dict[str, tuple[Steps, int, int]] = {
    "after a convolution": ({"a": conv(), "n": norm()}, 1, 0),
    "with a bias of its own": ({"a": conv(bias=True), "n": norm()}, 1, 0),
    "by its operator": ({"a": conv(), "n": {"op": "batch_norm", "eps": 0.5}}, 1, 0),
    "grouped": ({"a": conv(groups=4), "n": norm()}, 1, 0),
    "depthwise": ({"a": conv(groups="cin"), "n": norm()}, 1, 0),
    "before a convolution": ({"n": norm(), "a": conv()}, 0, 1),
    "twice": ({"a": conv(), "n": norm(), "m": norm()}, 1, 1),
    "after pooling": (
        {"a": conv(), "p": {"op": "avg_pool", "kernel": 3, "stride": 1, "padding": 1}, "n": norm()},
        0,
        1,
    ),
    "behind two of training": (
        {"a": conv(), "d": DROPOUT, "e": {"op": "drop_path", "probability": 0.5}, "n": norm()},
        1,
        0,
    ),
    "read by another": ({"a": conv(), "n": norm(), "s": {"op": "add", "from": ["a", "n"]}}, 0, 1),
    "read by two": (
        {"a": conv(), "n": norm(), "r": {"op": "act"}, "s": {"op": "add", "from": ["n", "r"]}},
        1,
        0,
    ),
    "side by side": (
        {
            "a": conv(),
            "b": conv(**{"from": "x"}),
            "n": norm(**{"from": "a"}),
            "m": norm(**{"from": "b"}),
            "s": {"op": "add", "from": ["n", "m"]},
        },
        2,
        0,
    ),
    "under one condition": (
        {"a": conv(when="c != 16"), "n": norm(when="c != 16"), "b": conv()},
        0,
        0,
    ),
    "under a condition that holds": (
        {"a": conv(when="c == 16"), "n": norm(when="c == 16"), "b": conv()},
        1,
        0,
    ),
    "under a condition of its own": ({"a": conv(), "n": norm(when="c == 16"), "b": conv()}, 1, 0),
    "with a bias, under a condition of its own": (
        {"a": conv(bias=True), "n": norm(when="c == 16"), "b": conv()},
        0,
        1,
    ),
    "not there, under a condition of its own": (
        {"a": conv(), "n": norm(when="c != 16"), "b": conv()},
        0,
        0,
    ),
    "after what may not be there": ({"a": conv(when="c == 16"), "n": norm(), "b": conv()}, 0, 1),
    "in place of something else": (
        {"p": {"op": "act"}, "a": conv(), "n": {**norm(when="c == 16"), "else": "p"}, "b": conv()},
        0,
        1,
    ),
    "after dropout": ({"a": conv(), "d": {"op": "dropout", "probability": 0.5}, "n": norm()}, 1, 0),
    "before dropout": (
        {"a": conv(), "n": norm(), "d": {"op": "dropout", "probability": 0.5}},
        1,
        0,
    ),
    "after a transposed convolution": ({"a": conv(op="conv_transpose"), "n": norm()}, 1, 0),
    "after a transposed convolution in groups, to a target": (
        {
            "h": conv(stride=2, channels="c / 2"),
            "u": conv(op="conv_transpose", stride=2, groups=4, **{"from": ["h", "x"]}),
            "n": norm(),
        },
        1,
        0,
    ),
    "a linear layer": (
        {
            "p": {"op": "global_avg_pool"},
            "l": {"op": "linear", "features": "c"},
            "n": norm(),
            "s": {"op": "mul", "from": ["x", "n"]},
        },
        1,
        0,
    ),
}


@pytest.fixture(scope="module")
def network() -> archcompiler.CompiledNetwork:
    """A stage for each case."""
    units = {f"own{i}": {"steps": steps} for i, (steps, *_) in enumerate(CASES.values())}
    stages = ({"channels": 16, "unit": name} for name in units)
    bare = {"stem": {"type": "conv", "norm": False}, "head": {"norm": False}}
    return archcompiler.compile(tiny_spec(*stages, blocks=units, input=[3, 8, 8], **bare))


def test_it_is_the_same_function(network: archcompiler.CompiledNetwork) -> None:
    proof = verify(network.deployed)
    assert proof.holds, str(proof)
    assert compare(network).holds


@pytest.mark.parametrize("case", CASES)
def test_what_is_folded(case: str, network: archcompiler.CompiledNetwork) -> None:
    _, folded, affine = CASES[case]
    stage = f"stage{[*CASES].index(case) + 1}"
    before = kinds(network.module().get_submodule(stage))
    after = kinds(network.deployed.module().get_submodule(stage))
    assert before.count("BatchNorm2d") == folded + affine
    assert after.count("Affine") == affine
    assert not {"BatchNorm2d", "Dropout"} & {*after}


def kinds(module: nn.Module) -> list[str]:
    return [type(part).__name__ for part in module.modules()]


def test_they_are_counted(network: archcompiler.CompiledNetwork) -> None:
    norms = network.deployed.batch_norms
    assert norms is not None
    every = kinds(network.deployed.module())
    assert norms.affine == every.count("Affine")
    assert norms.total == kinds(network.module()).count("BatchNorm2d")


@pytest.mark.parametrize("type", ["group", "layer"])
def test_other_norms_stay(type: str) -> None:
    norm = {"type": type} | ({"groups": 4} if type == "group" else {})
    network = archcompiler.compile(tiny_spec({"channels": 16, "modules": 1, "depth": 1}, norm=norm))
    assert str(network.deployed.batch_norms) == "0 of 0 batch norms folded"
    assert compare(network).deviation == 0.0


def test_eps_of_a_network_of_a_step_and_of_an_argument() -> None:
    steps = {
        "a": conv(),
        "n": norm(),
        "b": conv(),
        "m": {"op": "batch_norm", "eps": "own"},
        "o": {"op": "batch_norm", "eps": 0.25},
    }
    unit = {"steps": steps, "options": {"own": {"type": "float", "default": 0.5}}}
    stages = [{"channels": 16, "unit": {"type": "own", "own": eps}} for eps in (0.5, 0.125)]
    network = archcompiler.compile(
        tiny_spec(*stages, blocks={"own": unit}, norm={"type": "batch", "eps": 0.0625})
    )
    source = network.deployed.source
    for text in ('"n", eps=0.0625', '"m", eps=own', '"o", eps=0.25'):
        assert f"FoldedNorm({text})" in source
    assert compare(network).holds
