"""Pixel shuffles in JAX, by functions that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops.pixel_shuffle import Dealing, PixelShuffle, PixelUnshuffle

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_SHUFFLE: Final = Helper(
    "pixel_shuffle",
    '''
def pixel_shuffle(x: Array, factor: int) -> Array:
    """Channels as the pixels of a map that is `factor` times as large."""
    images, *size, _ = x.shape
    axes = len(size)
    x = x.reshape(images, *size, -1, *(factor,) * axes)
    inside = [axis for i in range(axes) for axis in (1 + i, 2 + axes + i)]
    return x.transpose(0, *inside, 1 + axes).reshape(images, *(s * factor for s in size), -1)
'''.strip(),
)
_UNSHUFFLE: Final = Helper(
    "pixel_unshuffle",
    '''
def pixel_unshuffle(x: Array, factor: int) -> Array:
    """The pixels of each square of `factor` as channels of one."""
    images, *size, channels = x.shape
    size = [side // factor for side in size]
    last = 2 * len(size) + 1
    x = x.reshape(images, *(s for side in size for s in (side, factor)), channels)
    x = x.transpose(0, *range(1, last, 2), last, *range(2, last, 2))
    return x.reshape(images, *size, -1)
'''.strip(),
)


def _record(cls: type[Dealing], helper: Helper) -> JaxOp:
    def call(op: Any, x: Sequence[str], dims: int) -> str:
        return called(helper.name, *x, text(op.factor))

    def readers() -> Iterable[Reader]:
        def read(seen: Seen, x: Node, factor: int) -> Reading:
            return cls(factor, seen.dims), [x]

        yield Reader(helper.name, read)

    return JaxOp(call=call, helper=lambda dims: helper, readers=readers)


RECORDS: Final = {
    "pixel_shuffle": _record(PixelShuffle, _SHUFFLE),
    "pixel_unshuffle": _record(PixelUnshuffle, _UNSHUFFLE),
}
