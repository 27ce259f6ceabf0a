"""Reductions and softmax in JAX."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.largest import LARGEST
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import position, positions
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops.axes import axes
from archcompiler.ops.base import Operator
from archcompiler.ops.reduce import Along, How, Reduce, Softmax
from archcompiler.ops.whole_pool import GlobalAvgPool, GlobalMaxPool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


_L2_NORM: Final = Helper(
    "l2_norm",
    '''
def l2_norm(x: Array, axes: tuple[int, ...]) -> Array:
    """The L2 norm along axes; where it is 0, so is its gradient."""
    squared = jnp.sum(x * x, axes, keepdims=True)
    return jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)
'''.strip(),
)


def _reduce(op: Reduce, x: Sequence[str], dims: int) -> str:
    where = positions(dims) if op.axis == "positions" else position(op.axis, dims)
    axes = where if isinstance(where, tuple) else (where,)
    if op.how == "max":
        return called(LARGEST.name, *x, text(axes), shared=(True, False))
    if op.how == "norm":
        return called(_L2_NORM.name, *x, text(axes))
    if op.how == "var":
        return called("jnp.var", *x, text(where), ddof=(1, 0), keepdims=(True, False))
    return called(f"jnp.{op.how}", *x, text(where), keepdims=(True, False))


def merged(op: Operator) -> Operator:
    """An operator as it is read: means over all positions are one function here."""
    if isinstance(op, Reduce) and op.axis == "positions" and op.how == "mean":
        return GlobalAvgPool()
    return op


def _along(seen: Seen, axis: Any) -> Along:
    """What is reduced. Raises UnknownOperation."""
    from archcompiler.backends.reading import UnknownOperation

    where = seen.places(axis)
    if where == positions(seen.dims):
        return "positions"
    for name in axes(seen.dims):
        if where == seen.places(position(name, seen.dims)):
            return name
    raise UnknownOperation(f"reduces the axes {axis}")


def _read_reduce() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation

    def reader(how: How) -> Callable[..., Reading]:
        def read(seen: Seen, x: Node, axis: Any = None, *, keepdims: bool = False) -> Reading:
            if not keepdims:
                raise UnknownOperation(f"`jnp.{how}` drops an axis")
            return Reduce(how, _along(seen, axis)), [x]

        return read

    def read_largest(seen: Seen, x: Node, axis: Any, *, shared: bool = False) -> Reading:
        along = _along(seen, axis)
        if shared:
            return Reduce("max", along), [x]
        if along != "positions":
            raise UnknownOperation(f"gives the first of the largest along {along} its gradient")
        return GlobalMaxPool(), [x]

    def read_var(
        seen: Seen, x: Node, axis: Any = None, *, ddof: int = 0, keepdims: bool = False
    ) -> Reading:
        if ddof != 1 or not keepdims:
            raise UnknownOperation("`jnp.var` drops an axis, or is no variance of a sample")
        return Reduce("var", _along(seen, axis)), [x]

    def read_norm(seen: Seen, x: Node, axes: Any) -> Reading:
        return Reduce("norm", _along(seen, axes)), [x]

    yield Reader(jnp.var, read_var)
    yield Reader(_L2_NORM.name, read_norm)
    yield Reader(jnp.mean, reader("mean"))
    yield Reader(jnp.sum, reader("sum"))
    yield Reader(LARGEST.name, read_largest)


_OVER_PARTS: Final = Helper(
    "softmax_over_parts",
    '''
def softmax_over_parts(x: Array, parts: int) -> Array:
    """Softmax over one channel of each of so many equal parts of the channels."""
    return jax.nn.softmax(x.reshape(*x.shape[:-1], parts, -1), -2).reshape(x.shape)
'''.strip(),
)


def _softmax(op: Softmax, x: Sequence[str], dims: int) -> str:
    if op.axis == "parts":
        return called(_OVER_PARTS.name, *x, text(op.of))
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

    def read_parts(seen: Seen, x: Node, parts: int) -> Reading:
        return Softmax("parts", parts), [x]

    yield Reader(jax.nn.softmax, read)
    yield Reader(_OVER_PARTS.name, read_parts)


RECORDS: Final = {
    "reduce": JaxOp(
        call=_reduce,
        helper=lambda dims: (LARGEST, _L2_NORM),
        helped=lambda op: {"max": LARGEST.name, "norm": _L2_NORM.name}.get(op.how, False),
        readers=_read_reduce,
    ),
    "softmax": JaxOp(
        call=_softmax,
        helper=lambda dims: _OVER_PARTS,
        helped=lambda op: op.axis == "parts",
        readers=_read_softmax,
    ),
}
