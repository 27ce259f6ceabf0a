"""Transposed convolutions in JAX, by a class that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.ops.conv import UNIFORM
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made, spread
from archcompiler.backends.python import text
from archcompiler.backends.record import Helper
from archcompiler.ops.conv_transpose import ConvTranspose

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_CONV: Final = Helper(
    "ConvTranspose",
    '''
class ConvTranspose(nnx.Module):
    """A transposed convolution with PyTorch's arguments, weights and first biases."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        *,
        padding: tuple[int, ...],
        output_padding: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int = 1,
        bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_channels, self.channels, self.groups = in_channels, channels, groups
        self.size, self.stride, self.dilation = kernel, stride, dilation
        self.padding, self.output_padding = padding, output_padding
        shape = (*kernel, channels // groups, in_channels)
        self.kernel = nnx.Param(conv_init(rngs.params(), shape, jnp.float32))
        start = uniform(math.prod(shape[:-1]) ** -0.5)
        row = (channels,)
        self.bias = nnx.Param(start(rngs.params(), row, jnp.float32)) if bias else None

    def __call__(self, x: Array, like: Array | None = None) -> Array:
        axes = tuple(range(1, len(self.size) + 1))
        reach = [d * (k - 1) for d, k in zip(self.dilation, self.size)]
        more = self.output_padding
        if like is not None:
            rows = zip(axes, self.stride, self.padding, reach)
            more = [like.shape[i] - (x.shape[i] - 1) * s + 2 * p - r - 1 for i, s, p, r in rows]
        kernel = jnp.flip(self.kernel[...], [i - 1 for i in axes])
        # From (out, in) to (in, out), where one group's outputs follow another's.
        kernel = kernel.reshape(*self.size, -1, self.groups, self.in_channels // self.groups)
        kernel = kernel.swapaxes(-1, -3).reshape(*self.size, -1, self.channels)
        last = len(axes) + 1
        dtype = jnp.result_type(x, kernel)
        y = lax.conv_general_dilated(
            x.astype(dtype),
            kernel.astype(dtype),
            (1,) * len(axes),
            [(r - p, r - p + m) for r, p, m in zip(reach, self.padding, more)],
            lhs_dilation=self.stride,
            rhs_dilation=self.dilation,
            dimension_numbers=lax.ConvDimensionNumbers(
                (0, last, *axes), (last, last - 1, *(i - 1 for i in axes)), (0, last, *axes)
            ),
            feature_group_count=self.groups,
        )
        return y if self.bias is None else y + self.bias[...]
'''.strip(),
    ("import math",),
    (UNIFORM,),
)


def _conv(op: ConvTranspose, dims: int) -> str:
    return made(
        _CONV.name,
        text(op.in_channels),
        text(op.out_channels),
        spread(op.kernel, dims),
        spread(op.stride, dims),
        f"padding={spread(op.padding, dims)}",
        f"output_padding={spread(op.output_padding, dims)}",
        f"dilation={spread(op.dilation, dims)}",
        groups=(op.groups, 1),
        bias=(op.bias, True),
    )


def _read_conv() -> Iterable[Reader]:
    from archcompiler.backends.reading import sides

    def read(seen: Seen, module: Any, x: Node, like: Node | None = None) -> Reading:
        op = ConvTranspose(
            module.in_channels,
            module.channels,
            sides(module.size, seen.dims),
            sides(module.stride, seen.dims),
            sides(module.padding, seen.dims),
            sides(module.dilation, seen.dims),
            module.groups,
            module.bias is not None,
            seen.dims,
            0 if like is not None else sides(module.output_padding, seen.dims),
        )
        return op, [x] if like is None else [x, like]

    yield Reader(_CONV.name, read)


RECORDS: Final = {
    "conv_transpose": JaxOp(module=_conv, helper=lambda dims: _CONV, readers=_read_conv)
}
