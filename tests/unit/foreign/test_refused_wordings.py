"""What is nearly an idiom, or mixes images, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from unit.foreign.written import Words, read, written

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign.exported import read_exported
from archcompiler.ir import TensorType

REFUSED: dict[str, tuple[Words, str]] = {
    "another order of groups": (
        lambda m, x: x.view(x.size(0), 2, 4, 6, 10).transpose(2, 3).reshape(x.shape),
        "another shape",
    ),
    "groups across images": (
        lambda m, x: x.view(1, 2, 4, 6, 10).transpose(1, 2).reshape(x.shape),
        "may mix the images",
    ),
    "groups that are not changed about": (
        lambda m, x: x.view(-1, 2, 4, 6, 10).mean(2),
        "no map|reduces|drops",
    ),
    "groups that stay as they are": (
        lambda m, x: x.view(-1, 2, 4, 6, 10).reshape(x.shape),
        "another shape",
    ),
    "groups of rows": (
        lambda m, x: x.view(-1, 8, 2, 3, 10).transpose(2, 3).reshape(x.shape),
        "another shape",
    ),
    "a view that swaps rows and columns": (
        lambda m, x: x.view(x.size(0), 8, 10, 6),
        "gives images of 8×6×10 another shape, 8×10×6",
    ),
    "a batch by a number of channels": (
        lambda m, x: x.view(x.size(1), -1),
        "may mix the images",
    ),
    "parts of many": (lambda m, x: torch.cat([x] * 5, 1)[:, 1:39], "channels 1 to 39 of 40"),
    "rows in the middle": (lambda m, x: x[:, :, 1:5], "neither the first nor the last"),
    "every other channel": (lambda m, x: x[:, ::2], "leaves channels or positions out"),
    "some images": (lambda m, x: x[:1], "some of the images"),
    "images that are split": (lambda m, x: x.split(1)[0], "some of the images"),
    "a corner": (lambda m, x: x[:, :, :3, :3], "cut along 2 axes"),
    "a slice as long as the batch": (
        lambda m, x: x[:, : x.shape[0]],
        "whose ends are calculated",
    ),
    "one channel, without its axis": (lambda m, x: x[:, 0], "`x.:, 0.` is no operator"),
    "a difference of twice": (
        lambda m, x: torch.sub(x, m.conv(x), alpha=2),
        "`sub.*alpha",
    ),
    "a cast that rounds": (
        lambda m, x: m.conv(x.to(torch.bfloat16).to(torch.float32)),
        "rounds to torch.bfloat16",
    ),
    "a variance over images as well": (
        lambda m, x: (x - x.mean((2, 3), keepdim=True)).square().sum((0, 2, 3), keepdim=True) / 59,
        "reduces the axes",
    ),
    "a norm that is bounded from above": (
        lambda m, x: x / torch.linalg.vector_norm(x, 2, 1, True).clamp(1e-12, max=3),
        "clamps to",
    ),
    "a factor of more axes": (
        lambda m, x: x.mean((2, 3)) * m.number.view(1, 1, 1, 1),
        "no number for each channel",
    ),
    "a root that is another's": (lambda m, x: x**3, "`pow.*` is no operator"),
    "a power of two": (lambda m, x: 2**x, "`pow.*` is no operator"),
    "a number by a map": (lambda m, x: 1 / x, "`truediv.*` is no operator"),
    "a map by the number of images": (lambda m, x: x / x.shape[0], "which is no map of its own"),
    "a shift that is no row": (
        lambda m, x: torch.addcmul(m.number, m.column, x),
        "`addcmul` adds `number`, no number for each channel",
    ),
    "a shift along the width": (
        lambda m, x: torch.addcmul(m.width, m.column, x),
        "no number for each channel",
    ),
    "a factor for each column": (lambda m, x: x * m.width, "no number for each channel"),
    "a row on the wrong axis": (
        lambda m, x: x.transpose(1, 3) * m.row,
        "no number for each channel",
    ),
    "a factor that is not learnt": (lambda m, x: x * m.fixed, "is no map"),
    "a factor that is taken away": (lambda m, x: x - m.column, "`sub` reads `column` directly"),
    "length 1 by another norm": (
        lambda m, x: x / torch.linalg.vector_norm(x, 1, 1, True).clamp_min(1e-3),
        "norm",
    ),
    "length 1 along the rows": (
        lambda m, x: x / torch.linalg.vector_norm(x, 2, 2, True).clamp_min(1e-3),
        "`clamp_min.*` is no operator",
    ),
    "length 1 of another": (
        lambda m, x: m.conv(x) / torch.linalg.vector_norm(x, 2, 1, True).clamp_min(1e-3),
        "`clamp_min.*` is no operator",
    ),
    "length 1 at most": (
        lambda m, x: x / torch.linalg.vector_norm(x, 2, 1, True).clamp(max=1e-3),
        "`clamp` clamps to",
    ),
    "a norm of groups without a scale": (
        lambda m, x: F.group_norm(x, 4, bias=m.row),
        "a group norm without scale or shift",
    ),
    "a norm of rows by a function": (
        lambda m, x: F.layer_norm(x, (10,), m.width, m.width),
        "normalises along the last axis",
    ),
    "a split by the batch": (lambda m, x: x.split(x.shape[0], 1)[0], "numbers that are calculated"),
    "every axis of 1": (lambda m, x: m.conv(x).mean((2, 3), keepdim=True).squeeze(), "may drop"),
    "a factor that is added": (lambda m, x: x + m.batched, "directly"),
    "an index of a maximum": (lambda m, x: x * x.max(1, keepdim=True)[1], "indices"),
    "a maximum that drops its axis": (lambda m, x: x.max(1)[0], "drops an axis"),
    "a maximum of all": (lambda m, x: x * x.max(), "one number for all images"),
    "a mean of a stack": (
        lambda m, x: torch.stack([x, m.conv(x)], 1).mean(1),
        "an axis of their own",
    ),
    "neighbours with a bias": (
        lambda m, x: m.biased(x.mean((2, 3)).unsqueeze(1)).squeeze(1),
        "which is no map of its own",
    ),
    "neighbours across images": (
        lambda m, x: m.along(x.mean((2, 3)).view(1, 1, -1)).view(-1, 8, 1, 1),
        "may mix the images",
    ),
    "neighbours of images that are swapped": (
        lambda m, x: m.along(x.mean((2, 3)).unsqueeze(-1).transpose(0, 2).transpose(0, 1)),
        "the axes in the order",
    ),
    "a channel without its axis": (lambda m, x: m.fc(x.mean((2, 3)))[:, 0], "a part of"),
    "a term of another axis": (lambda m, x: x * m.column + m.width, "no number for each channel"),
    "a deviation of all there are": (
        lambda m, x: x.std((2, 3), unbiased=False, keepdim=True),
        "no variance of a sample",
    ),
    "attention that is laid out otherwise": (
        lambda m, x: torch.bmm(
            (m.conv(x).flatten(2).transpose(1, 2) @ x.flatten(2)).softmax(-1),
            x.flatten(2).transpose(1, 2),
        ).view(x.size(0), 8, 6, 10),
        "`matmul.*` is no operator",
    ),
    "attention over the wrong positions": (
        lambda m, x: (
            x.flatten(2)
            @ (m.conv(x).flatten(2).transpose(1, 2) @ x.flatten(2)).softmax(0).transpose(1, 2)
        ).view_as(x),
        "`matmul.*` is no operator",
    ),
    "a softmax of a stack": (
        lambda m, x: (torch.stack([x, m.conv(x)], 1).softmax(1)).amax(1),
        "an axis of their own",
    ),
    "a sum along another axis of a stack": (
        lambda m, x: torch.stack([x, m.conv(x)], 1).sum(2),
        "an axis of their own",
    ),
    "an expansion alone": (
        lambda m, x: torch.cat([x, x.mean((2, 3), keepdim=True).expand_as(x)], 1),
        "`expand_as.*` is no operator",
    ),
    "both factors expanded": (
        lambda m, x: m.conv(
            (y := x.mean((2, 3), keepdim=True)).expand_as(x) * (2 * y).expand_as(x)
        ),
        "`expand_as.*` is no operator",
    ),
    "images among the axes": (lambda m, x: x.permute(1, 0, 2, 3), "in the order"),
    "channels last, and left there": (
        lambda m, x: F.relu(x.permute(0, 3, 2, 1)),
        "which is no map of its own",
    ),
    "a norm of rows": (lambda m, x: m.wide(x), "normalises along the last axis"),
    "a norm in another order": (
        lambda m, x: m.norm(x.permute(0, 3, 2, 1)).permute(0, 3, 2, 1),
        "normalises along the last axis",
    ),
    "a norm that comes back in another order": (
        lambda m, x: m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 2, 1),
        "a part of an operator",
    ),
    "a softmax within parts": (
        lambda m, x: x.unflatten(1, (4, 2)).softmax(2).flatten(1, 2),
        "another shape|along dimension",
    ),
    "a softmax over columns": (lambda m, x: x.softmax(-1), "along dimension -1"),
    "a softmax laid out otherwise": (
        lambda m, x: x.flatten(2).softmax(-1).view(x.size(0), 8, 10, 6),
        "another shape",
    ),
    "a vector spread over rows": (
        lambda m, x: x * x.mean((2, 3)).view(x.shape[0], 1, 8, 1)[:, :, :6],
        "which is no map of its own",
    ),
    "a squeeze of images": (lambda m, x: x.mean((2, 3), keepdim=True).squeeze(0), "may drop"),
    "a pool to a number of images": (
        lambda m, x: F.adaptive_avg_pool2d(x, (x.shape[0], None)),
        "pools to a size that is calculated",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_nearly_an_idiom_is_refused(name: str) -> None:
    words, why = REFUSED[name]
    with pytest.raises(UnknownOperation, match=why):
        read(written(words))


def test_a_linear_layer_along_columns_is_refused() -> None:
    module = written(lambda m, x: F.linear(x, m.fc.weight, m.fc.bias))
    with pytest.raises(UnknownOperation, match="a linear layer to a map"):
        read(module, TensorType(4, 6, 8))


@pytest.mark.parametrize(
    "words",
    [
        lambda m, x: x.reshape(8, -1),
        lambda m, x: x.view(2, 4, 6, 10).transpose(0, 1).reshape(1, 8, 6, 10),
        lambda m, x: x[:, ::2],
    ],
)
def test_a_file_of_torch_export_that_mixes_images_is_refused(words: Words, tmp_path: Path) -> None:
    module = written(words)
    torch.export.save(torch.export.export(module, (torch.randn(1, 8, 6, 10),)), tmp_path / "n.pt2")
    with pytest.raises(UnknownOperation):
        read(read_exported(tmp_path / "n.pt2"))
