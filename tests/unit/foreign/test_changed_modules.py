"""Modules that compute something else than their classes say: hooks, other forwards, modes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from unit.foreign.written import INPUT, Written, computed, read, written

from archcompiler.backends.reading import UnknownOperation


class Called(Written):
    def __call__(self, x: Tensor) -> Tensor:
        return 2 * super().__call__(x)


def another_forward(layer: nn.Module) -> None:
    own = layer.forward
    layer.forward = lambda x: 2 * own(x)  # type: ignore[method-assign]


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "a hook": lambda layer: layer.register_forward_hook(lambda own, x, y: 2 * y),
    "a hook before": lambda layer: layer.register_forward_pre_hook(lambda own, x: (2 * x[0],)),
    "another forward": another_forward,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_layer_computes_otherwise_is_followed(change: Callable[[nn.Module], object]) -> None:
    module = written(lambda m, x: m.conv(x))
    change(module.conv)
    graph = read(module)
    assert "scale" in [data["label"][0] for _, data in graph.nodes(data=True)]
    x = torch.randn(3, INPUT.channels, *INPUT.size)
    with torch.no_grad():
        torch.testing.assert_close(computed(graph, module.state_dict(), x), module(x))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_whole_computes_otherwise_is_refused(
    change: Callable[[nn.Module], object],
) -> None:
    module = written(lambda m, x: m.conv(x))
    change(module)
    with pytest.raises(UnknownOperation, match="stands before its own"):
        read(module)


def test_a_call_of_its_own_is_refused() -> None:
    with pytest.raises(UnknownOperation, match="stands before its own"):
        read(Called(lambda m, x: m.conv(x)).eval())


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm2d(8)])
def test_a_layer_that_is_in_training_is_refused(layer: nn.Module) -> None:
    module = nn.Sequential(nn.Conv2d(8, 8, 1), layer).eval()
    assert len(read(module)) == 3
    layer.train()
    with pytest.raises(UnknownOperation, match="`1` is in training"):
        read(module)


def test_a_layer_that_does_the_same_in_training_may_be_in_it() -> None:
    assert len(read(nn.Sequential(nn.Conv2d(8, 8, 1).train(), nn.Identity().train()))) == 2


def test_a_map_that_is_set_is_refused() -> None:
    def words(m: Written, x: Tensor) -> Tensor:
        y = m.conv(x)
        y.data = x
        return y

    with pytest.raises(UnknownOperation, match="`data` of a map is set"):
        read(written(words))
