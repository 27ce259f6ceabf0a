"""Activations that are written out are those that frameworks have by a name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from unit.foreign.written import Words, computed, read, written

from archcompiler.foreign.canonical import canonical

WRITTEN: dict[str, tuple[Words, list[str]]] = {
    "SiLU": (lambda m, x: x * torch.sigmoid(x), ["silu"]),
    "SiLU, the factor first": (lambda m, x: (y := m.conv(x)).sigmoid() * y, ["conv", "silu"]),
    "Mish": (lambda m, x: x * torch.tanh(F.softplus(x)), ["mish"]),
    "hard sigmoid": (lambda m, x: F.relu6(x + 3) / 6, ["hardsigmoid"]),
    "hard sigmoid, as a product": (lambda m, x: F.relu6(3 + x) * (1 / 6), ["hardsigmoid"]),
    "hard swish": (lambda m, x: x * F.relu6(x + 3.0) / 6.0, ["hardswish"]),
    "hard swish, by its gate": (lambda m, x: x * (F.relu6(x + 3) / 6), ["hardswish"]),
    "hard swish, by torch's gate": (lambda m, x: x * F.hardsigmoid(x), ["hardswish"]),
}


def gate_of_another(m: Any, x: Tensor) -> Tensor:
    return m.conv(x) * torch.sigmoid(x)


OTHERS: dict[str, tuple[Words, list[str]]] = {
    "a gate of another": (gate_of_another, ["conv", "sigmoid", "mul"]),
    "a gate that is read twice": (
        lambda m, x: torch.relu(x * (y := torch.sigmoid(x))) + y,
        ["sigmoid", "mul", "relu", "add"],
    ),
    "a residual gate": (lambda m, x: x + x * torch.sigmoid(x), ["sigmoid", "gate"]),
    "a tanh of another": (
        lambda m, x: x * torch.tanh(F.softplus(m.conv(x))),
        ["conv", "softplus", "tanh", "mul"],
    ),
    "a tanh alone": (lambda m, x: x * torch.tanh(x), ["tanh", "mul"]),
    "another shift": (lambda m, x: F.relu6(x + 2) / 6, ["shift", "relu6", "scale"]),
    "another slope": (lambda m, x: F.relu6(x + 3) / 5, ["shift", "relu6", "scale"]),
    "another ramp": (lambda m, x: F.relu(x + 3) / 6, ["shift", "relu", "scale"]),
    "a ramp that is read twice": (
        lambda m, x: (y := F.relu6(x + 3)) / 6 + y,
        ["shift", "relu6", "scale", "add"],
    ),
    "a ramp of another": (
        lambda m, x: m.conv(x) * F.relu6(x + 3) / 6,
        ["conv", "shift", "relu6", "mul", "scale"],
    ),
}


@pytest.mark.parametrize("name", [*WRITTEN, *OTHERS])
def test_what_is_written_is_read_as_what_it_computes(name: str) -> None:
    words, kinds = (WRITTEN | OTHERS)[name]
    module = written(words)
    graph = canonical(read(module))
    assert [data["label"][0] for _, data in graph.nodes(data=True)][1:] == kinds
    x = 4 * torch.randn(3, 8, 6, 10, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(computed(graph, module.state_dict(), x), module(x))
