"""Operators along the channels in JAX, by classes that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.ops.conv import UNIFORM
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made
from archcompiler.backends.python import called, joined, text
from archcompiler.backends.record import Helper
from archcompiler.ops.channelwise import Affine, ChannelConv, Gain, KernelOf, LayerScale, Scale

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _conv_helper(dims: int) -> Helper:
    # In one dimension PyTorch's file initialises it with the other convolutions.
    start = "conv_init" if dims == 1 else "uniform(kernel**-0.5)"
    source = f'''
class ChannelConv(nnx.Conv):
    """A convolution along the channels of a map of one pixel."""

    def __init__(self, kernel: int, *, rngs: nnx.Rngs) -> None:
        start = {start}
        super().__init__(
            1, 1, kernel, padding=kernel // 2, use_bias=False, kernel_init=start, rngs=rngs
        )

    @classmethod
    def of(cls, channels: int, *, rngs: nnx.Rngs) -> ChannelConv:
        """With the kernel that ECA-Net has for so many channels."""
        nearest = int((math.log2(channels) + 1) / 2)
        return cls(max(3, nearest + 1 - nearest % 2), rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return super().__call__(x.reshape(x.shape[0], -1, 1)).reshape(x.shape)
'''
    return Helper("ChannelConv", source.strip(), ("import math",), () if dims == 1 else (UNIFORM,))


def _channel_conv(op: ChannelConv, dims: int) -> str:
    if isinstance(op.kernel, KernelOf):
        return made("ChannelConv.of", text(op.kernel.channels))
    return made("ChannelConv", text(op.kernel))


def _read_channel_conv() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return ChannelConv(module.kernel_size[0]), [x]

    yield Reader("ChannelConv", read)


def _ones(dims: int) -> str:
    return ", ".join("1" * dims)


def _layer_scale_helper(dims: int) -> Helper:
    source = f'''
class LayerScale(nnx.Module):
    """Each channel times a number that is learnt."""

    def __init__(self, channels: int, init: float = 1e-6) -> None:
        self.init = init
        self.scale = nnx.Param(jnp.full(({_ones(dims)}, channels), float(init)))

    def __call__(self, x: Array) -> Array:
        return x * self.scale[...]
'''
    return Helper("LayerScale", source.strip())


def _layer_scale(op: LayerScale, dims: int) -> str:
    return called("LayerScale", text(op.channels), init=(op.init, 1e-6))


def _read_layer_scale() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return LayerScale(module.scale.size, module.init), [x]

    yield Reader("LayerScale", read)


_GAIN: Final = Helper(
    "Gain",
    '''
class Gain(nnx.Module):
    """Every element times one number that is learnt."""

    def __init__(self, init: float = 0.0) -> None:
        self.init = init
        self.scale = nnx.Param(jnp.full((1,), float(init)))

    def __call__(self, x: Array) -> Array:
        return x * self.scale[...]
'''.strip(),
)


def _gain(op: Gain, dims: int) -> str:
    return called("Gain", init=(op.init, 0.0))


def _read_gain() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return Gain(module.init), [x]

    yield Reader("Gain", read)


def _affine_helper(dims: int) -> Helper:
    source = f'''
class Affine(nnx.Module):
    """A scale and a shift for each channel."""

    def __init__(self, channels: int, init: float = 1.0) -> None:
        self.init = init
        self.scale = nnx.Param(jnp.full(({_ones(dims)}, channels), float(init)))
        self.bias = nnx.Param(jnp.zeros(({_ones(dims)}, channels)))

    def __call__(self, x: Array) -> Array:
        return x * self.scale[...] + self.bias[...]
'''
    return Helper("Affine", source.strip())


def _affine(op: Affine, dims: int) -> str:
    return called("Affine", text(op.channels), init=(op.init, 1.0))


def _read_affine() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return Affine(module.scale.size, module.init), [x]

    yield Reader("Affine", read)


def _scale(op: Scale, x: Sequence[str], dims: int) -> str:
    return joined("*", [*x, text(op.factor)])


def _read_scale() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node

    def read(seen: Seen, x: Any, y: Any) -> Reading | None:
        data, factor = (x, y) if is_node(x) else (y, x)
        return None if is_node(factor) else (Scale(factor), [data])

    yield Reader("mul", read)


RECORDS: Final = {
    "channel_conv": JaxOp(
        module=_channel_conv, helper=_conv_helper, readers=_read_channel_conv, flat="kept"
    ),
    "layer_scale": JaxOp(
        module=_layer_scale, helper=_layer_scale_helper, readers=_read_layer_scale
    ),
    "gain": JaxOp(module=_gain, helper=lambda dims: _GAIN, readers=_read_gain, flat="kept"),
    "affine": JaxOp(module=_affine, helper=_affine_helper, readers=_read_affine),
    "scale": JaxOp(call=_scale, readers=_read_scale, flat="kept"),
}
