"""What a trace must not take for an operator, and the forms that foreign modules have."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcompiler.backends.reading import UnknownOperation
from archcompiler.backends.record import helpers
from archcompiler.backends.torch.table import records
from archcompiler.backends.torch.trace import trace
from archcompiler.emit.load import load_module
from archcompiler.ir import TensorType

X = TensorType(4, 6, 6)


class Applied(nn.Module):
    """A function as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[no-any-return]


def traced(function: Any) -> nx.MultiDiGraph[str]:
    made = nn.Sequential(function) if isinstance(function, nn.Module) else Applied(function)
    return trace(made, X)


def kinds(function: Any) -> list[str]:
    return [label[0] for _, label in traced(function).nodes(data="label")][1:]


@pytest.mark.parametrize(
    "function",
    [
        nn.ELU(0.5),
        nn.Softplus(2.0),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.BatchNorm2d(4, affine=False),
        nn.BatchNorm2d(4, momentum=None),
        nn.GroupNorm(2, 4, affine=False),
        nn.InstanceNorm2d(4),
        nn.MaxPool2d(2, return_indices=True),
        nn.AvgPool2d(2, divisor_override=1),
        nn.Linear(6, 3),
        nn.Softmax(2),
        nn.Upsample(scale_factor=1.5),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        lambda x: F.elu(x, 0.5),
        lambda x: F.softplus(x, beta=2),
        lambda x: 2 - x,
        lambda x: F.conv_transpose2d(x, x.mean(0, keepdim=True)),
        lambda x: 1 / x,
        lambda x: x / 2,
        lambda x: torch.div(x, x, rounding_mode="floor"),
        lambda x: x.var((2, 3)),
        lambda x: x.var((2, 3), correction=0, keepdim=True),
        lambda x: torch.norm(x, 1, (2, 3), True),
        lambda x: torch.linalg.vector_norm(x, dim=(2, 3)),
        lambda x: torch.add(x, x, alpha=2),
        lambda x: torch.addcmul(x, x, x, value=2),
        lambda x: torch.cat([x, x]),
        lambda x: x.mean(1),
        lambda x: x.mean((1, 2), keepdim=True),
        lambda x: x.mean(0, keepdim=True),
        lambda x: x.chunk(3, dim=1)[0],
        lambda x: x.chunk(2, dim=2)[0],
        lambda x: x[:, 1:],
        lambda x: x[:, :, ::2],
        lambda x: x[:1],
        lambda x: x.flatten(2),
        lambda x: torch.flatten(x),
        lambda x: x.transpose(1, 2),
        lambda x: F.interpolate(x, size=(12, 12)),
        lambda x: F.normalize(x, dim=2),
        lambda x: F.normalize(x, p=1.0),
        lambda x: torch.sin(x),
        lambda x: F.dropout(x, 0.5, training=True),
    ],
    ids=lambda f: str(f)[:40] if isinstance(f, nn.Module) else None,
)
def test_what_is_no_operator_is_refused(function: Any) -> None:
    with pytest.raises(UnknownOperation):
        traced(function)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * torch.flatten(x.mean((2, 3), keepdim=True), 1),
        lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1) + x,
    ],
)
def test_a_vector_beside_a_map_is_refused(function: Any) -> None:
    """It runs where a map is as wide as it has channels, and has them along its width."""
    with pytest.raises(UnknownOperation, match="beside maps"):
        trace(Applied(function), TensorType(6, 6, 6))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: (1 + x) * x, ["gate"]),
        (lambda x: x * torch.add(1, x), ["gate"]),
        (lambda x: x * torch.add(x, 1), ["shift", "mul"]),
        (lambda x: (x + 1) + x * (x + 1), ["shift", "shift", "mul", "add"]),
        (lambda x: (1 + x) + x, ["shift", "add"]),
        (lambda x: F.gelu(x) + 1, ["gelu", "shift"]),
        (lambda x: 2 + x, ["shift"]),
        (lambda x: x.sub(1.5), ["shift"]),
        (lambda x: x + 0, []),
        (nn.PixelShuffle(2), ["pixel_shuffle"]),
        (nn.PixelUnshuffle(3), ["pixel_unshuffle"]),
        (
            lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2),
            ["pixel_shuffle", "pixel_unshuffle"],
        ),
        (lambda x: x.div(x.sqrt()), ["sqrt", "div"]),
        (lambda x: x.norm(2, (2, 3), True), ["reduce"]),
        (lambda x: torch.linalg.vector_norm(x, 2, (2, 3), True), ["reduce"]),
        (lambda x: torch.var(x, (2, 3), keepdim=True), ["reduce"]),
        (lambda x: x + x * x, ["mul", "add"]),
        (lambda x: x.mean([3, 2], keepdim=True), ["reduce"]),
        (lambda x: x.relu_().sigmoid(), ["relu", "sigmoid"]),
        (lambda x: x.chunk(4, 1)[-1], ["part"]),
        (lambda x: torch.chunk(x, chunks=2, dim=1)[0], ["part"]),
        (lambda x: F.adaptive_max_pool2d(x, (1, 1)), ["global_max_pool"]),
        (nn.Sequential(nn.Identity(), nn.Dropout(0.0)), []),
        (nn.Upsample(scale_factor=2), ["upsample"]),
        (nn.ReLU6(inplace=True), ["relu6"]),
    ],
)
def test_other_ways_to_write_an_operator(function: Any, expected: list[str]) -> None:
    assert kinds(function) == expected


