"""Attention between positions or channels, by functions that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.python import called
from archcompiler.backends.record import Helper
from archcompiler.ops.attend import Attend, BilinearPool, Dot

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_DOT: Final = Helper(
    "dot_products",
    '''
def dot_products(query: Array, key: Array, *, scale: bool = False) -> Array:
    """Dot products of all positions: (N, *S, C) and (N, *K, C) to (N, *S, |K|)."""
    channels = key.shape[-1]
    key = key.reshape(key.shape[0], -1, channels)
    products = jnp.einsum("n...c,nkc->n...k", query, key)
    return products * channels**-0.5 if scale else products
'''.strip(),
)
_ATTEND: Final = Helper(
    "weighted_sums",
    '''
def weighted_sums(weights: Array, values: Array) -> Array:
    """Sums of all positions by weights: (N, *S, |K|) and (N, *K, C) to (N, *S, C)."""
    values = values.reshape(values.shape[0], -1, values.shape[-1])
    return jnp.einsum("n...k,nkc->n...c", weights, values)
'''.strip(),
)
_POOL: Final = Helper(
    "bilinear_pool",
    '''
def bilinear_pool(values: Array, weights: Array) -> Array:
    """Sums over all positions: (N, *S, C) and (N, *S, K) to (N, K, 1, C)."""
    sums = jnp.einsum("n...c,n...k->nkc", values, weights)
    return jnp.expand_dims(sums, range(2, values.ndim - 1))
'''.strip(),
)


def _dot(op: Dot, x: Sequence[str], dims: int) -> str:
    return called(_DOT.name, *x, scale=(op.scale, False))


def _attend(op: Attend, x: Sequence[str], dims: int) -> str:
    return called(_ATTEND.name, *x)


def _pool(op: BilinearPool, x: Sequence[str], dims: int) -> str:
    return called(_POOL.name, *x)


def _read_dot() -> Iterable[Reader]:
    def read(seen: Seen, query: Node, key: Node, *, scale: bool = False) -> Reading:
        return Dot(scale), [query, key]

    yield Reader(_DOT.name, read)


def _read_attend() -> Iterable[Reader]:
    def read(seen: Seen, weights: Node, values: Node) -> Reading:
        return Attend(), [weights, values]

    yield Reader(_ATTEND.name, read)


def _read_pool() -> Iterable[Reader]:
    def read(seen: Seen, values: Node, weights: Node) -> Reading:
        return BilinearPool(), [values, weights]

    yield Reader(_POOL.name, read)


RECORDS: Final = {
    "dot": JaxOp(call=_dot, helper=lambda dims: _DOT, readers=_read_dot),
    "attend": JaxOp(call=_attend, helper=lambda dims: _ATTEND, readers=_read_attend),
    "bilinear_pool": JaxOp(call=_pool, helper=lambda dims: _POOL, readers=_read_pool),
}
