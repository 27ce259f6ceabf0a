"""Pooling over windows in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.pool import AvgPool, MaxPool

if TYPE_CHECKING:
    from torch import fx
    from torch.nn.modules.pooling import _MaxPoolNd

    from archcompiler.backends.torch.reading import Reading, Seen


def _window(op: MaxPool | AvgPool) -> list[str]:
    """The kernel, and the stride where it is another."""
    return list(dict.fromkeys([text(op.kernel), text(op.stride)]))


def _max_pool(op: MaxPool, x: Sequence[str], dims: int) -> str:
    return called(
        f"F.max_pool{dims}d",
        *x,
        *_window(op),
        padding=(op.padding, 0),
        dilation=(op.dilation, 1),
        ceil_mode=(op.ceil, False),
    )


def _avg_pool(op: AvgPool, x: Sequence[str], dims: int) -> str:
    return called(
        f"F.avg_pool{dims}d",
        *x,
        *_window(op),
        padding=(op.padding, 0),
        ceil_mode=(op.ceil, False),
        count_include_pad=(op.count_include_pad, True),
    )


def _read_max_pool() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation, sides

    def read(
        seen: Seen,
        x: fx.Node,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Reading:
        if return_indices:
            raise UnknownOperation("a max pool that returns indices")
        kernel, step, edge, spacing = (
            sides(value, seen.dims)
            for value in (kernel_size, kernel_size if stride is None else stride, padding, dilation)
        )
        return MaxPool(kernel, step, edge, ceil_mode, spacing), [x]

    def read_module(seen: Seen, module: _MaxPoolNd, x: fx.Node) -> Reading:
        return read(
            seen,
            x,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            module.ceil_mode,
            module.return_indices,
        )

    for cls in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d):
        yield Reader(cls, read_module)
    for function in (F.max_pool1d, F.max_pool2d, F.max_pool3d):
        yield Reader(function, read)


def _read_avg_pool() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation, sides

    def read(
        seen: Seen,
        x: fx.Node,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> Reading:
        kernel, step, edge = (
            sides(value, seen.dims)
            for value in (kernel_size, kernel_size if stride is None else stride, padding)
        )
        return AvgPool(kernel, step, edge, ceil_mode, count_include_pad), [x]

    def read_module(seen: Seen, module: Any, x: fx.Node) -> Reading:
        if getattr(module, "divisor_override", None) is not None:
            raise UnknownOperation(f"a sum over windows: {module}")
        return read(
            seen,
            x,
            module.kernel_size,
            module.stride,
            module.padding,
            module.ceil_mode,
            module.count_include_pad,
        )

    for cls in (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d):
        yield Reader(cls, read_module)
    for function in (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d):
        yield Reader(function, read)


RECORDS: Final = {
    "max_pool": TorchOp(
        call=_max_pool,
        readers=_read_max_pool,
        uncounted=frozenset(f"aten::max_pool{dims}d" for dims in (1, 2, 3)),
    ),
    "avg_pool": TorchOp(
        call=_avg_pool,
        readers=_read_avg_pool,
        uncounted=frozenset(f"aten::avg_pool{dims}d" for dims in (1, 2, 3)),
    ),
}