@pytest.mark.parametrize(
    "first",
    [lambda x, y: (1 + x) * y, lambda x, y: y * (1 + x), lambda x, y: torch.addcmul(y, y, x)],
)
def test_the_mask_of_a_gate_is_what_one_is_added_to(first: Any) -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return first(x, y)  # type: ignore[no-any-return]

    graph = trace(Two(), X, X)
    assert {(u, role) for u, _, role in graph.edges(data="role")} == {("x", "mask"), ("y", "trunk")}


# Attention and a convolution along channels take other maps than `x`.
APART = ("attend", "channel_conv")
HELPED = {
    (kind, helper.name): helper
    for kind, record in records().items()
    for helper in helpers(record, 2)
    if kind not in APART
}
HEAD = "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"


@pytest.mark.parametrize(("kind", "name"), HELPED)
def test_a_helper_is_known_by_its_source(kind: str, name: str) -> None:
    """The same code under other comments and line breaks is the helper; other code is not."""
    helper = HELPED[kind, name]
    given = {
        "Affine": "4",
        "bilinear_pool": "x, x",
        "BlurPool": "",
        "channel_parts": "x, 1, 3",
        "dot_products": "x, x",
        "DropPath": "0.5",
        "ChannelLayerNorm": "4",
        "Gain": "",
        "LayerScale": "4",
        "softmax_over_parts": "x, 2",
        "softmax_over_positions": "x",
    }
    call = f"{name}({given[name]}){'[0]' * (name == 'channel_parts')}"
    made, called = ("None", call) if "(x" in call else (call, "self.op(x)")
    use = (
        "\n\nclass Module(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.op = {made}\n\n    def forward(self, x):\n        return {called}\n"
    )

    def known(kind: str, source: str, head: str = HEAD) -> bool:
        try:
            return kinds(load_module("helper", f"{head}\n{source}{use}").Module().eval()) == [kind]
        except UnknownOperation:
            return False

    assert known(kind, helper.source)
    assert known(kind, helper.source.replace("\n\n", "\n\n    # a comment\n\n", 1))
    for old, new in (("return ", "return 2 * "), ("1", "2")):
        changed = helper.source.replace(old, new)
        if changed != helper.source:
            assert not known(kind, changed)
    # Torch's names must be torch's own.
    assert not known(kind, helper.source, f"{HEAD}\nF = torch\n")


@pytest.mark.parametrize("zeros", [11, 12])
def test_a_call_is_said_in_80_characters(zeros: int) -> None:
    whole = f"roll(x, {[0] * zeros}, {[2] * zeros})"
    with pytest.raises(UnknownOperation) as raised:
        traced(lambda x: torch.roll(x, [0] * zeros, [2] * zeros))
    said = whole if len(whole) <= 80 else f"{whole[:79]}…"
    assert str(raised.value) == f"`{said}` is no operator"
