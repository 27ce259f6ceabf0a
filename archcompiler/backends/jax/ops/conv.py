"""Convolutions in JAX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made, spread
from archcompiler.backends.python import given, text
from archcompiler.backends.record import Helper
from archcompiler.ops.conv import Conv

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

UNIFORM: Final = Helper(
    "uniform",
    '''
def uniform(bound: float) -> nnx.Initializer:
    """Weights between -bound and bound, as PyTorch draws those of layers and biases."""
    return lambda key, shape, dtype: jax.random.uniform(key, shape, dtype, -bound, bound)
'''.strip(),
)
CONV: Final = Helper(
    "Conv",
    '''
class Conv(nnx.Conv):
    """A convolution by PyTorch's arguments; its weights start by `conv_init`."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        kernel: tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        *,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        rngs: nnx.Rngs,
    ) -> None:
        super().__init__(
            in_channels,
            channels,
            kernel,
            stride,
            padding=padding,
            kernel_dilation=dilation,
            feature_group_count=groups,
            use_bias=bias,
            kernel_init=conv_init,
            bias_init=uniform((in_channels // groups * math.prod(kernel)) ** -0.5),
            rngs=rngs,
        )
'''.strip(),
    ("import math",),
    (UNIFORM,),
)


def _conv(op: Conv, dims: int) -> str:
    stride = [text(op.stride)] if given(op.stride, 1) else []
    return made(
        CONV.name,
        text(op.in_channels),
        text(op.out_channels),
        spread(op.kernel, dims),
        *stride,
        padding=(op.padding, 0),
        dilation=(op.dilation, 1),
        groups=(op.groups, 1),
        bias=(op.bias, True),
    )


def _read_conv() -> Iterable[Reader]:
    from archcompiler.backends.reading import UnknownOperation, sides

    def read(seen: Seen, module: Any, x: Node) -> Reading:
        if module.input_dilation != 1 or module.mask is not None:
            raise UnknownOperation("a convolution with a mask or between the pixels of its input")
        op = Conv(
            module.in_features,
            module.out_features,
            sides(module.kernel_size, seen.dims),
            sides(module.strides, seen.dims),
            sides(module.padding, seen.dims),
            sides(module.kernel_dilation, seen.dims),
            module.feature_group_count,
            module.bias is not None,
            seen.dims,
        )
        return op, [x]

    yield Reader(CONV.name, read)


RECORDS: Final = {"conv": JaxOp(module=_conv, helper=lambda dims: CONV, readers=_read_conv)}
