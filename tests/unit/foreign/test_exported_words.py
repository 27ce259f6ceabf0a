"""Files of torch.export: what is changed in place, and activations with other numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from unit.foreign.written import INPUT, Words, computed, read, written

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign.exported import read_exported


def exported(words: Words, folder: Path) -> tuple[nn.Module, nn.Module]:
    """A network, and what is read of its file."""
    module = written(words)
    x = torch.randn(2, INPUT.channels, *INPUT.size)
    sizes = ({0: torch.export.Dim("images")},)
    path = folder / "m.pt2"
    torch.export.save(torch.export.export(module, (x,), dynamic_shapes=sizes), path)
    return module, read_exported(path)


def part_in_place(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    F.relu_(y[:, :4])
    return y


def transposed_in_place(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    y.transpose(2, 3).mul_(2)
    return m.conv(y)


def without_gradients_in_place(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    y.detach().relu_()
    return m.conv(y)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (part_in_place, "has changed a view in place"),
        (transposed_in_place, "has changed a view in place"),
        (without_gradients_in_place, "has changed a view in place"),
        (lambda m, x: F.elu(x, 0.5), "elu"),
        (lambda m, x: F.softplus(x, 2.0), "softplus"),
        (lambda m, x: F.softplus(x, 1.0, 5.0), "softplus"),
        (lambda m, x: torch.softmax(x, 1, dtype=torch.float64), "softmax"),
    ],
)
def test_what_is_another_operator_is_refused(words: Words, why: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownOperation, match=why):
        read(exported(words, tmp_path)[1])


def changed_in_place(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    z = y
    y += x
    F.relu_(y)
    return m.conv(z) + y


@pytest.mark.parametrize(
    "words",
    [
        changed_in_place,
        lambda m, x: F.elu(x),
        lambda m, x: F.softplus(x),
        lambda m, x: torch.softmax(x, 1),
    ],
)
def test_what_is_read_computes_the_same(words: Words, tmp_path: Path) -> None:
    module, file = exported(words, tmp_path)
    graph = read(file)
    x = torch.randn(3, INPUT.channels, *INPUT.size)
    with torch.no_grad():
        torch.testing.assert_close(computed(graph, file.state_dict(), x), module(x))
