"""Convolutions in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from archcompiler.backends.python import called, given, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.conv import Conv

if TYPE_CHECKING:
    from torch import fx
    from torch.nn.modules.conv import _ConvNd

    from archcompiler.backends.torch.reading import Reading, Seen


def _conv(op: Conv, dims: int) -> str:
    stride = [text(op.stride)] if given(op.stride, 1) else []
    return called(
        f"nn.Conv{dims}d",
        text(op.in_channels),
        text(op.out_channels),
        text(op.kernel),
        *stride,
        padding=(op.padding, 0),
        dilation=(op.dilation, 1),
        groups=(op.groups, 1),
        bias=(op.bias, True),
    )


def _read_conv() -> Iterable[Reader]:
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation, sides

    def read(seen: Seen, module: _ConvNd, x: fx.Node) -> Reading:
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise UnknownOperation(f"a convolution padded with something else: {module}")
        op = Conv(
            module.in_channels,
            module.out_channels,
            sides(module.kernel_size, seen.dims),
            sides(module.stride, seen.dims),
            sides(module.padding, seen.dims),
            sides(module.dilation, seen.dims),
            module.groups,
            module.bias is not None,
            seen.dims,
        )
        return op, [x]

    for cls in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        yield Reader(cls, read)


RECORDS: Final = {"conv": TorchOp(module=_conv, readers=_read_conv)}
