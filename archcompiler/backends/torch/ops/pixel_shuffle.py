"""Pixel shuffles in PyTorch, which has those of two dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.pixel_shuffle import Dealing, PixelShuffle, PixelUnshuffle

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_SHUFFLES: Final = {
    1: '''
def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """(N, C·factor, L) to (N, C, L·factor), as PyTorch has it for images."""
    x = x.unflatten(1, (-1, factor))
    return x.transpose(2, 3).flatten(2)
''',
    3: '''
def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """(N, C·f³, D, H, W) to (N, C, D·f, H·f, W·f), as PyTorch has it for images."""
    x = x.unflatten(1, (-1, factor, factor, factor))
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).flatten(6, 7).flatten(4, 5).flatten(2, 3)
''',
}
_UNSHUFFLES: Final = {
    1: '''
def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """(N, C, L·factor) to (N, C·factor, L), as PyTorch has it for images."""
    x = x.unflatten(2, (-1, factor))
    return x.transpose(2, 3).flatten(1, 2)
''',
    3: '''
def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """(N, C, D·f, H·f, W·f) to (N, C·f³, D, H, W), as PyTorch has it for images."""
    x = x.unflatten(4, (-1, factor)).unflatten(3, (-1, factor)).unflatten(2, (-1, factor))
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).flatten(1, 4)
''',
}


def _record(cls: type[Dealing], module: str, sources: dict[int, str]) -> TorchOp:
    name = cls.kind

    def call(op: Any, x: Sequence[str], dims: int) -> str:
        return called(f"F.{name}" if dims == 2 else name, *x, text(op.factor))

    def helper(dims: int) -> tuple[Helper, ...]:
        return (Helper(name, sources[dims].strip()),) if dims in sources else ()

    def readers() -> Iterable[Reader]:
        import torch.nn.functional as F
        from torch import nn

        def reader(dims: int | None = None) -> Callable[..., Reading]:
            def read(seen: Seen, x: fx.Node, factor: int) -> Reading:
                return cls(factor, dims or seen.dims), [x]

            return read

        def read_module(seen: Seen, module: Any, x: fx.Node) -> Reading:
            return cls(getattr(module, factor), 2), [x]

        factor = "upscale_factor" if cls is PixelShuffle else "downscale_factor"
        yield Reader(getattr(F, name), reader(2))
        yield Reader(getattr(nn, module), read_module)
        yield Reader(name, reader())

    return TorchOp(
        call=call,
        helper=helper,
        readers=readers,
        uncounted=frozenset({f"aten::{name}", "aten::unflatten"}),
    )


RECORDS: Final = {
    "pixel_shuffle": _record(PixelShuffle, "PixelShuffle", _SHUFFLES),
    "pixel_unshuffle": _record(PixelUnshuffle, "PixelUnshuffle", _UNSHUFFLES),
}
