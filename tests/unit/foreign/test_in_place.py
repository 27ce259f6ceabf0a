"""What an implementation changes in place is read as what it was changed to, or not at all."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from unit.foreign.written import INPUT, Words, computed, read, written

from archcompiler.backends.reading import UnknownOperation

relu = partial(F.relu, inplace=True)


def shortcut_of_relu(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    return m.conv(relu(y)) + y


def added_to_what_is_read_again(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    z = y
    y += m.conv(x).sigmoid()
    return m.conv(y) * z


def result_is_dropped(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    F.relu(y, inplace=True)
    return y.sigmoid_()


def the_input(m: nn.Module, x: Tensor) -> Tensor:
    return m.conv(F.relu(x, True)) + x


def changed_twice(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    z = relu(y)
    F.silu(z, inplace=True)
    return y + z


def through_what_does_nothing(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    return relu(y.contiguous()) * y


@pytest.mark.parametrize(
    "words",
    [
        shortcut_of_relu,
        added_to_what_is_read_again,
        result_is_dropped,
        the_input,
        changed_twice,
        through_what_does_nothing,
    ],
)
def test_what_is_changed_in_place(words: Words) -> None:
    """The operators that are read compute what the module does."""
    module = written(words)
    x = torch.randn(3, INPUT.channels, *INPUT.size)
    found = computed(read(module), module.state_dict(), x.clone())
    torch.testing.assert_close(found, module(x.clone()))


def a_view(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    relu(y[:, :4])
    return m.conv(y)


def seen_by_a_view(m: nn.Module, x: Tensor) -> Tensor:
    y = m.conv(x)
    z = y.flatten(2).view_as(y)
    return relu(y) + z


@pytest.mark.parametrize("words", [a_view, seen_by_a_view])
def test_a_part_that_is_changed_in_place_is_refused(words: Words) -> None:
    with pytest.raises(UnknownOperation, match="has changed a view in place"):
        read(written(words))
