"""Batch norms after sums, of which a convolution has taken all in."""

from __future__ import annotations

import pytest
from tiny import tiny_spec
from unit.language.sums import A_NORM, B_NORM, BARE, Steps, conv, norm, total, units

import archcompiler
from archcompiler.verify import verify
from archcompiler.verify.inference import compare

DEEP: dict[str, object] = {"channels": "cin", "groups": "cin"}
NORMED: dict[str, tuple[Steps, list[str]]] = {
    "of two norms": (A_NORM | B_NORM | {"s": total("n", "m"), "k": norm("s")}, ["conv"]),
    "of nothing with a bias": (
        {"a": conv(), "b": conv(1), "s": total("a", "b"), "k": norm("s"), "relu": {"op": "act"}},
        ["conv"],
    ),
    "of biases": (
        {"a": conv(bias=True), "b": conv(1, bias=True), "s": total("a", "b"), "k": norm("s")},
        ["conv"],
    ),
    "of the input": ({"a": conv(channels="cin"), "s": total("a", "x"), "k": norm("s")}, ["conv"]),
    "as in RepViT": (
        {"a": conv(**DEEP), "n": norm("a"), "b": conv(1, bias=True, **DEEP)}
        | {"s": total("n", "b", "x"), "k": norm("s")},
        ["conv"],
    ),
    "as in UniRepLKNet": (
        {"a": conv(7, **DEEP), "n": norm("a"), "b": conv(dilation=3, **DEEP), "m": norm("b")}
        | {"s": total("n", "m"), "k": {"op": "batch_norm", "eps": 0.25}},
        ["conv"],
    ),
    "of two sums": (
        A_NORM
        | B_NORM
        | {"s": total("n", "m"), "d": conv(5, bias=True), "t": total("s", "d"), "k": norm("t")},
        ["conv"],
    ),
    "before another sum": (
        {"a": conv(**DEEP), "n": norm("a"), "s": total("n", "x"), "k": norm("s")}
        | {"t": total("k", "x")},
        ["add", "conv"],
    ),
    "of what is left of a sum": (
        {"a": conv(), "b": conv(1), "p": {"op": "max_pool", "from": "x", "kernel": 1, "stride": 1}}
        | {"q": conv(1, **{"from": "p"}), "s": total("a", "b", "q"), "k": norm("s")},
        ["add", "affine", "conv", "conv"],
    ),
    "that may not be there": (
        A_NORM | B_NORM | {"s": total("n", "m"), "k": norm("s", when="c == 16")},
        ["affine", "conv"],
    ),
    "that is there where there is a bias": (
        {"a": conv(), "b": conv(1), "s": total("a", "b"), "k": norm("s", when="c == 16")},
        ["conv"],
    ),
    "that is not there": (
        {"a": conv(), "b": conv(1), "s": total("a", "b"), "k": norm("s", when="c == 3")},
        ["conv"],
    ),
    "of a sum that another reads": (
        A_NORM | B_NORM | {"s": total("n", "m"), "k": norm("s"), "t": total("k", "s")},
        ["add", "affine", "conv"],
    ),
}
"""Batch norms after sums, and what is left of each unit."""


@pytest.fixture(scope="module")
def normed() -> archcompiler.CompiledNetwork:
    return units({name: steps for name, (steps, _) in NORMED.items()})


@pytest.mark.parametrize("case", NORMED)
def test_a_norm_after_a_sum(case: str, normed: archcompiler.CompiledNetwork) -> None:
    stage = f"stage{[*NORMED].index(case) + 1}/"
    kinds = [n.op.kind for n in normed.deployed.graph.nodes() if n.path.startswith(stage)]
    counted = ("conv", "add", "affine")
    assert sorted(kind for kind in kinds if kind in counted) == NORMED[case][1]


def test_a_norm_after_a_sum_that_is_there_in_one_of_two_stages() -> None:
    steps = {"a": conv(), "b": conv(1), "s": total("a", "b"), "k": norm("s", when="c == 16")}
    stages = [{"channels": 16, "unit": "own"}, {"channels": 32, "unit": "own"}]
    spec = tiny_spec(*stages, blocks={"own": {"steps": steps}}, input=[3, 8, 8], **BARE)
    network = archcompiler.compile(spec)
    assert "bias=channels == 16" in network.deployed.source
    assert compare(network).holds


def test_it_is_the_same_function(normed: archcompiler.CompiledNetwork) -> None:
    proof = verify(normed.deployed)
    assert proof.holds, str(proof)
    assert compare(normed).holds
