"""Operators along the channels in PyTorch, by classes that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, joined, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.channelwise import Affine, ChannelConv, Gain, KernelOf, LayerScale, Scale

if TYPE_CHECKING:
    from torch import fx, nn

    from archcompiler.backends.torch.reading import Reading, Seen

_CONV: Final = Helper(
    "ChannelConv",
    '''
class ChannelConv(nn.Conv1d):
    """A convolution along the channels of a map of one pixel."""

    def __init__(self, kernel: int) -> None:
        super().__init__(1, 1, kernel, padding=kernel // 2, bias=False)

    @classmethod
    def of(cls, channels: int) -> ChannelConv:
        """With the kernel that ECA-Net has for so many channels."""
        nearest = int((math.log2(channels) + 1) / 2)
        return cls(max(3, nearest + 1 - nearest % 2))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1).unsqueeze(1)).view_as(x)
'''.strip(),
    ("import math",),
)


def _channel_conv(op: ChannelConv, dims: int) -> str:
    if isinstance(op.kernel, KernelOf):
        return called("ChannelConv.of", text(op.kernel.channels))
    return called("ChannelConv", text(op.kernel))


def _read_channel_conv() -> Iterable[Reader]:
    def read(seen: Seen, module: nn.Conv1d, x: fx.Node) -> Reading:
        return ChannelConv(module.kernel_size[0]), [x]

    yield Reader(_CONV.name, read)


def _layer_scale_helper(dims: int) -> Helper:
    source = f'''
class LayerScale(nn.Module):
    """Each channel times a number that is learnt."""

    def __init__(self, channels: int, init: float = 1e-6) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.full((channels, {", ".join("1" * dims)}), float(init)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''
    return Helper("LayerScale", source.strip())


def _layer_scale(op: LayerScale, dims: int) -> str:
    return called("LayerScale", text(op.channels), init=(op.init, 1e-6))


def _read_layer_scale() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: fx.Node) -> Reading:
        return LayerScale(module.weight.numel(), module.init), [x]

    yield Reader("LayerScale", read)


_GAIN: Final = Helper(
    "Gain",
    '''
class Gain(nn.Module):
    """Every element times one number that is learnt."""

    def __init__(self, init: float = 0.0) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.full((1,), float(init)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight
'''.strip(),
)


def _gain(op: Gain, dims: int) -> str:
    return called("Gain", init=(op.init, 0.0))


def _read_gain() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: fx.Node) -> Reading:
        return Gain(module.init), [x]

    yield Reader("Gain", read)


def _affine_helper(dims: int) -> Helper:
    source = f'''
class Affine(nn.Module):
    """A scale and a shift for each channel."""

    def __init__(self, channels: int, init: float = 1.0) -> None:
        super().__init__()
        self.init = init
        self.weight = nn.Parameter(torch.full((channels, {", ".join("1" * dims)}), float(init)))
        self.bias = nn.Parameter(torch.zeros(channels, {", ".join("1" * dims)}))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias, x, self.weight)
'''
    return Helper("Affine", source.strip())


def _affine(op: Affine, dims: int) -> str:
    return called("Affine", text(op.channels), init=(op.init, 1.0))


def _read_affine() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: fx.Node) -> Reading:
        return Affine(module.weight.numel(), module.init), [x]

    yield Reader("Affine", read)


def _scale(op: Scale, x: Sequence[str], dims: int) -> str:
    return joined("*", [*x, text(op.factor)])


def _read_scale() -> Iterable[Reader]:
    import operator

    import torch

    from archcompiler.backends.torch.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        data, factor = (x, y) if is_node(x) else (y, x)
        return (Scale(factor), [data]) if isinstance(factor, int | float) else None

    for target in (operator.mul, torch.mul, "mul", "mul_"):
        yield Reader(target, read)


RECORDS: Final = {
    "channel_conv": TorchOp(
        module=_channel_conv,
        helper=lambda dims: _CONV,
        readers=_read_channel_conv,
        flat="kept",
        uncounted=frozenset({"aten::view_as", "aten::unsqueeze"}),
    ),
    "layer_scale": TorchOp(
        module=_layer_scale,
        helper=_layer_scale_helper,
        readers=_read_layer_scale,
        uncounted=frozenset({"aten::mul"}),
    ),
    "gain": TorchOp(
        module=_gain,
        helper=lambda dims: _GAIN,
        readers=_read_gain,
        flat="kept",
        uncounted=frozenset({"aten::mul"}),
    ),
    "affine": TorchOp(
        module=_affine,
        helper=_affine_helper,
        readers=_read_affine,
        uncounted=frozenset({"aten::addcmul"}),
    ),
    "scale": TorchOp(
        call=_scale, readers=_read_scale, flat="kept", uncounted=frozenset({"aten::mul"})
    ),
}
