"""Attention between positions or channels, by functions that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from archcompiler.backends.python import called
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.attend import Attend, BilinearPool, Dot

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_DOT: Final = Helper(
    "dot_products",
    '''
def dot_products(query: Tensor, key: Tensor, scale: bool = False) -> Tensor:
    """Dot products of all positions: (N, C, *S) and (N, C, *K) to (N, |K|, *S)."""
    products = key.flatten(2).transpose(1, 2) @ query.flatten(2)
    if scale:
        products = products * query.shape[1] ** -0.5
    return products.unflatten(2, query.shape[2:])
'''.strip(),
)
_ATTEND: Final = Helper(
    "weighted_sums",
    '''
def weighted_sums(weights: Tensor, values: Tensor) -> Tensor:
    """Sums of all positions by weights: (N, |K|, *S) and (N, C, *K) to (N, C, *S)."""
    sums = values.flatten(2) @ weights.flatten(2)
    return sums.unflatten(2, weights.shape[2:])
'''.strip(),
)
_POOL: Final = Helper(
    "bilinear_pool",
    '''
def bilinear_pool(values: Tensor, weights: Tensor) -> Tensor:
    """Sums over all positions: (N, C, *S) and (N, K, *S) to (N, C, K, 1)."""
    sums = values.flatten(2) @ weights.flatten(2).transpose(1, 2)
    return sums.unflatten(2, (-1, *[1] * (values.dim() - 3)))
'''.strip(),
)


def _dot(op: Dot, x: Sequence[str], dims: int) -> str:
    return called(_DOT.name, *x, scale=(op.scale, False))


def _attend(op: Attend, x: Sequence[str], dims: int) -> str:
    return called(_ATTEND.name, *x)


def _pool(op: BilinearPool, x: Sequence[str], dims: int) -> str:
    return called(_POOL.name, *x)


def _read_dot() -> Iterable[Reader]:
    def read(seen: Seen, query: fx.Node, key: fx.Node, scale: bool = False) -> Reading:
        return Dot(scale), [query, key]

    yield Reader(_DOT.name, read)


def _read_attend() -> Iterable[Reader]:
    def read(seen: Seen, weights: fx.Node, values: fx.Node) -> Reading:
        return Attend(), [weights, values]

    yield Reader(_ATTEND.name, read)


def _read_pool() -> Iterable[Reader]:
    def read(seen: Seen, values: fx.Node, weights: fx.Node) -> Reading:
        return BilinearPool(), [values, weights]

    yield Reader(_POOL.name, read)


RECORDS: Final = {
    "dot": TorchOp(
        call=_dot,
        helper=lambda dims: _DOT,
        readers=_read_dot,
        uncounted=frozenset({"aten::mul", "aten::unflatten", "aten::pow"}),
    ),
    "attend": TorchOp(
        call=_attend,
        helper=lambda dims: _ATTEND,
        readers=_read_attend,
        uncounted=frozenset({"aten::unflatten"}),
    ),
    "bilinear_pool": TorchOp(
        call=_pool,
        helper=lambda dims: _POOL,
        readers=_read_pool,
        uncounted=frozenset({"aten::unflatten"}),
    ),
}
