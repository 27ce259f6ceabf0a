"""Pooling to a size in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import positions, spread
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Call, Helper
from archcompiler.ops.whole_pool import AdaptiveAvgPool, AdaptiveMaxPool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_ADAPTIVE: Final = Helper(
    "adaptive_pool",
    '''
def adaptive_pool(x: Array, size: Sequence[int], reduce: Callable[..., Array]) -> Array:
    """Pooling to a size: as many windows along each axis, which overlap where they have to."""
    for axis, new in enumerate(size, 1):
        old = x.shape[axis]
        windows = [(i * old // new, -(-(i + 1) * old // new)) for i in range(new)]
        parts = [lax.slice_in_dim(x, *window, axis=axis) for window in windows]
        x = jnp.concatenate([reduce(part, axis, keepdims=True) for part in parts], axis)
    return x
'''.strip(),
    ("from collections.abc import Callable, Sequence",),
)


def _global(word: str) -> Call:
    def call(op: Any, x: Sequence[str], dims: int) -> str:
        return called(f"jnp.{word}", *x, text(positions(dims)), keepdims=(True, False))

    return call


def _adaptive(word: str) -> Call:
    def call(op: Any, x: Sequence[str], dims: int) -> str:
        return called(_ADAPTIVE.name, *x, spread(op.size, dims), f"jnp.{word}")

    return call


def _read_adaptive() -> Iterable[Reader]:
    import jax.numpy as jnp

    from archcompiler.backends.reading import UnknownOperation, sides

    pools = {jnp.mean: AdaptiveAvgPool, jnp.max: AdaptiveMaxPool}

    def read(seen: Seen, x: Node, size: Any, reduce: Any) -> Reading:
        if reduce not in pools:
            raise UnknownOperation(f"an adaptive pool by {reduce}")
        return pools[reduce](sides(size, seen.dims)), [x]

    yield Reader(_ADAPTIVE.name, read)


RECORDS: Final = {
    # Read as reductions, which they are.
    "global_avg_pool": JaxOp(call=_global("mean")),
    "global_max_pool": JaxOp(call=_global("max")),
    "adaptive_avg_pool": JaxOp(
        call=_adaptive("mean"), helper=lambda dims: _ADAPTIVE, readers=_read_adaptive
    ),
    "adaptive_max_pool": JaxOp(call=_adaptive("max"), helper=lambda dims: _ADAPTIVE),
}
