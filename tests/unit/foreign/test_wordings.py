"""Idioms of implementations: operators that are read of them compute the same, for any batch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from unit.foreign.written import INPUT, Words, Written, computed, kinds_of, read, written

from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.trace import trace
from archcompiler.foreign.exported import read_exported
from archcompiler.ir import TensorType


def channels_last(m: Any, x: Tensor) -> Tensor:
    return m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def shuffled(m: Any, x: Tensor) -> Tensor:
    n, c, h, w = x.size()
    x = x.view(n, 2, c // 2, h, w)
    return torch.transpose(x, 1, 2).contiguous().view(n, -1, h, w)


def split_unpacked(m: Any, x: Tensor) -> Tensor:
    a, b, c, d = torch.split(m.conv(x), 2, 1)
    return torch.cat((b, a * d, c), 1)


def halves(m: Any, x: Tensor) -> Tensor:
    h, _ = x.shape[2:]
    a, b = torch.split(torch.cat([x, m.conv(x)], 2), [h, h], dim=2)
    return a * torch.sigmoid(b)


def neighbours(m: Any, x: Tensor) -> Tensor:
    """As ECA-Net's authors write it."""
    y = F.adaptive_avg_pool2d(x, 1)
    y = m.along(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
    return x * torch.sigmoid(y)


def position_attention(m: Any, x: Tensor) -> Tensor:
    """As DANet's authors write it."""
    n, c, h, w = x.size()
    query = m.conv(x).view(n, -1, w * h).permute(0, 2, 1)
    energy = torch.bmm(query, x.view(n, -1, w * h))
    values = torch.relu(x).view(n, -1, w * h)
    return x + torch.bmm(values, m.softmax(energy).permute(0, 2, 1)).view(n, c, h, w)


def non_local(m: Any, x: Tensor) -> Tensor:
    """An embedded Gaussian, with the values as rows."""
    query, key = m.conv(x).flatten(2).transpose(1, 2), F.max_pool2d(x, 2).flatten(2)
    weights = F.softmax(query @ key * 8**-0.5, dim=-1)
    values = F.avg_pool2d(x, 2).flatten(2).transpose(1, 2)
    return torch.matmul(weights, values).transpose(1, 2).contiguous().view_as(x)


def columns_to_1(m: Any, x: Tensor) -> Tensor:
    """Weights whose columns sum to 1."""
    flat = m.conv(x).flatten(2)
    weights = (x.flatten(2).transpose(1, 2) @ flat).softmax(1)
    return (flat @ weights).unflatten(2, (6, 10))


def linear_attention(m: Any, x: Tensor) -> Tensor:
    """The sums over all positions first, of channels as rows."""
    keys = m.conv(x).flatten(2)
    return ((x.flatten(2) @ keys.transpose(1, 2)) @ torch.relu(x).flatten(2)).view_as(x)


def linear_attention_of_rows(m: Any, x: Tensor) -> Tensor:
    """The same, of positions as rows."""
    keys, values = (y.flatten(2).transpose(1, 2) for y in (m.conv(x), x))
    queries = torch.relu(x).flatten(2).transpose(1, 2)
    return (queries @ (keys.transpose(1, 2) @ values)).transpose(1, 2).reshape(x.shape)


def products_by_their_number(m: Any, x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    flat = x.view(n, c, h * w)
    weights = m.conv(x).flatten(2).transpose(1, 2) @ flat / (h * w)
    return (weights @ flat.transpose(1, 2)).transpose(1, 2).reshape(n, c, h, w)


def spread(m: Any, x: Tensor) -> Tensor:
    """As SimAM's authors write it."""
    n = x.shape[2] * x.shape[3] - 1
    square = (x - x.mean(dim=[2, 3], keepdim=True)).pow(2)
    return square / (square.sum(dim=[2, 3], keepdim=True) / n)


def unpacked_shape(m: Any, x: Tensor) -> Tensor:
    n, c, _, _ = x.shape
    return x * torch.sigmoid(m.conv(x).mean((2, 3)).view(n, c, 1, 1))


READ: dict[str, tuple[Words, list[str]]] = {
    "a shuffle": (shuffled, ["shuffle"]),
    "a shuffle, reshaped": (
        lambda m, x: x.reshape(-1, 4, 2, 6, 10).transpose(2, 1).reshape(x.shape),
        ["shuffle"],
    ),
    "a shuffle, permuted": (
        lambda m, x: x.view(x.size(0), 4, 2, *INPUT.size).permute(0, 2, 1, 3, 4).flatten(1, 2),
        ["shuffle"],
    ),
    "a shuffle, unflattened": (
        lambda m, x: x.unflatten(1, (2, 4)).swapaxes(1, 2).reshape(x.size()),
        ["shuffle"],
    ),
    "a split": (split_unpacked, ["conv", "part", "part", "part", "part", "mul", "concat"]),
    "a split by sizes": (
        lambda m, x: torch.cat(x.split([4, 2, 2], dim=1)[1:], 1),
        ["part", "part", "concat"],
    ),
    "a split by places": (
        lambda m, x: torch.tensor_split(x, (6,), dim=-3)[1],
        ["part"],
    ),
    "some parts of a split": (
        lambda m, x: torch.relu((parts := x.split([4, 2, 2], dim=1)[1:])[0]) * parts[-1],
        ["part", "relu", "part", "mul"],
    ),
    "a split along the height": (
        halves,
        ["conv", "concat", "take", "take", "sigmoid", "mul"],
    ),
    "a split into unequal parts": (
        lambda m, x: x.split([2, 6], 1)[1],
        ["part", "part", "part", "concat"],
    ),
    "a layer on a part": (
        lambda m, x: torch.cat([torch.relu(x[:, :2]), x[:, 2:]], 1),
        ["part", "relu", "part", "part", "part", "concat", "concat"],
    ),
    "parts off their place": (lambda m, x: x[:, 1:3], ["part", "part", "concat"]),
    "uneven chunks": (lambda m, x: x.split([4, 4], 1)[1].chunk(3, 1)[0], ["part", "part"]),
    "a slice": (lambda m, x: x[:, :4] * x[:, 4:, :, :], ["part", "part", "mul"]),
    "a slice from the end": (lambda m, x: x[:, -2:], ["part"]),
    "a slice of rows": (lambda m, x: x[:, :, 4:], ["take"]),
    "a slice of columns": (lambda m, x: x[..., :3], ["take"]),
    "a slice of all": (lambda m, x: m.conv(x)[:, :8], ["conv"]),
    "a difference": (lambda m, x: x - m.conv(x), ["conv", "sub"]),
    "a torch.sub": (lambda m, x: torch.sub(m.conv(x), x), ["conv", "sub"]),
    "a negative": (lambda m, x: -m.conv(x), ["conv", "scale"]),
    "the rest to 1": (
        lambda m, x: (1 - torch.sigmoid(m.conv(x))) * x,
        ["conv", "sigmoid", "scale", "gate"],
    ),
    "the rest to 2": (lambda m, x: (2 - x) * x, ["scale", "shift", "mul"]),
    "a difference with a number": (lambda m, x: x - 1, ["shift"]),
    "a sum that begins with 1": (lambda m, x: sum([x, m.conv(x)], 1), ["conv", "shift", "add"]),
    "one more, after it": (
        lambda m, x: m.conv(x) * (torch.sigmoid(x) + 1),
        ["conv", "sigmoid", "gate"],
    ),
    "one more, read twice": (
        lambda m, x: m.conv(x) * (y := torch.sigmoid(x) + 1) + y,
        ["conv", "sigmoid", "shift", "mul", "add"],
    ),
    "a square": (lambda m, x: m.conv(x) ** 2, ["conv", "mul"]),
    "a square of its own": (lambda m, x: torch.square(x).pow(2), ["mul", "mul"]),
    "a root": (lambda m, x: (x * x).pow(0.5), ["mul", "sqrt"]),
    "a quotient by a number": (lambda m, x: m.conv(x) / 4, ["conv", "scale"]),
    "a transposed convolution": (
        lambda m, x: F.conv_transpose2d(x, m.up.weight, m.up.bias, 2, 1, 1, 2),
        ["conv_transpose"],
    ),
    "a transposed convolution to a size": (
        lambda m, x: m.up(x, output_size=(x.shape[2] * 2, 19)),
        ["conv_transpose"],
    ),
    "a quotient by sides": (
        lambda m, x: x.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1) + x,
        ["reduce", "scale", "add"],
    ),
    "one factor for all": (lambda m, x: x * m.number, ["gain"]),
    "one factor for all, of no axis": (lambda m, x: m.single * x, ["gain"]),
    "one factor for a vector": (
        lambda m, x: m.fc(x.mean((2, 3)) * m.number),
        ["reduce", "gain", "linear"],
    ),
    "a scale and a shift": (
        lambda m, x: torch.addcmul(m.row.view(1, -1, 1, 1), m.column, x),
        ["affine"],
    ),
    "a variance over positions": (
        lambda m, x: x / torch.sqrt(x.var((2, 3), keepdim=True)),
        ["reduce", "sqrt", "div"],
    ),
    "a norm over positions": (
        lambda m, x: x / (x.norm(p=2, dim=(2, 3), keepdim=True) + 1e-6),
        ["reduce", "shift", "div"],
    ),
    "a factor": (lambda m, x: m.column * m.conv(x), ["conv", "layer_scale"]),
    "a factor after it": (lambda m, x: x * m.batched, ["layer_scale"]),
    "a row of factors": (lambda m, x: m.row[:, None, None] * x, ["layer_scale"]),
    "a row, viewed": (lambda m, x: x.mul(m.row.view(1, -1, 1, 1)), ["layer_scale"]),
    "a row, unsqueezed": (
        lambda m, x: m.row.unsqueeze(-1).unsqueeze(-1) * x,
        ["layer_scale"],
    ),
    "a mean along an axis": (
        lambda m, x: x * F.adaptive_avg_pool2d(x, (None, 1)),
        ["reduce", "mul"],
    ),
    "a mean to a size": (
        lambda m, x: x * F.adaptive_avg_pool2d(x, (1, x.shape[3])),
        ["reduce", "mul"],
    ),
    "modules of either": (lambda m, x: m.rows(x) + m.one(x), ["reduce", "reduce", "add"]),
    "a pool to what there is": (
        lambda m, x: F.adaptive_avg_pool2d(m.conv(x), (x.size(2), None)),
        ["conv"],
    ),
    "a softmax over positions, by names": (
        lambda m, x: m.conv(x).flatten(start_dim=2).softmax(dim=-1).view_as(x),
        ["conv", "softmax"],
    ),
    "a pool to numbers": (lambda m, x: F.adaptive_avg_pool2d(x, (1, 10)), ["adaptive_avg_pool"]),
    "a pool of half the rows": (
        lambda m, x: F.adaptive_avg_pool2d(x, (x.shape[2] // 2, None)),
        ["adaptive_avg_pool"],
    ),
    "a vector as a map": (unpacked_shape, ["conv", "reduce", "sigmoid", "mul"]),
    "a vector, unsqueezed": (
        lambda m, x: x * x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1),
        ["reduce", "mul"],
    ),
    "a map as a vector": (
        lambda m, x: m.fc(F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1)),
        ["global_avg_pool", "linear"],
    ),
    "a sum over a stack": (
        lambda m, x: torch.stack([x, m.conv(x), x], dim=1).sum(dim=1),
        ["conv", "add", "add"],
    ),
    "Python's sum": (lambda m, x: sum([x, m.conv(x)]), ["conv", "add"]),
    "a maximum": (lambda m, x: x * x.max(1, keepdim=True)[0], ["reduce", "mul"]),
    "the values of one": (
        lambda m, x: x * torch.max(x, dim=-1, keepdim=True).values,
        ["reduce", "mul"],
    ),
    "the larger of two": (lambda m, x: torch.max(x, m.conv(x)), ["conv", "maximum"]),
    "a clone": (lambda m, x: m.conv(x.clone()), ["conv"]),
    "a factor, expanded": (
        lambda m, x: x * x.mean((2, 3), keepdim=True).expand_as(x),
        ["reduce", "mul"],
    ),
    "a term, expanded": (
        lambda m, x: x.mean(1, keepdim=True).expand(-1, 8, -1, -1) + x,
        ["reduce", "add"],
    ),
    "columns for rows": (lambda m, x: x.permute(0, 1, 3, 2), ["transpose"]),
    "there and back": (
        lambda m, x: m.conv(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2).contiguous()),
        ["conv"],
    ),
    "a norm of channels": (channels_last, ["layer_norm"]),
    "a norm of channels, moved": (
        lambda m, x: torch.movedim(
            F.layer_norm(x.movedim(1, -1), (8,), m.norm.weight, m.norm.bias, 1e-3), -1, 1
        ),
        ["layer_norm"],
    ),
    "a norm of groups": (
        lambda m, x: F.group_norm(x, 4, m.norm.weight, m.norm.bias, eps=1e-3),
        ["group_norm"],
    ),
    "slopes": (lambda m, x: F.prelu(x - 1, m.row), ["shift", "prelu"]),
    "channels of length 1": (
        lambda m, x: x / torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp_min(1e-3),
        ["channel_norm"],
    ),
    "channels of length 1, expanded": (
        lambda m, x: x / torch.linalg.vector_norm(x, 2, [1], True).clamp(min=1e-3).expand_as(x),
        ["channel_norm"],
    ),
    "channels of length 1, clipped": (
        lambda m, x: x / torch.clip(torch.linalg.vector_norm(x, 2, 1, True), 1e-3),
        ["channel_norm"],
    ),
    "channels by their length": (
        lambda m, x: x / torch.linalg.vector_norm(x, dim=1, keepdim=True),
        ["reduce", "div"],
    ),
    "a norm of a vector": (lambda m, x: m.norm(x.mean([2, 3])), ["reduce", "layer_norm"]),
    "a channel's neighbours": (
        neighbours,
        ["global_avg_pool", "channel_conv", "sigmoid", "mul"],
    ),
    "neighbours of a vector": (
        lambda m, x: m.fc(m.along(x.mean((2, 3)).unsqueeze(1)).squeeze(1)),
        ["reduce", "channel_conv", "linear"],
    ),
    "neighbours, viewed": (
        lambda m, x: m.along(x.mean((2, 3)).view(x.size(0), 1, 8)).view(-1, 8, 1, 1),
        ["reduce", "channel_conv"],
    ),
    "a channel of a vector": (
        lambda m, x: x * m.fc(x.mean((2, 3)))[:, -2].view(x.size(0), 1, 1, 1),
        ["reduce", "linear", "part", "mul"],
    ),
    "a factor and a term": (lambda m, x: x * m.batched + m.column, ["affine"]),
    "a term and a factor": (
        lambda m, x: m.row[:, None, None] + m.column * m.conv(x),
        ["conv", "affine"],
    ),
    "a variance, written out": (spread, ["reduce", "sub", "mul", "reduce", "div"]),
    "a variance of all there are": (
        lambda m, x: ((x - x.mean((2, 3), keepdim=True)) ** 2).sum((2, 3), keepdim=True) / 60,
        ["reduce", "sub", "mul", "reduce", "scale"],
    ),
    "a variance about another mean": (
        lambda m, x: ((x - x.mean(1, keepdim=True)) ** 2).sum((2, 3), keepdim=True) / 59,
        ["reduce", "sub", "mul", "reduce", "scale"],
    ),
    "a deviation": (lambda m, x: x / x.std((2, 3), keepdim=True), ["reduce", "sqrt", "div"]),
    "a deviation over channels": (
        lambda m, x: torch.std(x, dim=1, keepdim=True),
        ["reduce", "sqrt"],
    ),
    "attention between positions": (
        position_attention,
        ["conv", "dot", "relu", "softmax", "attend", "add"],
    ),
    "attention to fewer positions": (
        non_local,
        ["conv", "max_pool", "dot", "softmax", "avg_pool", "attend"],
    ),
    "attention between channels": (
        lambda m, x: (
            (x.flatten(2) @ m.conv(x).flatten(2).transpose(1, 2)).softmax(-1) @ x.flatten(2)
        ).view_as(x),
        ["conv", "bilinear_pool", "softmax", "attend"],
    ),
    "linear attention": (linear_attention, ["conv", "bilinear_pool", "relu", "attend"]),
    "linear attention of rows": (
        linear_attention_of_rows,
        ["conv", "relu", "bilinear_pool", "attend"],
    ),
    "a softmax that stays flat": (
        lambda m, x: m.conv(x).flatten(2).softmax(1).view_as(x),
        ["conv", "softmax"],
    ),
    "attention by columns": (columns_to_1, ["conv", "dot", "softmax", "attend"]),
    "attention without a softmax": (
        products_by_their_number,
        ["conv", "dot", "scale", "attend"],
    ),
    "a softmax over positions": (
        lambda m, x: x * x.flatten(2).softmax(-1).view_as(x),
        ["softmax", "mul"],
    ),
    "a softmax over parts": (
        lambda m, x: m.conv(x).view(-1, 2, 4, 6, 10).softmax(1).view(-1, 8, 6, 10),
        ["conv", "softmax"],
    ),
    "a softmax over parts, unflattened": (
        lambda m, x: torch.softmax(x.unflatten(1, (4, 2)), dim=1).flatten(1, 2),
        ["softmax"],
    ),
    "a softmax over a view": (
        lambda m, x: F.softmax(x.view(x.size(0), 8, -1), dim=2).view(-1, 8, 6, 10),
        ["softmax"],
    ),
}


