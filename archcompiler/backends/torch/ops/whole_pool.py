"""Pooling to a size in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.record import Call
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.whole_pool import AdaptiveAvgPool, AdaptiveMaxPool, AdaptivePool

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen


def _adaptive(word: str) -> Call:
    def call(op: Any, x: Sequence[str], dims: int) -> str:
        # Those over all positions have no size of their own.
        return called(f"F.adaptive_{word}_pool{dims}d", *x, text(getattr(op, "size", 1)))

    return call


def _read_adaptive(word: str, pool: type[AdaptivePool]) -> Callable[[], Iterable[Reader]]:
    """Readers of pooling to a size; to one pixel it is simplified to that over all positions."""

    def readers() -> Iterable[Reader]:
        import torch
        import torch.nn.functional as F
        from torch import nn

        from archcompiler.backends.reading import UnknownOperation, sides

        def read(seen: Seen, x: fx.Node, output_size: Any, return_indices: bool = False) -> Reading:
            if return_indices:
                raise UnknownOperation(f"`{seen.node.name}` gives the indices of maxima")
            return pool(sides(output_size, seen.dims)), [x]

        def read_module(seen: Seen, module: Any, x: fx.Node) -> Reading:
            return read(seen, x, module.output_size, getattr(module, "return_indices", False))

        for dims in (1, 2, 3):
            name = f"adaptive_{word}_pool{dims}d"
            yield Reader(getattr(nn, f"Adaptive{word.title()}Pool{dims}d"), read_module)
            yield Reader(getattr(F, name), read)
            if hasattr(torch, name) and getattr(torch, name) is not getattr(F, name):
                yield Reader(getattr(torch, name), read)

    return readers


_AVERAGED: Final = frozenset({"aten::adaptive_avg_pool1d", "aten::adaptive_avg_pool3d"})
_LARGEST: Final = frozenset(f"aten::adaptive_max_pool{dims}d" for dims in (1, 2, 3))
RECORDS: Final = {
    "global_avg_pool": TorchOp(call=_adaptive("avg"), uncounted=_AVERAGED),
    "global_max_pool": TorchOp(call=_adaptive("max"), uncounted=_LARGEST),
    "adaptive_avg_pool": TorchOp(
        call=_adaptive("avg"),
        readers=_read_adaptive("avg", AdaptiveAvgPool),
        uncounted=_AVERAGED,
    ),
    "adaptive_max_pool": TorchOp(
        call=_adaptive("max"),
        readers=_read_adaptive("max", AdaptiveMaxPool),
        uncounted=_LARGEST,
    ),
}
