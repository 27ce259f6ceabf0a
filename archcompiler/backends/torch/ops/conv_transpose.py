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


def _read_conv() -> Iterable[Reader]:
    from torch import nn

    from archcompiler.backends.reading import sides
    from archcompiler.backends.torch.reading import sized_after

    def read(seen: Seen, module: _ConvTransposeNd, x: fx.Node, output_size: Any = None) -> Reading:
        op = ConvTranspose(
            module.in_channels,
            module.out_channels,
            sides(module.kernel_size, seen.dims),
            sides(module.stride, seen.dims),
            sides(module.padding, seen.dims),
            sides(module.dilation, seen.dims),
            module.groups,
            module.bias is not None,
            seen.dims,
            0 if output_size is not None else sides(module.output_padding, seen.dims),
        )
        return op, [x] if output_size is None else [x, sized_after(output_size, seen.dims)]

    for cls in (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d):
        yield Reader(cls, read)


RECORDS: Final = {"conv_transpose": TorchOp(module=_conv, applied=_applied, readers=_read_conv)}
