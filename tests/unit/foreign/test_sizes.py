"""Python that calculates with sizes, and decides by them, is followed at one size."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from unit.foreign.written import Words, kinds_of, read, written

from archcompiler.backends.reading import UnknownOperation
from archcompiler.ir import TensorType


def swapped_halves(m: Any, x: Tensor) -> Tensor:
    half = int(x.size(1) * 0.5)
    return torch.cat([x[:, half:], x[:, :half]], 1)


def by_each_part(m: Any, x: Tensor) -> Tensor:
    parts = torch.split(x, x.size(1) // 2, 1)
    weights = torch.split(torch.sigmoid(m.conv(x)), x.size(1) // 2, 1)
    return sum(w * p for w, p in zip(weights, parts, strict=True)) / len(parts)


def as_many_as_sides(m: Any, x: Tensor) -> Tensor:
    _, *sides = x.shape
    assert len(x.shape) == len(x.size()) == 4
    for _ in range(len(sides) - x.dim() + x.ndim):
        x = torch.relu(x) if sides[1] % 2 == 0 else torch.tanh(x)
    return x


def to_the_same_size(m: Any, x: Tensor) -> Tensor:
    y = F.max_pool2d(x, 2)
    if y.shape[-2:] != x.shape[-2:]:
        x = F.avg_pool2d(x, 2)
    return y if x.size() != y.size() else x + y


def made_for_a_call(m: Any, x: Tensor) -> Tensor:
    return nn.AdaptiveAvgPool2d(1)(nn.ReLU(inplace=True)(m.conv(x)))


def what_is_what(m: Any, x: Tensor) -> Tensor:
    if not isinstance(x, list):
        x = torch.relu(x) if isinstance(x, Tensor) and torch.is_tensor(x) else torch.tanh(x)
    parts = x.chunk(2, 1)
    return parts[1] if isinstance(parts, tuple) and isinstance(x.size(2), int) else x


class Doubled(torch.autograd.Function):
    """Torch looks for tensors among what it is called with, and reads their bytes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2


def attention(m: Any, x: Tensor) -> Tensor:
    q, k, v = m.conv(x).flatten(2), x.flatten(2), x.flatten(2)
    weights = torch.softmax(q.transpose(1, 2) @ k * x.size(1) ** -0.5, -1)
    return (weights @ v.transpose(1, 2)).transpose(1, 2).view(x.shape)


FOLLOWED: dict[str, tuple[Words, list[str]]] = {
    "a part that is calculated": (swapped_halves, ["part", "part", "concat"]),
    "parts in a loop": (
        by_each_part,
        ["conv", "sigmoid", "part", "part", "mul", "part", "part", "mul", "add", "scale"],
    ),
    "a loop over sides": (as_many_as_sides, ["relu"] * 3),
    "a size that is another": (to_the_same_size, ["max_pool", "avg_pool", "add"]),
    "modules that are made for a call": (made_for_a_call, ["conv", "relu", "global_avg_pool"]),
    "the class of a value": (what_is_what, ["relu", "part"]),
    "a function with a gradient of its own": (lambda m, x: Doubled.apply(x), ["scale"]),
    "an index of a list": (
        lambda m, x: [torch.tanh, torch.relu, torch.sigmoid][x.size(2) - 5](x),
        ["relu"],
    ),
    "a root of a size": (
        lambda m, x: x * (1 / math.sqrt(x.size(1) * 2)),
        ["scale"],
    ),
    "a factor of dot products": (attention, ["conv", "dot", "softmax", "attend"]),
    "a pool of a whole map": (lambda m, x: F.avg_pool2d(x, x.size()[2:]), ["avg_pool"]),
    "a pool of all rows": (
        lambda m, x: F.max_pool2d(x, (x.size(2), 1), stride=(x.size(2), 1)),
        ["max_pool"],
    ),
    "sizes of the data": (
        lambda m, x: x.view(x.data.size(0), 2, 4, 6, 10).transpose(1, 2).reshape(x.data.shape),
        ["shuffle"],
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_decided_by_sizes_is_followed(name: str) -> None:
    words, kinds = FOLLOWED[name]
    found = kinds_of(words)
    assert [kind for kind in found if kind != "take"] == kinds


REFUSED: dict[str, tuple[Words, str]] = {
    "by the number of images": (lambda m, x: x if x.size(0) > 1 else -x, "control flow"),
    "by what is in a map": (lambda m, x: x if x.sum() > 0 else -x, "control flow"),
    "by a number of a map": (lambda m, x: x if x.sum().item() > 0 else -x, "control flow"),
    "by a size and the images": (
        lambda m, x: x if x.shape[:2] != x.shape[1:3] else -x,
        "control flow",
    ),
    "once an image": (lambda m, x: sum(x for _ in range(x.size(0))), "no size of a map"),
    "images one by one": (lambda m, x: torch.stack([torch.relu(i) for i in x]), "iterated"),
    "parts of the images": (
        lambda m, x: torch.cat([torch.relu(i) for i in x.split(1)]),
        "some of the images",
    ),
    "a number of images": (lambda m, x: x * int(x.size(0)), "no size of a map"),
    "a map's length": (lambda m, x: x * len(x), "no tuple"),
    "a layer that is made for a call": (
        lambda m, x: nn.Conv2d(8, 8, 1)(x),
        "a Conv2d is called that is no submodule",
    ),
    "a dropout that is made for a call": (
        lambda m, x: nn.Dropout(0.5)(x),
        "drops features in evaluation too",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_depends_on_images_is_refused(name: str) -> None:
    words, why = REFUSED[name]
    with pytest.raises(UnknownOperation, match=why):
        read(written(words))


def test_a_trace_that_fails_says_the_line() -> None:
    line = test_a_trace_that_fails_says_the_line.__code__.co_firstlineno + 2
    words: Words = lambda m, x: m.conv(x[:, :4])  # noqa: E731
    with pytest.raises(UnknownOperation, match=rf"traced at test_sizes.py:{line}: RuntimeError"):
        read(written(words))
    ahead: Words = lambda m, x: m.conv(x[:, :3]) if x[:, :3].size(1) else x  # noqa: E731
    with pytest.raises(UnknownOperation, match=rf"traced at test_sizes.py:{line + 3}: "):
        read(written(ahead))


def test_a_proof_follows_nothing() -> None:
    from archcompiler.backends.torch.trace import trace

    with pytest.raises(UnknownOperation, match="control flow"):
        trace(written(lambda m, x: x if x.size(2) > 3 else -x), TensorType(8, 6, 10))
