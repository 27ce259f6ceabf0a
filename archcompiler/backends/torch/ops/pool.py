"""Pooling in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.torch.python import called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.pool import GlobalAvgPool, MaxPool

if TYPE_CHECKING:
    from torch import fx
    from torch.nn.modules.pooling import _AdaptiveAvgPoolNd, _MaxPoolNd

    from archcompiler.backends.torch.reading import Reading, Seen


def _max_pool(op: MaxPool, x: Sequence[str], dims: int, inplace: bool) -> str:
    return called(
        f"F.max_pool{dims}d",
        *x,
        text(op.kernel),
        text(op.stride),
        padding=(op.padding, 0),
        dilation=(op.dilation, 1),
        ceil_mode=(op.ceil, False),
    )


def _global_avg_pool(op: GlobalAvgPool, x: Sequence[str], dims: int, inplace: bool) -> str:
    return called(f"F.adaptive_avg_pool{dims}d", *x, "1")


def _read_max_pool() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.torch.reading import UnknownOperation, sides

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


def _read_global_avg_pool() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.torch.reading import UnknownOperation

    def read(seen: Seen, x: fx.Node, output_size: Any) -> Reading:
        if output_size != 1 and tuple(output_size) not in ((1,), (1,) * seen.dims):
            raise UnknownOperation(f"average pooling to {output_size}")
        return GlobalAvgPool(), [x]

    def read_module(seen: Seen, module: _AdaptiveAvgPoolNd, x: fx.Node) -> Reading:
        return read(seen, x, module.output_size)

    for cls in (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d):
        yield Reader(cls, read_module)
    for function in (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d):
        yield Reader(function, read)


RECORDS: Final = {
    "max_pool": TorchOp(
        call=_max_pool,
        readers=_read_max_pool,
        uncounted=frozenset({"aten::max_pool1d", "aten::max_pool2d", "aten::max_pool3d"}),
    ),
    "global_avg_pool": TorchOp(
        call=_global_avg_pool,
        readers=_read_global_avg_pool,
        uncounted=frozenset({"aten::adaptive_avg_pool1d", "aten::adaptive_avg_pool3d"}),
    ),
}
