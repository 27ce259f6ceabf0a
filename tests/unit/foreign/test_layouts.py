"""Maps that are stacked, that have their channels last, or lose an axis for a while."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from unit.foreign.written import Words, kinds_of, read, written

from archcompiler.backends.reading import UnknownOperation
from archcompiler.ir import TensorType
from archcompiler.ops.norm import GroupNorm, SpatialNorm
from archcompiler.ops.regularise import Dropout


def inverted(m: Any, x: Tensor) -> Tensor:
    """ConvNeXt's block, narrower."""
    y = m.conv(x).permute(0, 2, 3, 1)
    y = m.narrow(F.gelu(m.fc(m.norm(y))))
    return x + (m.row * y).permute(0, 3, 1, 2)


def by_functions(m: Any, x: Tensor) -> Tensor:
    y = x.permute(0, 2, 3, 1).contiguous()
    y = F.layer_norm(y, (8,), m.norm.weight, m.norm.bias, 1e-3)
    return F.linear(y, m.fc.weight, m.fc.bias).permute(0, 3, 1, 2)


def response(m: Any, x: Tensor) -> Tensor:
    """Global response normalisation, as ConvNeXt V2 has it."""
    y = x.permute(0, 2, 3, 1)
    norms = torch.norm(y, p=2, dim=(1, 2), keepdim=True)
    y = y * (norms / (norms.mean(dim=-1, keepdim=True) + 1e-6))
    return (y * m.row + y).permute(0, 3, 1, 2)


def selected(m: Any, x: Tensor) -> Tensor:
    """SKNet's selection between two branches, as a stack."""
    feats = torch.stack([x, torch.relu(x)], dim=1)
    z = torch.sum(feats, dim=1).mean(-1).mean(-1)
    weights = [(z * i).view(-1, 8, 1, 1) for i in (2, 3)]
    return (feats * torch.stack(weights, 1).softmax(dim=1)).sum(dim=1)


def picked(m: Any, x: Tensor) -> Tensor:
    a = F.softmax(m.conv(x).mean((2, 3), keepdim=True).view(-1, 2, 4, 1, 1), 1)
    return x[:, :4] * a[:, 0] + x[:, 4:] * a[:, 1, :, :, :]


def picked_vector(m: Any, x: Tensor) -> Tensor:
    a = m.conv(x).mean((2, 3)).view(-1, 2, 4).softmax(1)
    return a[:, 0] + 2 * a[:, 1]


def radix(m: Any, x: Tensor, groups: int, parts: int) -> Tensor:
    """ResNeSt's softmax."""
    n = x.size(0)
    a = m.conv(x).mean((2, 3), keepdim=True)
    a = a.view(n, groups, parts, -1).transpose(1, 2)
    return x * F.softmax(a, dim=1).reshape(n, -1).view(n, -1, 1, 1)


def pooled_channels(m: Any, x: Tensor) -> Tensor:
    """CBAM's, in the words of its authors."""
    y = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
    largest, _ = torch.max(x, dim=1, keepdim=True)
    return torch.cat((y, largest), 1)


def gates_expanded(m: Any, x: Tensor) -> Tensor:
    """BAM's."""
    channels = x.mean((2, 3)).unsqueeze(2).unsqueeze(3).expand_as(x)
    positions = x.mean(1, keepdim=True).expand_as(x)
    return (1 + torch.sigmoid(channels * positions)) * x