@pytest.mark.parametrize("name", READ)
def test_an_idiom_is_read_as_what_it_computes(name: str) -> None:
    words, kinds = READ[name]
    assert kinds_of(words) == kinds


def test_a_vector_of_all_is_the_same_by_a_view() -> None:
    words: tuple[Words, Words] = (lambda m, x: x.view(x.size(0), -1), lambda m, x: x.flatten(1))
    viewed, flat = (read(written(w)).nodes(data="label") for w in words)
    assert [label for _, label in viewed] == [label for _, label in flat]


def half_of_a_shuffle(m: Any, x: Tensor, size: tuple[int, ...]) -> Tensor:
    return x.view(x.shape[0], 2, 4, *size).transpose(1, 2).reshape(x.shape)[:, 4:]


def test_maps_of_other_dimensions() -> None:
    graph = trace(written(lambda m, x: x - x.softmax(-1)), TensorType(8, 12), idioms=IDIOMS)
    assert [d["label"][0] for _, d in graph.nodes(data=True)] == ["input", "softmax", "sub"]
    for x in (torch.randn(2, 8, 12), torch.randn(2, 8, 3, 4, 5)):
        module = written(partial(half_of_a_shuffle, size=x.shape[2:]))
        graph = read(module, TensorType(8, *x.shape[2:]))
        assert [d["label"][0] for _, d in graph.nodes(data=True)] == ["input", "shuffle", "part"]
        torch.testing.assert_close(computed(graph, module.state_dict(), x), module(x))


def test_what_a_factor_begins_with_is_kept() -> None:
    module = Written(lambda m, x: x * m.column)
    with torch.no_grad():
        module.column.fill_(1e-5)
    (node,) = (d for _, d in read(module).nodes(data=True) if d["label"][0] == "layer_scale")
    assert node["op"].init == 1e-5
    assert node["tensors"]["weight"].name == "column"


@pytest.mark.parametrize("name", READ)
def test_a_file_of_torch_export_is_read_so_too(name: str, tmp_path: Path) -> None:
    words, _ = READ[name]
    module = written(words)
    x = torch.randn(1, 8, 6, 10, generator=torch.Generator().manual_seed(1))
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "net.pt2")
    graph = read(read_exported(tmp_path / "net.pt2"))
    with torch.no_grad():
        torch.testing.assert_close(
            computed(graph, module.state_dict(), x).flatten(1), module(x).flatten(1)
        )
