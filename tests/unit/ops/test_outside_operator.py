"""An operator that is not built in is checked, counted, built and verified like any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import pytest
import torch
from saved_tensors import saved_bytes
from torch import nn

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.sizes import valid_sizes
from archcompiler.backends.torch import (
    Helper,
    Reader,
    TorchOp,
    Value,
    expression,
    helper_of,
    torch_op,
)
from archcompiler.diagnostics import CompileError
from archcompiler.emit.load import load_module
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.registry import operator
from archcompiler.verify.counts import count
from archcompiler.verify.proof import prove

SOURCE = "def spread_channels(x):\n    return F.pixel_shuffle(x, 2)"


def _call(op: Operator, x: Sequence[str], dims: int) -> str:
    return f"spread_channels({x[0]})"


def _readers() -> Iterable[Reader]:
    def read(seen: Any, x: Any) -> Any:
        return Spread(), [x]

    yield Reader("spread_channels", read)


class Spread(Operator):
    """Four channels to the four quarters of a pixel."""

    kind: ClassVar[str] = "spread"
    backends: ClassVar[Mapping[str, object]] = {
        "torch": TorchOp(
            call=_call,
            helper=lambda dims: Helper("spread_channels", SOURCE),
            readers=_readers,
            uncounted=frozenset({"aten::pixel_shuffle"}),
        )
    }

    def shape(self, inputs: tuple[TensorType, ...]) -> TensorType:
        x = self.only(inputs)
        if x.channels % 4:
            raise ShapeError(f"{x.channels} channels are not fours", x)
        return TensorType(x.channels // 4, *(2 * side for side in x.size))

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        return Saved()

    def window(self, position: int, size: int, output_size: int, axis: int) -> tuple[int, int]:
        return position // 2, position // 2


def chain(x: TensorType, *ops: Operator) -> Graph:
    """A network of operators in a row, named op1, op2, …"""
    steps: list[Step] = []
    for i, op in enumerate(ops, 1):
        before = steps[-1] if steps else None
        type = op.shape((before.type if before else x,))
        steps.append(Step(f"op{i}", op, (before.name if before else INPUT,), type))
    return graph(x, *steps)


def graph(x: TensorType, *steps: Step) -> Graph:
    return Graph("net", Block("network", x, steps, steps[-1].name))


def built(network: Graph) -> nn.Module:
    """The module of a network without nested blocks, a line for each step."""
    x = network.input
    helpers, made, lines = {}, [], []
    values = {INPUT: Value("x")}
    for step in network.root.steps:
        op = step.body
        assert isinstance(op, Operator)
        record, helper = torch_op(op), helper_of(op, x.dims)
        if helper is not None:
            helpers[helper.name] = helper.source
        if record.module is not None:
            made.append(f"        self.{step.name} = {record.module(op, x.dims)}\n")
        inputs = [values[name] for name in step.inputs]
        text, flat = expression(op, inputs, x.dims, module=f"self.{step.name}")
        lines.append(f"        {step.name} = {text}\n")
        values[step.name] = Value(step.name, flat)
    head = "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n\n"
    body = (
        "\n\nclass Module(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"{''.join(made)}\n    def forward(self, x):\n{''.join(lines)}"
        f"        return {network.root.output}\n"
    )
    module: nn.Module = load_module("chain", head + "\n\n".join(helpers.values()) + body).Module()
    return module


def make(kind: str, *channels: int, **arguments: Any) -> Operator:
    """An operator for 2-D inputs of these channels."""
    return operator(kind).make(channels, 2, **arguments)


def test_an_outside_operator_is_verified_and_counted() -> None:
    x = TensorType(3, 8, 8)
    conv = make("conv", 3, channels=16, kernel=3)
    network = chain(x, conv, Spread(), make("conv", 4, channels=4, kernel=1), make("relu", 4))
    module = built(network)
    proof = prove(network, module)
    assert proof.holds, str(proof)
    counts = count(network, module)
    assert counts.holds, str(counts)
    assert str(valid_sizes(network)) == "1 and more"
    cost = network_cost(network)
    assert cost.saved_bytes == saved_bytes(built(network), (1, 3, 8, 8))


def test_other_code_under_its_name_is_refused() -> None:
    network = chain(TensorType(4, 8, 8), make("conv", 4, channels=16, kernel=1), Spread())
    module = built(network)
    source = SOURCE.replace("shuffle(x, 2)", "shuffle(x.flip(1), 2)")
    other = load_module("other", f"import torch.nn.functional as F\n{source}")
    names = module.forward.__globals__  # type: ignore[attr-defined]
    names["spread_channels"] = other.spread_channels
    proof = prove(network, module)
    assert not proof.holds
    assert "unknown operation" in str(proof)


def test_a_sum_of_three_is_a_chain_of_sums() -> None:
    x = TensorType(4, 8, 8)
    a, b, c = (Step(name, make("conv", 4, channels=4, kernel=1), (INPUT,), x) for name in "abc")
    for kind in ("add", "maximum"):
        join = Step("join", make(kind, 4, 4, 4), ("a", "b", "c"), x)
        proof = prove(graph(x, a, b, c, join), built(graph(x, a, b, c, join)))
        assert proof.holds, str(proof)
        twice = Step("join", make(kind, 4, 4, 4, 4), ("a", "b", "c", "c"), x)
        assert not prove(graph(x, a, b, c, join), built(graph(x, a, b, c, twice))).holds


def test_a_module_that_returns_too_early_is_refused() -> None:
    network = chain(TensorType(4, 8, 8), make("conv", 4, channels=4, kernel=1), make("relu", 4))
    module = built(network)

    class Early(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.op1 = module.op1

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.op1(x)
            torch.relu(y)
            return y  # type: ignore[no-any-return]

    (difference,) = prove(network, Early()).differences
    assert difference == "the module returns `op1` alone"


def test_what_does_nothing_is_left_out_of_a_proof() -> None:
    x, conv = TensorType(4, 8, 8), make("conv", 4, channels=4, kernel=1)
    nothing = [make(kind, 4, probability=0.0) for kind in ("drop_path", "dropout")]
    network = chain(x, conv, make("identity", 4), *nothing)
    assert prove(network, built(network)).holds
    assert prove(network, built(chain(x, conv))).holds


@pytest.mark.parametrize("batch", [1, 3])
def test_a_view_is_kept_as_what_it_is_a_view_of(batch: int) -> None:
    """A convolution of half the channels keeps the memory of all of them."""
    x = TensorType(4, 8, 8)
    stem = Step("stem", make("conv", 4, channels=8, kernel=1), (INPUT,), TensorType(8, 8, 8))
    half = Step("half", make("part", 8, index=1), ("stem",), x)
    conv = Step("conv", make("conv", 4, channels=4, kernel=1), ("half",), x)
    pool = Step("pool", make("adaptive_avg_pool", 4, size=2), ("conv",), TensorType(4, 2, 2))
    flat = Step("flat", make("flatten", 4, size=2), ("pool",), TensorType(16, 1, 1))
    linear = Step("linear", make("linear", 16, features=3), ("flat",), TensorType(3, 1, 1))
    network = graph(x, stem, half, conv, pool, flat, linear)
    cost = network_cost(network)
    assert prove(network, built(network)).holds
    image = cost.saved_bytes - cost.saved_batch_bytes
    assert batch * image + cost.saved_batch_bytes == saved_bytes(built(network), (batch, 4, 8, 8))


def test_an_operator_without_a_record_is_a_diagnostic() -> None:
    class Unprinted(Operator):
        kind = "unprinted"

    with pytest.raises(CompileError, match="does not say how PyTorch has it") as refused:
        torch_op(Unprinted())
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["E315"]
