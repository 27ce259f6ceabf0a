"""Pooling to a size in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.largest import LARGEST
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import positions, spread
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops.whole_pool import AdaptiveAvgPool, AdaptiveMaxPool, AdaptivePool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_ADAPTIVE_AVG: Final = Helper(
    "adaptive_avg_pool",
    '''
def adaptive_avg_pool(x: Array, size: Sequence[int]) -> Array:
    """Means of as many windows along each axis, which overlap where they have to."""
    for axis, new in enumerate(size, 1):
        old = x.shape[axis]
        windows = [(i * old // new, -(-(i + 1) * old // new)) for i in range(new)]
        parts = [lax.slice_in_dim(x, *window, axis=axis) for window in windows]
        x = jnp.concatenate([jnp.mean(part, axis, keepdims=True) for part in parts], axis)
    return x
'''.strip(),
    ("from collections.abc import Sequence",),
)
_ADAPTIVE_MAX: Final = Helper(
    "adaptive_max_pool",
    '''
def adaptive_max_pool(x: Array, size: Sequence[int]) -> Array:
    """The largest of as many windows along each axis, which may have to overlap."""
    # The last axis first: of equal ones that in the first row is taken, as in torch.
    for axis in range(len(size), 0, -1):
        old, new = x.shape[axis], size[axis - 1]
        windows = [(i * old // new, -(-(i + 1) * old // new)) for i in range(new)]
        parts = [lax.slice_in_dim(x, *window, axis=axis) for window in windows]
        x = jnp.concatenate([largest(part, (axis,)) for part in parts], axis)
    return x
'''.strip(),
    ("from collections.abc import Sequence",),
    (LARGEST,),
)


def _global_avg(op: Any, x: Sequence[str], dims: int) -> str:
    return called("jnp.mean", *x, text(positions(dims)), keepdims=(True, False))


def _global_max(op: Any, x: Sequence[str], dims: int) -> str:
    return called(LARGEST.name, *x, text(positions(dims)))


def _adaptive(helper: Helper, pool: type[AdaptivePool]) -> JaxOp:
    def call(op: Any, x: Sequence[str], dims: int) -> str:
        return called(helper.name, *x, spread(op.size, dims))

    def readers() -> Iterable[Reader]:
        from archcompiler.backends.reading import sides

        def read(seen: Seen, x: Node, size: Any) -> Reading:
            return pool(sides(size, seen.dims)), [x]

        yield Reader(helper.name, read)

    return JaxOp(call=call, helper=lambda dims: helper, readers=readers)


RECORDS: Final = {
    # Read as reductions, which they are.
    "global_avg_pool": JaxOp(call=_global_avg),
    "global_max_pool": JaxOp(call=_global_max, helper=lambda dims: LARGEST),
    "adaptive_avg_pool": _adaptive(_ADAPTIVE_AVG, AdaptiveAvgPool),
    "adaptive_max_pool": _adaptive(_ADAPTIVE_MAX, AdaptiveMaxPool),
}