READ: dict[str, tuple[Words, list[str]]] = {
    "a norm and a linear layer by functions": (by_functions, ["layer_norm", "conv"]),
    "a response": (
        response,
        ["reduce", "reduce", "shift", "div", "mul", "layer_scale", "add"],
    ),
    "positions of what has its channels last": (
        lambda m, x: m.fc(m.norm(x.permute(0, 2, 3, 1)).mean((1, 2))),
        ["layer_norm", "reduce", "linear"],
    ),
    "a number for all": (
        lambda m, x: (x.permute(0, 2, 3, 1) * m.number).permute(0, 3, 1, 2),
        ["gain"],
    ),
    "branches that are selected": (
        selected,
        [
            *("relu", "add", "reduce", "scale", "scale", "concat", "softmax"),
            *("part", "part", "mul", "mul", "add"),
        ],
    ),
    "parts that are picked": (
        picked,
        ["conv", "reduce", "softmax", *["part"] * 3, "mul", "part", "mul", "add"],
    ),
    "parts of a vector that are picked": (
        picked_vector,
        ["conv", "reduce", "softmax", "part", "part", "scale", "add"],
    ),
    "a softmax of one group": (
        lambda m, x: radix(m, x, 1, 2),
        ["conv", "reduce", "softmax", "mul"],
    ),
    "a softmax of two groups": (
        lambda m, x: radix(m, x, 2, 2),
        ["conv", "reduce", *["part"] * 4, "concat", "softmax", "mul"],
    ),
    "channels that are pooled": (
        pooled_channels,
        ["reduce", "reduce", "concat", "reduce", "concat"],
    ),
    "gates that are expanded": (
        gates_expanded,
        ["reduce", "reduce", "mul", "sigmoid", "gate"],
    ),
    "a stack of what has its channels last": (
        lambda m, x: (
            torch.stack([m.norm(y := x.permute(0, 2, 3, 1)), F.gelu(y)]).sum(0).permute(0, 3, 1, 2)
        ),
        ["layer_norm", "gelu", "add"],
    ),
    "a sum of a stack, then of an axis": (
        lambda m, x: m.fc(torch.stack([x, m.conv(x)], 1).sum(1).sum(2).sum(2)),
        ["conv", "add", "reduce", "linear"],
    ),
    "one axis after the other of channels last": (
        lambda m, x: m.fc(m.norm(x.permute(0, 2, 3, 1)).mean(1).mean(1)),
        ["layer_norm", "reduce", "linear"],
    ),
    "channels last that are put back": (
        lambda m, x: ((y := x.permute(0, 2, 3, 1)) * y.mean(-1).unsqueeze(-1)).permute(0, 3, 1, 2),
        ["reduce", "mul"],
    ),
    "channels last in two steps, and first again in two": (
        lambda m, x: m.norm(x.transpose(2, 3).transpose(1, 3)).transpose(2, 3).transpose(1, 2),
        ["layer_norm"],
    ),
    "one axis after the other": (lambda m, x: m.fc(x.mean(3).mean(2)), ["reduce", "linear"]),
    "one axis before the other": (lambda m, x: m.fc(x.sum(2).sum(-1)), ["reduce", "linear"]),
    "a mean of a maximum": (
        lambda m, x: x.amax(2, keepdim=True).mean(3, keepdim=True),
        ["reduce", "reduce"],
    ),
    "positions in a row": (
        lambda m, x: m.fc(x.view(x.size(0), x.size(1), -1).mean(dim=2)),
        ["reduce", "linear"],
    ),
    "neighbours that are activated as a row": (
        lambda m, x: x * m.along(x.mean((2, 3)).unsqueeze(1)).sigmoid().view(x.size(0), 8, 1, 1),
        ["reduce", "channel_conv", "sigmoid", "mul"],
    ),
    "neighbours that are activated before they are turned": (
        lambda m, x: (
            torch.relu(m.along(x.mean((2, 3), keepdim=True).squeeze(-1).permute(0, 2, 1)))
            .permute(0, 2, 1)
            .unsqueeze(-1)
            * x
        ),
        ["reduce", "channel_conv", "relu", "mul"],
    ),
    "a norm of a vector by a function": (
        lambda m, x: F.layer_norm(x.mean((2, 3)), (8,), m.norm.weight, m.norm.bias, 1e-3),
        ["reduce", "layer_norm"],
    ),
    "parts with an axis that is added and dropped": (
        lambda m, x: (
            x.mean((2, 3), keepdim=True)
            .unsqueeze(1)
            .view(-1, 2, 4, 1, 1)
            .softmax(1)[:, 1]
            .squeeze(1)
            * x[:, 4:]
        ),
        ["reduce", "softmax", "part", "part", "mul"],
    ),
    "a softmax without an axis": (
        lambda m, x: F.softmax(x),
        ["softmax"],
    ),
    "values that are clamped": (
        lambda m, x: x.clamp(min=0) + torch.clamp(x, 0, 6),
        ["relu", "relu6", "add"],
    ),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("name", READ)
def test_a_layout_is_read_as_what_it_computes(name: str) -> None:
    words, kinds = READ[name]
    assert kinds_of(words) == kinds


def test_a_linear_layer_of_positions_has_its_weights() -> None:
    """As a convolution, in two layers of a block whose widths differ."""
    block = ["conv", "layer_norm", "conv", "gelu", "conv", "layer_scale", "add"]
    assert kinds_of(inverted) == block


class Normed(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_instance_norms_and_dropout_of_channels() -> None:
    learnt = Normed(nn.InstanceNorm2d(8, affine=True, eps=1e-3), nn.InstanceNorm2d(8)).eval()
    found = [data["op"] for _, data in read(learnt).nodes(data=True)][1:]
    assert found == [GroupNorm(8, 8, 1e-3), SpatialNorm(1e-5)]
    dropped = Normed(nn.AdaptiveAvgPool2d(1), nn.Dropout2d(0.3)).eval()
    assert [data["op"] for _, data in read(dropped).nodes(data=True)][2] == Dropout(0.3)
    for layer, why in (
        (nn.Dropout2d(), "is a Dropout2d"),
        (nn.InstanceNorm2d(8, track_running_stats=True), "running statistics"),
    ):
        with pytest.raises(UnknownOperation, match=why):
            read(Normed(layer).eval())


class Named(nn.Module):
    """Layers that have the names of methods."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(8, 8, 1)
        self.square = nn.ReLU()
        self.norm = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.expand(x) * x)
        mean = x.mean((2, 3), keepdim=True)
        return self.square(x - mean).sum((2, 3), keepdim=True) / 59


def test_a_layer_that_is_called_as_a_method_is_itself() -> None:
    graph = read(Named().eval())
    kinds = ["conv", "mul", "tanh", "reduce", "sub", "relu", "reduce", "scale"]
    assert [data["label"][0] for _, data in graph.nodes(data=True)][1:] == kinds


def test_a_signal_loses_its_axis() -> None:
    signal = TensorType(8, 12)
    assert kinds_of(lambda m, x: m.fc(x.mean(-1)), signal) == ["reduce", "linear"]
    assert kinds_of(lambda m, x: m.fc(torch.max(x, 2)[0]), signal) == ["reduce", "linear"]


def test_a_signal_has_its_channels_last() -> None:
    def words(m: Any, x: Tensor) -> Tensor:
        return m.narrow(torch.relu(m.fc(m.norm(x.transpose(1, 2))))).transpose(1, 2)

    assert kinds_of(words, TensorType(8, 12)) == ["layer_norm", "conv", "relu", "conv"]


REFUSED: dict[str, tuple[Words, str]] = {
    "a linear layer of what stays so": (
        lambda m, x: m.fc(x.permute(0, 2, 3, 1)),
        "a linear layer to a map",
    ),
    "a row of another axis": (
        lambda m, x: (x.permute(0, 3, 2, 1) * m.row).permute(0, 3, 1, 2),
        "which is no number for each channel",
    ),
    "channels last that come back otherwise": (
        lambda m, x: m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 2, 1),
        "a part of an operator",
    ),
    "a softmax over the images": (
        lambda m, x: F.softmax(x.flatten(2)).view_as(x),
        "has no `dim`, and is over the images",
    ),
    "a softmax along another axis than the stack": (
        lambda m, x: torch.stack([x, m.conv(x)], 1).softmax(2).sum(1),
        "maps along an axis of their own",
    ),
    "groups that are another axis": (
        lambda m, x: F.softmax(
            m.conv(x).mean((2, 3)).view(-1, 2, 4).transpose(1, 2), dim=1
        ).reshape(x.size(0), -1),
        "another shape",
    ),
    "an axis that is put back elsewhere": (
        lambda m, x: x.mean(1).unsqueeze(2),
        "drops an axis",
    ),
    "one axis after the other, of two kinds": (
        lambda m, x: x.mean(3).amax(2),
        "drops an axis",
    ),
    "the indices of maxima": (lambda m, x: x.max(1, keepdim=True)[1] * x, "indices of maxima"),
    "values that are rounded": (lambda m, x: x.to(torch.int32), "rounds to torch.int32"),
    "values clamped otherwise": (lambda m, x: x.clamp(0, 1), r"clamps to \[0, 1\]"),
}


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_nearly_such_a_layout_is_refused(name: str) -> None:
    words, why = REFUSED[name]
    with pytest.raises(UnknownOperation, match=why):
        read(written(words))
