"""Pooling over windows in JAX, by functions that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import spread
from archcompiler.backends.python import called
from archcompiler.backends.record import Helper
from archcompiler.ops.pool import AvgPool, MaxPool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_EDGES: Final = Helper(
    "edges",
    '''
def edges(
    size: Sequence[int],
    extent: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil: bool,
) -> list[tuple[int, int]]:
    """Pixels that windows need before and after each axis, by PyTorch's rule of sizes.

    In ceil mode a last window may hang over the edge, if it starts inside the map or
    its padding.
    """
    found = []
    for pixels, reach, step, pad in zip(size, extent, stride, padding):
        room = pixels + 2 * pad - reach
        last = (room + step - 1 if ceil else room) // step
        if ceil and last * step >= pixels + pad:
            last -= 1
        found.append((pad, last * step + reach - pixels - pad))
    return found
'''.strip(),
    ("from collections.abc import Sequence",),
)
_MAX_POOL: Final = Helper(
    "max_pool",
    '''
def max_pool(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    *,
    padding: Sequence[int] | None = None,
    dilation: Sequence[int] | None = None,
    ceil: bool = False,
) -> Array:
    """The largest element of each window."""
    padding, dilation = padding or [0] * len(kernel), dilation or [1] * len(kernel)
    extent = [apart * (side - 1) + 1 for side, apart in zip(kernel, dilation)]
    pads = edges(x.shape[1:-1], extent, stride, padding, ceil)
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)])
    steps = (1, *stride, 1)
    if max(dilation) == 1:
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, *kernel, 1), steps, "VALID")
    # JAX has no derivative of windows with pixels left out.
    ends = [side - reach + 1 for side, reach in zip(x.shape[1:], extent)]
    views = []
    for place in itertools.product(*map(range, kernel)):
        first = [i * apart for i, apart in zip(place, dilation)]
        last = [start + end for start, end in zip(first, ends)]
        views.append(lax.slice(x, (0, *first, 0), (x.shape[0], *last, x.shape[-1]), steps))

    def larger(x: Array, y: Array) -> Array:
        return jnp.where((y > x) | jnp.isnan(y), y, x)

    return functools.reduce(larger, views)
'''.strip(),
    ("from collections.abc import Sequence", "import functools", "import itertools"),
    (_EDGES,),
)
_AVG_POOL: Final = Helper(
    "avg_pool",
    '''
def avg_pool(
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    *,
    padding: Sequence[int] | None = None,
    ceil: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window; padding counts as zeros if `count_include_pad`."""
    padding = padding or [0] * len(kernel)
    pads = edges(x.shape[1:-1], kernel, stride, padding, ceil)
    window, steps = (1, *kernel, 1), (1, *stride, 1)

    def sums(x: Array, pads: list[tuple[int, int]]) -> Array:
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *((*p, 0) for p in pads), (0, 0, 0)])
        return lax.reduce_window(x, 0.0, lax.add, window, steps, "VALID")

    # What a last window of ceil mode reaches beyond the padding never counts.
    size = x.shape[1:-1]
    if count_include_pad:
        size = [side + 2 * pad for side, pad in zip(size, padding)]
        counted = [(0, after - pad) for (_, after), pad in zip(pads, padding)]
    else:
        counted = pads
    return sums(x, pads) / sums(jnp.ones((1, *size, 1), x.dtype), counted)
'''.strip(),
    ("from collections.abc import Sequence",),
    (_EDGES,),
)


def _padding(op: Any, dims: int) -> dict[str, tuple[Any, Any]]:
    """The option for a padding, as one number for each axis."""
    sides = op.padding if isinstance(op.padding, tuple) else (op.padding,) * dims
    return {"padding": (sides, (0,) * dims)}


def _max_pool(op: MaxPool, x: Sequence[str], dims: int) -> str:
    dilation = op.dilation if isinstance(op.dilation, tuple) else (op.dilation,) * dims
    return called(
        _MAX_POOL.name,
        *x,
        spread(op.kernel, dims),
        spread(op.stride, dims),
        **_padding(op, dims),
        dilation=(dilation, (1,) * dims),
        ceil=(op.ceil, False),
    )


def _avg_pool(op: AvgPool, x: Sequence[str], dims: int) -> str:
    return called(
        _AVG_POOL.name,
        *x,
        spread(op.kernel, dims),
        spread(op.stride, dims),
        **_padding(op, dims),
        ceil=(op.ceil, False),
        count_include_pad=(op.count_include_pad, True),
    )


def _read_max_pool() -> Iterable[Reader]:
    from archcompiler.backends.reading import sides

    def read(
        seen: Seen,
        x: Node,
        kernel: Any,
        stride: Any,
        *,
        padding: Any = 0,
        dilation: Any = 1,
        ceil: bool = False,
    ) -> Reading:
        window, step, edge, apart = (
            sides(value, seen.dims) for value in (kernel, stride, padding, dilation)
        )
        return MaxPool(window, step, edge, ceil, apart), [x]

    yield Reader(_MAX_POOL.name, read)


def _read_avg_pool() -> Iterable[Reader]:
    from archcompiler.backends.reading import sides

    def read(
        seen: Seen,
        x: Node,
        kernel: Any,
        stride: Any,
        *,
        padding: Any = 0,
        ceil: bool = False,
        count_include_pad: bool = True,
    ) -> Reading:
        window, step, edge = (sides(value, seen.dims) for value in (kernel, stride, padding))
        return AvgPool(window, step, edge, ceil, count_include_pad), [x]

    yield Reader(_AVG_POOL.name, read)


RECORDS: Final = {
    "max_pool": JaxOp(call=_max_pool, helper=lambda dims: _MAX_POOL, readers=_read_max_pool),
    "avg_pool": JaxOp(call=_avg_pool, helper=lambda dims: _AVG_POOL, readers=_read_avg_pool),
}
