"""Which branches of a sum are part of one convolution in inference, and with which weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_spec
from unit.language.sums import A_NORM, B_NORM, BARE, Steps, conv, norm, total, units

import archcompiler
from archcompiler.verify import verify
from archcompiler.verify.inference import compare

SAME = "stride == 1 and cin == c"
DILATED = ((5, 1), (5, 2), (3, 3), (3, 4), (3, 5))
"""Kernels and dilations beside a kernel of 13."""


MERGED: dict[str, Steps] = {
    "RepVGG": A_NORM
    | B_NORM
    | {
        "both": total("n", "m"),
        "i": norm("x", when=SAME),
        "all": {**total("both", "i"), "when": SAME, "else": "both"},
        "relu": {"op": "act"},
    },
    "all at once": {
        "a": conv(channels="cin"),
        "n": norm("a"),
        "b": conv(1, channels="cin"),
        "m": norm("b"),
        "i": norm("x"),
        "s": total("n", "m", "i"),
    },
    "the smaller one first": B_NORM | A_NORM | {"s": total("m", "n")},
    "equal kernels": A_NORM | {"b": conv(), "m": norm("b"), "s": total("n", "m")},
    "sides of their own": A_NORM
    | {
        "b": conv([1, 3]),
        "m": norm("b"),
        "d": conv([3, 1]),
        "o": norm("d"),
        "s": total("n", "m", "o"),
    },
    "without norms": {"a": conv(), "b": conv(1), "s": total("a", "b")},
    "with biases of their own": {
        "a": conv(bias=True),
        "b": conv(1, bias=True),
        "s": total("a", "b"),
    },
    "a norm and a bias": A_NORM | {"b": conv(1, bias=True), "s": total("n", "b")},
    "a norm and neither": A_NORM | {"b": conv(1), "s": total("n", "b")},
    "depthwise": {
        "a": conv(7, channels="cin", groups="cin"),
        "n": norm("a"),
        "b": conv(5, channels="cin", groups="cin"),
        "m": norm("b"),
        "i": norm("x"),
        "s": total("n", "m", "i"),
    },
    "grouped": {
        "a": conv(channels="cin", groups=4),
        "n": norm("a"),
        "i": norm("x"),
        "s": total("n", "i"),
    },
    "dilated, where one has no need of it": {
        "a": conv(dilation=2, bias=True),
        "b": conv(1),
        "s": total("a", "b"),
    },
    "dilated alike": {"a": conv(5, dilation=2), "b": conv(dilation=2), "s": total("a", "b")},
    "dilated, as in UniRepLKNet": {
        "a": conv(13, groups="c", channels="cin"),
        "n": norm("a"),
        **{f"b{k}{d}": conv(k, dilation=d, groups="c", channels="cin") for k, d in DILATED},
        **{f"m{k}{d}": norm(f"b{k}{d}") for k, d in DILATED},
        "s": total("n", *(f"m{k}{d}" for k, d in DILATED)),
    },
    "dilated twice as far": {
        "a": conv(5, dilation=2),
        "b": conv(dilation=4),
        "s": total("a", "b"),
    },
    "dilated along an axis": {
        "a": conv([5, 3]),
        "b": conv([3, 3], dilation=[2, 1]),
        "s": total("a", "b"),
    },
    "the input as it is": {"a": conv(channels="cin"), "s": total("a", "x")},
    "after an activation": {
        "p": norm("x"),
        "q": {"op": "act"},
        "a": conv(channels="cin", **{"from": "q"}),
        "n": norm("a"),
        "i": norm("q"),
        "s": total("n", "i"),
    },
    "epsilons": {
        "a": conv(),
        "n": {"op": "batch_norm", "eps": 0.5},
        "b": conv(1),
        "m": {"op": "batch_norm", "eps": 0.25},
        "s": total("n", "m"),
    },
    "windows that are the same, of any sides": {
        "a": conv("side", padding=2, dilation="2"),
        "n": norm("a"),
        "b": conv("side", padding=2, dilation="2"),
        "m": norm("b"),
        "s": total("n", "m"),
    },
    "even sides that are the same": {
        "p": {"op": "max_pool", "kernel": 2, "stride": 1, "padding": 1},
        "a": conv(2, **{"from": "p"}),
        "n": norm("a"),
        "b": conv(2, **{"from": "p"}),
        "m": norm("b"),
        "s": total("n", "m"),
    },
    "after an activation that is named": {
        "q": {"op": "relu"},
        "a": conv(channels="cin", **{"from": "q"}),
        "n": norm("a"),
        "s": total("n", "q"),
    },
    "what has branches of its own": A_NORM
    | B_NORM
    | {"s": total("n", "m"), "d": conv(5), "o": norm("d"), "t": total("s", "o")},
    "under a condition that does not hold": A_NORM
    | {name: step | {"when": "c == 3"} for name, step in B_NORM.items()}
    | {"s": {**total("n", "m"), "when": "c == 3", "else": "n"}},
    "under one that holds": A_NORM
    | {name: step | {"when": "c == 16"} for name, step in B_NORM.items()}
    | {"s": {**total("n", "m"), "when": "c == 16", "else": "n"}},
}
"""Of each unit one convolution is left."""
APART: dict[str, Steps] = {
    "of other maps": {
        "p": {"op": "act"},
        "a": conv(),
        "b": conv(1, **{"from": "p"}),
        "s": total("a", "b"),
    },
    "of other groups": {"a": conv(), "b": conv(1, groups=2), "s": total("a", "b")},
    "dilated beyond the other": {"a": conv(5), "b": conv(dilation=3), "s": total("a", "b")},
    "dilated between what the other reads": {
        "a": conv(5, dilation=2),
        "b": conv(dilation=3),
        "s": total("a", "b"),
    },
    "of even sides": {
        "a": conv(4),
        "b": conv(2),
        "s": total("a", "b"),
        "p": {"op": "max_pool", "kernel": 2, "stride": 1, "padding": 1},
    },
    "the input, of which nobody says how many channels it has": {"a": conv(), "s": total("a", "x")},
    "the input, of another size": {
        "a": conv(channels="cin", stride="stride"),
        "s": total("a", "x"),
    },
    "at the end, under another condition": {
        "a": conv(channels="cin"),
        "n": norm("a"),
        "i": norm("x", when="c == 16"),
        "s": total("n", "i"),
    },
    "with padding": {"a": conv(padding=1), "b": conv(1), "s": total("a", "b")},
    "neither covers the other": {"a": conv([1, 3]), "b": conv([3, 1]), "s": total("a", "b")},
    "read by another": A_NORM
    | B_NORM
    | {"s": total("n", "m"), "t": {"op": "mul", "from": ["s", "m"]}},
    "added twice": A_NORM | B_NORM | {"s": total("n", "m", "m")},
    "read by another, the larger one": A_NORM
    | B_NORM
    | {"s": total("n", "m"), "t": {"op": "mul", "from": ["s", "n"]}},
    "what may not be there": {
        "a": conv(channels="cin", when="c == 3"),
        "b": conv(1, channels="cin"),
        "s": total("a", "b"),
    },
    "the input twice": {"a": conv(channels="cin"), "s": total("a", "x", "x")},
    "a norm of the input, without a bias": {
        "a": conv(channels="cin"),
        "i": norm("x"),
        "s": total("a", "i"),
    },
    "a bias, where the other may have none": {
        "a": conv(),
        "n": norm("a", when="c == 3"),
        "b": conv(1, bias=True),
        "s": total("n", "b"),
    },
    "what stands for a map of more channels": {
        "p": conv(1, channels=1, when="c == 3"),
        "a": conv(channels=1, **{"from": "p"}),
        "s": total("a", "p"),
    },
    "one channel to all, under either condition": {
        "a": conv(channels=1),
        "n": norm("a"),
        "i": norm("x", when="stride == 1 or cin == 1"),
        "s": {**total("n", "i"), "when": "stride == 1 or cin == 1", "else": "n"},
    },
    "one channel to all, as a condition says": {
        "a": conv(channels=1),
        "n": norm("a"),
        "i": norm("x", when="cin != 1"),
        "s": {**total("n", "i"), "when": "cin != 1", "else": "n"},
    },
    "the input, of sides that are not known": {
        "a": conv("side", channels="cin"),
        "s": total("a", "x"),
    },
    "a smaller one, of sides that are not known": {
        "a": conv("side"),
        "b": conv(1),
        "s": total("a", "b"),
    },
    "of one kernel, dilated otherwise": {
        "a": conv(padding=2, dilation=2),
        "b": conv(padding=1),
        "s": total("a", "b"),
    },
    "a product": A_NORM | B_NORM | {"s": {"op": "mul", "from": ["n", "m"]}},
    "a bias that the other has no room for": {
        "a": conv(),
        "b": conv(1, bias=True),
        "s": total("a", "b"),
    },
    "a pool's": {
        "a": conv(),
        "p": {"op": "max_pool", "from": "x", "kernel": 3, "stride": 1, "padding": 1},
        "s": total("a", "p"),
    },
}
"""Of each unit both convolutions, or more, are left, or what else is added."""


@pytest.fixture(scope="module")
def merged() -> archcompiler.CompiledNetwork:
    return units(MERGED)


@pytest.fixture(scope="module")
def apart() -> archcompiler.CompiledNetwork:
    return units(APART)


@pytest.mark.parametrize("which", ["merged", "apart"])
def test_it_is_the_same_function(which: str, request: pytest.FixtureRequest) -> None:
    network = request.getfixturevalue(which)
    proof = verify(network.deployed)
    assert proof.holds, str(proof)
    assert compare(network).holds


def left(network: archcompiler.CompiledNetwork, place: int) -> list[str]:
    """What is added, and by which convolutions, in a stage of the file for inference."""
    kinds = [
        node.op.kind
        for node in network.deployed.graph.nodes()
        if node.path.startswith(f"stage{place + 1}/")
    ]
    return sorted(kind for kind in kinds if kind in ("conv", "add"))


@pytest.mark.parametrize("case", MERGED)
def test_what_is_merged(case: str, merged: archcompiler.CompiledNetwork) -> None:
    assert left(merged, [*MERGED].index(case)) == ["conv"]


@pytest.mark.parametrize("case", APART)
def test_what_is_not(case: str, apart: archcompiler.CompiledNetwork) -> None:
    place = [*APART].index(case)
    before = [
        node.op.kind for node in apart.graph.nodes() if node.path.startswith(f"stage{place + 1}/")
    ]
    assert left(apart, place) == sorted(kind for kind in before if kind in ("conv", "add"))


@pytest.mark.parametrize(
    "steps",
    [
        {"a": conv(channels="cin", bias=True), "i": norm("x"), "s": total("a", "i")},
        {"a": conv(bias=True), "b": conv(1, bias=True), "s": total("a", "b")},
        {"a": conv(channels="cin"), "s": total("a", "x")},
    ],
    ids=["a norm in a branch", "biases", "the input"],
)
def test_no_layer_need_have_taken_a_norm_in(steps: Steps) -> None:
    spec = tiny_spec(unit="own", blocks={"own": {"steps": steps}}, input=[3, 8, 8], **BARE)
    network = archcompiler.compile(spec)
    assert left(network, 0) == ["conv"]
    assert verify(network.deployed).holds
    assert compare(network).holds


@pytest.mark.parametrize("kind", ["activation", "norm"])
def test_what_an_activation_or_norm_makes_need_not_keep_its_channels(kind: str) -> None:
    mean = {"type": "reduce", "how": "mean", "axis": "channels"}
    word = {"activation": "act", "norm": "norm"}[kind]
    steps = {
        "p": conv(1),
        "q": {"op": word},
        "a": conv(**{"from": "q"}),
        "s": total("a", "q"),
        "t": total("s", "x"),
    }
    changes = {kind: mean, "blocks": {"own": {"steps": steps}}, "input": [3, 8, 8]}
    network = archcompiler.compile(tiny_spec(unit="own", **changes, **BARE))
    assert compare(network).holds


def test_of_equal_branches_the_first_keeps_its_name() -> None:
    steps = {f"conv{i}": conv() for i in range(4)}
    steps["sum"] = total(*steps)
    network = archcompiler.compile(tiny_spec(unit="own", blocks={"own": {"steps": steps}}))
    paths = [node.path for node in network.deployed.graph.nodes() if "stage1" in node.path]
    assert [path.rpartition("/")[2] for path in paths] == ["conv0"]


@st.composite
def sums(draw: st.DrawFn, dims: int) -> Steps:
    """A sum of convolutions, some with norms, and perhaps of the input or of its norm."""
    sides = st.sampled_from([1, 3, 5]) | st.lists(
        st.sampled_from([1, 3]), min_size=dims, max_size=dims
    )
    steps: Steps = {}
    names = []
    for number in range(draw(st.integers(1, 3))):
        name = f"conv{number}"
        steps[name] = conv(
            draw(sides),
            channels="cin",
            groups=draw(st.sampled_from([1, 1, 2, "cin"])),
            dilation=draw(st.sampled_from([1, 1, 2, 4])),
            bias=draw(st.booleans()),
        )
        if draw(st.booleans()):
            steps[f"norm{number}"] = norm(name)
            name = f"norm{number}"
        names.append(name)
    if draw(st.booleans()):
        steps["input_norm"] = norm("x")
        names.append("input_norm")
    if len(names) == 1 or draw(st.booleans()):
        names.append("x")
    names = draw(st.permutations(names))
    last = {"norm": {"op": "norm"}} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        return steps | {"sum": total(*names)} | last
    steps["sum0"] = total(*names[:2])
    for number, name in enumerate(names[2:]):
        steps[f"sum{number + 1}"] = total(f"sum{number}", name)
    return steps | last


@settings(max_examples=settings().max_examples // 10)
@given(st.data(), st.integers(1, 3))
def test_any_sum_stays_the_same_function(data: st.DataObject, dims: int) -> None:
    torch.set_num_threads(1)
    stages = [{"channels": 8, "unit": "own"}, {"channels": 8, "unit": "own"}]
    spec = tiny_spec(
        *stages,
        blocks={"own": {"steps": data.draw(sums(dims))}},
        input=[3, *[6] * dims],
        stem={"type": "conv", "kernel": 3, "stride": 1, "channels": 8},
    )
    network = archcompiler.compile(spec)
    assert compare(network).holds
