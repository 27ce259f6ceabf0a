"""Reductions and softmax in JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import position, positions
from archcompiler.backends.python import called, text
from archcompiler.ops.axes import axes
from archcompiler.ops.base import Operator
from archcompiler.ops.reduce import How, Reduce, Softmax
from archcompiler.ops.whole_pool import GlobalAvgPool, GlobalMaxPool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _reduce(op: Reduce, x: Sequence[str], dims: int) -> str:
    where = positions(dims) if op.axis == "positions" else position(op.axis, dims)
    return called(f"jnp.{op.how}", *x, text(where), keepdims=(True, False))


def merged(op: Operator) -> Operator:
    """An operator as it is read: those over all positions are one function here."""
    if isinstance(op, Reduce) and op.axis == "positions" and op.how != "sum":
        return GlobalAvgPool() if op.how == "mean" else GlobalMaxPool()
    return op


def _read_reduce() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation

    def reader(how: How) -> Callable[..., Reading]:
        def read(seen: Seen, x: Node, axis: Any = None, *, keepdims: bool = False) -> Reading:
            if not keepdims:
                raise UnknownOperation(f"`jnp.{how}` drops an axis")
            where = seen.places(axis)
            if where == positions(seen.dims):
                return Reduce(how, "positions"), [x]
            for name in axes(seen.dims):
                if where == seen.places(position(name, seen.dims)):
                    return Reduce(how, name), [x]
            raise UnknownOperation(f"`jnp.{how}` reduces the axes {axis}")

        return read

    hows: tuple[How, ...] = ("mean", "max", "sum")
    for how in hows:
        yield Reader(getattr(jnp, how), reader(how))


def _softmax(op: Softmax, x: Sequence[str], dims: int) -> str:
    axis = positions(dims) if op.axis == "positions" else -1
    return called("jax.nn.softmax", *x, axis=(axis, -1))


def _read_softmax() -> Iterable[Reader]:
    import jax

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: Node, axis: Any = -1) -> Reading:
        where = seen.places(axis)
        if where == positions(seen.dims):
            return Softmax("positions"), [x]
        if where != seen.places(-1):
            raise UnknownOperation(f"a softmax along {axis}")
        return Softmax("channels"), [x]

    yield Reader(jax.nn.softmax, read)


RECORDS: Final = {
    "reduce": JaxOp(call=_reduce, readers=_read_reduce),
    "softmax": JaxOp(call=_softmax, readers=_read_softmax),
}
