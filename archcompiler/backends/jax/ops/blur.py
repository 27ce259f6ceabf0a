"""Subsampling behind a low-pass filter, by a function that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.python import called
from archcompiler.backends.record import Helper
from archcompiler.ops.blur import BlurPool

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_BLUR_POOL: Final = Helper(
    "blur_pool",
    '''
def blur_pool(x: Array, kernel: int = 3, stride: int = 2) -> Array:
    """A binomial filter of each channel at each `stride`-th position; edges reflect."""
    row = [1, 2, 1] if kernel == 3 else [1, 4, 6, 4, 1]
    for axis in range(1, x.ndim - 1):
        pads = [(0, 0)] * x.ndim
        pads[axis] = (kernel // 2, kernel // 2)
        padded = jnp.pad(x, pads, mode="reflect")
        ends = [i + x.shape[axis] for i in range(kernel)]
        parts = [lax.slice_in_dim(padded, i, end, stride, axis) for i, end in enumerate(ends)]
        x = sum(weight * part for weight, part in zip(row, parts)) / sum(row)
    return x
'''.strip(),
)


def _blur_pool(op: BlurPool, x: Sequence[str], dims: int) -> str:
    return called(_BLUR_POOL.name, *x, kernel=(op.kernel, 3), stride=(op.stride, 2))


def _read_blur_pool() -> Iterable[Reader]:
    def read(seen: Seen, x: Node, kernel: int = 3, stride: int = 2) -> Reading:
        return BlurPool(kernel, stride, seen.dims), [x]

    yield Reader(_BLUR_POOL.name, read)


RECORDS: Final = {
    "blur_pool": JaxOp(call=_blur_pool, helper=lambda dims: _BLUR_POOL, readers=_read_blur_pool)
}
