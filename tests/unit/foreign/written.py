"""Networks of a given forward pass, what is read of them, and what that computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkx as nx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcompiler.backends.record import helpers
from archcompiler.backends.torch import torch_op
from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.trace import trace
from archcompiler.ir import TensorType
from archcompiler.ops.axes import dimension

INPUT = TensorType(8, 6, 10)
Words = Callable[[Any, Tensor], Tensor]


class Written(nn.Module):
    """A network of a few layers and parameters, whose forward pass is given."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = words
        self.conv = nn.Conv2d(8, 8, 1)
        self.norm = nn.LayerNorm(8)
        self.up = nn.ConvTranspose2d(8, 6, 3, 2, padding=1, groups=2)
        self.wide = nn.LayerNorm(10)
        self.rows = nn.AdaptiveAvgPool2d((None, 1))
        self.one = nn.AdaptiveMaxPool2d((1, None))
        self.fc = nn.Linear(8, 5)
        self.narrow = nn.Linear(5, 8, bias=False)
        self.along = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.biased = nn.Conv1d(1, 1, 3, padding=1)
        self.softmax = nn.Softmax(dim=-1)
        self.row = nn.Parameter(torch.ones(8))
        self.column = nn.Parameter(torch.ones(8, 1, 1))
        self.batched = nn.Parameter(torch.ones(1, 8, 1, 1))
        self.width = nn.Parameter(torch.ones(10))
        self.number = nn.Parameter(torch.ones(1))
        self.single = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("fixed", torch.ones(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.words(self, x)


def written(words: Words) -> Written:
    module = Written(words).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in module.state_dict().values():
            value.uniform_(0.5, 1.5, generator=generator)
    return module


def read(module: nn.Module, input: TensorType = INPUT) -> nx.MultiDiGraph[str]:
    return trace(module, input, idioms=IDIOMS)


def kinds_of(words: Words, input: TensorType = INPUT) -> list[str]:
    """The operators that are read of a network, and compute the same of three images."""
    module = written(words)
    graph = read(module, input)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(3, input.channels, *input.size, generator=generator)
    with torch.no_grad():
        found, theirs = computed(graph, module.state_dict(), x), module(x)
    torch.testing.assert_close(found.flatten(1), theirs.flatten(1))
    return [data["label"][0] for _, data in graph.nodes(data=True)][1:]


def computed(graph: nx.MultiDiGraph[str], state: dict[str, Tensor], x: Tensor) -> Tensor:
    """What the operators of a trace compute, in the words of emitted files."""
    names: dict[str, Any] = {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor}
    values: dict[str, Tensor] = {}
    dims = x.dim() - 2
    for node, data in graph.nodes(data=True):
        op = data["op"]
        if op is None:
            values[node] = x
            continue
        edges = {edge["role"]: s for s, _, edge in graph.in_edges(node, data=True)}
        if len(edges) == 1:
            sources = [s for s, _ in graph.in_edges(node)]
        else:
            sources = [edges[role] for role in op.roles(len(edges))]
        # Vectors are maps of one pixel; only a layer of theirs asks for less.
        inputs = [values[source] for source in sources]
        if op.kind in ("linear", "flatten"):
            inputs = [value.flatten(1) for value in inputs]
        type = data["label"][2]
        if op.kind == "take":  # whose size is another map's
            axis, count = dimension(op.axis, dims), type.size[dimension(op.axis, dims) - 2]
            start = 0 if op.end == "first" else inputs[0].shape[axis] - count
            values[node] = inputs[0].narrow(axis, start, count)
            continue
        if op.kind == "interpolate":  # to another map's
            linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[dims]
            named = (
                {"mode": "nearest"}
                if op.mode == "nearest"
                else {"mode": linear, "align_corners": op.align_corners}
            )
            values[node] = F.interpolate(inputs[0], type.size, **named)
            continue
        record = torch_op(op)
        for helper in helpers(record, dims):
            exec("from __future__ import annotations\n" + helper.source, names)
        if record.module is not None:
            layer = eval(record.module(op, dims), names).eval()
            layer.load_state_dict({k: v.of(state[v.name]) for k, v in data["tensors"].items()})
            if op.kind == "conv_transpose" and len(inputs) == 2:  # of another map
                value = layer(inputs[0], output_size=type.size)
            else:
                value = layer(*inputs)
        else:
            assert record.call is not None
            named = {f"x{i}": value for i, value in enumerate(inputs)}
            value = eval(record.call(op, list(named), dims), {**names, **named})
        values[node] = value if value.dim() > 2 else value[..., *(None,) * dims]
        assert tuple(values[node].shape[1:]) == (type.channels, *type.size)
    return values[graph.graph["outputs"][0]]
