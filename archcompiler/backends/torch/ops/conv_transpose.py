"""Transposed convolutions in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import atom, called, given, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.conv_transpose import ConvTranspose

if TYPE_CHECKING:
    from torch import fx
    from torch.nn.modules.conv import _ConvTransposeNd

    from archcompiler.backends.torch.reading import Reading, Seen


def _conv(op: ConvTranspose, dims: int) -> str:
    stride = [text(op.stride)] if given(op.stride, 1) else []
    return called(
        f"nn.ConvTranspose{dims}d",
        text(op.in_channels),
        text(op.out_channels),
        text(op.kernel),
        *stride,
        padding=(op.padding, 0),
        output_padding=(op.output_padding, 0),
        groups=(op.groups, 1),
        bias=(op.bias, True),
        dilation=(op.dilation, 1),
    )


def _applied(module: str, x: Sequence[str], dims: int) -> str:
    size = [f"output_size={atom(target)}.shape[-{dims}:]" for target in x[1:]]
    return called(module, x[0], *size)


def transposed(module: _ConvTransposeNd, dims: int, *, sized: bool) -> ConvTranspose:
    """What a module does; with `sized` the size of its output is said where it is called."""
    from archcompiler.backends.reading import sides

    return ConvTranspose(
        module.in_channels,
        module.out_channels,
        sides(module.kernel_size, dims),
        sides(module.stride, dims),
        sides(module.padding, dims),
        sides(module.dilation, dims),
        module.groups,
        module.bias is not None,
        dims,
        0 if sized else sides(module.output_padding, dims),
    )


def _read_conv() -> Iterable[Reader]:
    from torch import nn

    from archcompiler.backends.torch.reading import sized_after

    def read(seen: Seen, module: _ConvTransposeNd, x: fx.Node, output_size: Any = None) -> Reading:
        sized = output_size is not None
        op = transposed(module, seen.dims, sized=sized)
        return op, [x, sized_after(output_size, seen.dims)] if sized else [x]

    for cls in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d):
        yield Reader(cls, read)


RECORDS: Final = {"conv_transpose": TorchOp(module=_conv, applied=_applied, readers=_read_conv)}
