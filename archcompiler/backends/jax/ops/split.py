"""Parts, shuffles, slices, flattening and transposition in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import position
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops.axes import SPATIAL
from archcompiler.ops.split import Flatten, Part, Shuffle, Take, Transpose

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_SHUFFLE: Final = Helper(
    "shuffle",
    '''
def shuffle(x: Array, groups: int) -> Array:
    """Channels of `groups` dealt out in turn: the first of each group, the second, …"""
    dealt = x.reshape(*x.shape[:-1], groups, -1).swapaxes(-1, -2)
    return dealt.reshape(x.shape)
'''.strip(),
)
_TAKE: Final = Helper(
    "take",
    '''
def take(x: Array, like: Array, axis: int, last: bool = False) -> Array:
    """The first or last positions along an axis, as many as another map has there."""
    count = like.shape[axis]
    start = x.shape[axis] - count if last else 0
    return lax.slice_in_dim(x, start, start + count, axis=axis)
'''.strip(),
)


_PARTS: Final = Helper(
    "channel_parts",
    '''
def channel_parts(x: Array, *counts: int) -> list[Array]:
    """The channels in order, so many of equal parts of them at a time."""
    part = x.shape[-1] // sum(counts)
    ends = [part * sum(counts[:i]) for i in range(1, len(counts))]
    return jnp.split(x, ends, axis=-1)
'''.strip(),
)


def _parts(counts: Sequence[int], x: Sequence[str], dims: int) -> str:
    if set(counts) == {1}:
        return f"jnp.split({x[0]}, {len(counts)}, axis=-1)"
    return called(_PARTS.name, *x, *map(text, counts))


def _part(op: Part, x: Sequence[str], dims: int) -> str:
    if op.single:
        return f"jnp.split({x[0]}, {text(op.of)}, axis=-1)[{text(op.index)}]"
    counts = [text(count) for count in op.counts]
    return f"{called(_PARTS.name, *x, *counts)}[{op.place}]"


def _read_part() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: Node, of: Any, axis: int = 0) -> Reading:
        if not isinstance(of, int) or seen.places(axis) != seen.places(-1):
            raise UnknownOperation(f"a split into {of} along axis {axis}")
        return Part(seen.index, of), [x]

    def several(seen: Seen, x: Node, *counts: int) -> Reading:
        return Part(sum(counts[: seen.index]), sum(counts), counts[seen.index]), [x]

    yield Reader(jnp.split, read)
    yield Reader(_PARTS.name, several)


def _shuffle(op: Shuffle, x: Sequence[str], dims: int) -> str:
    return called(_SHUFFLE.name, *x, text(op.groups))


def _read_shuffle() -> Iterable[Reader]:
    def read(seen: Seen, x: Node, groups: int) -> Reading:
        return Shuffle(groups), [x]

    yield Reader(_SHUFFLE.name, read)


def _transpose(op: Transpose, x: Sequence[str], dims: int) -> str:
    return called("jnp.swapaxes", *x, "1", "2")


def _read_transpose() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: Node, a: int, b: int) -> Reading:
        if seen.dims != 2 or seen.places((a, b)) != (1, 2):
            raise UnknownOperation(f"swaps axes {a} and {b}")
        return Transpose(), [x]

    yield Reader(jnp.swapaxes, read)


def _take(op: Take, x: Sequence[str], dims: int) -> str:
    return called(_TAKE.name, *x, str(position(op.axis, dims)), last=(op.end == "last", False))


def _read_take() -> Iterable[Reader]:
    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: Node, like: Node, axis: int, last: bool = False) -> Reading:
        for name in SPATIAL[-seen.dims :]:
            if axis == position(name, seen.dims):
                return Take(name, "last" if last else "first"), [x, like]
        raise UnknownOperation(f"takes from axis {axis}")

    yield Reader(_TAKE.name, read)


def _flatten(op: Flatten, x: Sequence[str], dims: int) -> str:
    return x[0]  # a flat input is all that it asks for


RECORDS: Final = {
    "flatten": JaxOp(call=_flatten, flat="made"),  # read by the linear layer's
    "part": JaxOp(
        call=_part,
        parts=_parts,
        helper=lambda dims: _PARTS,
        helped=lambda op: not op.single,
        readers=_read_part,
    ),
    "shuffle": JaxOp(call=_shuffle, helper=lambda dims: _SHUFFLE, readers=_read_shuffle),
    "transpose": JaxOp(call=_transpose, readers=_read_transpose),
    "take": JaxOp(call=_take, helper=lambda dims: _TAKE, readers=_read_take),
}
