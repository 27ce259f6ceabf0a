"""The proof holds for what is emitted, and fails for every change to it that matters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny import tiny_spec

import archcompiler
from archcompiler.compiler import CompiledNetwork
from archcompiler.emit.load import load_module
from archcompiler.verify.comparing import compared, dataflow
from archcompiler.verify.isomorphism import Dataflow
from archcompiler.verify.proof import Proof, prove

SPEC = tiny_spec(
    {"channels": 32, "modules": 2, "depth": 2},
    {"channels": 64, "stride": 2, "modules": 1, "depth": 1, "after": 1},
)


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return archcompiler.compile(SPEC)


def proof_of(network: CompiledNetwork, source: str) -> Proof:
    with torch.device("meta"):
        module = getattr(load_module(network.name, source), network.name)()
    return prove(network.graph, module)


def test_what_is_emitted_is_proved(network: CompiledNetwork) -> None:
    proof = proof_of(network, network.source)
    assert proof.holds, str(proof)
    assert proof.operators == len(list(network.graph.nodes()))


# Mistakes of widely copied ports, and smaller ones.
@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "F.max_pool2d(x, 3, 2, ceil_mode=True)",
            "F.max_pool2d(x, 3, 2, padding=1)",
            id="pooling with padding 1: the same sizes, other windows",
        ),
        pytest.param(
            "y = self.up(self.inner(y) + self.skip(y))",
            "y = self.up(self.inner(y) + self.skip(y) + y)",
            id="the encoder's tensor added once more",
        ),
        pytest.param(
            "torch.addcmul(trunk, trunk, self.mask(x))",
            "trunk * self.mask(x)",
            id="naive for residual",
        ),
        pytest.param(
            "torch.addcmul(trunk, trunk, self.mask(x))",
            "(1 + trunk) * self.mask(x)",
            id="(1 + T)·M",
        ),
        pytest.param("align_corners=True", "align_corners=False", id="align_corners"),
        pytest.param("self.skip(y)", "self.skip(self.skip(y))", id="a module called twice"),
        pytest.param("return self.conv3(y) + shortcut", "return self.conv3(y)", id="no shortcut"),
        pytest.param(
            "self.norm2(self.conv1(activated))",
            "self.conv1(activated)",
            id="a norm that is never called",
        ),
        pytest.param("size=x.shape[-2:]", "size=(16, 16)", id="a size hard-coded"),
        pytest.param(
            "self.project = nn.Conv2d", "self.shortcut = self.project = nn.Conv2d", id="renamed"
        ),
        pytest.param(
            "self.project = None", "self.project = nn.Conv2d(in_channels, channels, 1)", id="dead"
        ),
        pytest.param(
            "self.norm1 = nn.BatchNorm2d(in_channels)",
            "self.norm1 = nn.BatchNorm2d(in_channels, eps=1e-3)",
            id="eps",
        ),
        pytest.param("torch.sigmoid(", "torch.tanh(", id="another activation"),
        pytest.param("2 * r if depth == 1 else r", "r", id="units missing at the bottom"),
        pytest.param("return self.post(y)", "return self.pre(y)", id="weights shared"),
        pytest.param(
            "return self.post(y)",
            "self.post(y)\n        return y",
            id="a result thrown away",
        ),
        pytest.param(
            "return self.conv3(y) + shortcut",
            "y = self.conv3(y) + shortcut\n        return 2 * y if self.training else y",
            id="twice in training",
        ),
        pytest.param(
            "        return self.conv3(y) + shortcut",
            "        with torch.no_grad():\n            return self.conv3(y) + shortcut",
            id="no gradients",
        ),
        pytest.param(
            "    def forward(self, x: Tensor) -> Tensor:\n        activated",
            "    def train(self, mode=True):\n        self.norm1.eval()\n        return self\n\n"
            "    def forward(self, x: Tensor) -> Tensor:\n        activated",
            id="a norm with the statistics of evaluation",
        ),
        pytest.param(
            "        self.project = None",
            "        self.project = None\n        self.conv1.requires_grad_(False)",
            id="a layer that is not learnt",
        ),
        pytest.param(
            "        self.project = None",
            "        self.project = None\n"
            "        self.register_buffer('seen', torch.zeros(channels))",
            id="state that nothing reads",
        ),
        pytest.param(
            "        self.project = None",
            "        self.project = None\n        del self.norm1.num_batches_tracked\n"
            "        self.norm1.num_batches_tracked = None",
            id="a norm that does not count",
        ),
        pytest.param(
            "        self.project = None",
            "        self.project = None\n"
            "        self.conv1.register_forward_hook(lambda own, x, y: 2 * y)",
            id="a hook",
        ),
        pytest.param(
            "        self.project = None",
            "        self.project = None\n        self.norm1.forward = lambda x: x",
            id="a norm whose own forward is another",
        ),
    ],
)
def test_a_changed_module_is_not_proved(network: CompiledNetwork, old: str, new: str) -> None:
    assert network.source.count(old) >= 1
    proof = proof_of(network, network.source.replace(old, new, 1))
    assert not proof.holds
    assert str(proof).count("\n") >= 1


@pytest.mark.parametrize("factors", [["l", "x"], ["x", "l"]])
def test_a_product_may_begin_with_the_smaller_factor(factors: list[str]) -> None:
    steps = {
        "p": {"op": "global_avg_pool"},
        "l": {"op": "linear", "features": "c"},
        "m": {"op": "mul", "from": factors},
    }
    spec = tiny_spec({"channels": 16, "unit": "weighed"}, blocks={"weighed": {"steps": steps}})
    found = archcompiler.compile(spec | {"stem": {"type": "conv", "channels": 16}})
    assert prove(found.graph, found.module()).holds


@pytest.mark.parametrize(
    ("op", "old", "new"),
    [
        ("add", "x + F.relu(x) + torch.tanh(x) + F.silu(x)", "x + F.relu(x) + F.silu(x)"),
        ("add", "F.relu(x) + torch.tanh(x)", "F.relu(x) + F.relu(x)"),
        ("maximum", "torch.maximum(x, F.relu(x))", "F.relu(x)"),
        ("maximum", "torch.maximum(x, F.relu(x))", "torch.maximum(x, x)"),
    ],
)
def test_a_join_of_four_is_proved_with_each_of_them(op: str, old: str, new: str) -> None:
    kinds = {"a": "relu", "b": "tanh", "c": "silu"}
    steps: dict[str, Any] = {name: {"op": kind, "from": "x"} for name, kind in kinds.items()}
    steps["join"] = {"op": op, "from": ["x", *kinds]}
    spec = tiny_spec({"channels": 16, "unit": "joined"}, blocks={"joined": {"steps": steps}})
    network = archcompiler.compile(spec)
    assert proof_of(network, network.source).holds
    assert network.source.count(old) == 1
    assert not proof_of(network, network.source.replace(old, new)).holds


def test_equal_submodules_in_each_others_places_are_not_proved() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 3}
    steps = {"first": conv, "act": {"op": "relu"}, "second": conv}
    spec = tiny_spec({"channels": 16, "unit": "two"}, blocks={"two": {"steps": steps}})
    network = archcompiler.compile(spec)
    old, new = "self.second(F.relu(self.first(x)))", "self.first(F.relu(self.second(x)))"
    assert network.source.count(old) == 1
    # The same graph, and the same names: but weights of one would be those of the other.
    (difference,) = proof_of(network, network.source.replace(old, new)).differences
    assert "from `stage1/before/unit1/first` on, submodules" in difference


def test_differences_name_the_first_node(network: CompiledNetwork) -> None:
    source = network.source.replace("align_corners=True", "align_corners=False")
    text = str(proof_of(network, source))
    assert "stage1/attention1/mask/hourglass/inner/interpolate" in text
    assert "align_corners=False" in text


def test_what_is_computed_once_more_is_named() -> None:
    steps = {"tanh": {"op": "tanh"}, "sum": {"op": "add", "from": ["x", "tanh"]}}
    spec = tiny_spec({"channels": 16, "unit": "summed"}, blocks={"summed": {"steps": steps}})
    network = archcompiler.compile(spec)
    assert network.source.count("torch.tanh(x)") == 1
    twice = network.source.replace("torch.tanh(x)", "(torch.tanh(x), torch.tanh(x))[0]")
    assert "the graph has no `tanh_1`: tanh → 16×32×32" in proof_of(network, twice).differences


def test_a_sum_of_three_is_a_chain_of_two() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 1, "from": "x"}
    names = ["one", "two", "three"]
    steps = {**dict.fromkeys(names, conv), "add": {"op": "add", "from": names}}
    found = archcompiler.compile(
        tiny_spec({"channels": 16, "unit": "own"}, blocks={"own": {"steps": steps}})
    )
    proof = proof_of(found, found.source)
    assert proof.holds, str(proof)


def test_the_same_operators_used_differently_are_no_proof() -> None:
    """Two that are alike are both read; as many, of which one is read twice, are another graph."""
    pool = {"op": "max_pool", "kernel": 3, "stride": 1, "padding": 1, "from": "x"}
    steps = {
        "pool1": pool,
        "pool2": pool,
        "act1": {"op": "relu", "from": "pool1"},
        "act2": {"op": "sigmoid", "from": "pool2"},
        "add": {"op": "add", "from": ["act1", "act2"]},
    }
    stage = {"channels": 16, "unit": "own"}
    stem = {"type": "conv", "channels": 16}
    graph = archcompiler.compile(
        tiny_spec(stage, stem=stem, blocks={"own": {"steps": steps}}, head={"type": "none"})
    ).graph
    parameters = {node.path: node.op.parameters for node in graph.nodes() if node.op.parameters}

    def changed() -> Dataflow:
        flow = dataflow(graph)
        one, two, act = (
            next(name for name in flow if name.endswith(f"/{step}"))
            for step in ("pool1", "pool2", "act2")
        )
        flow.remove_edge(two, act)
        flow.add_edge(one, act, role="data")
        return flow

    message = "the same operators, but used differently"
    assert message in compared(graph, changed, parameters).differences
