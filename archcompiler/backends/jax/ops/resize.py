"""Resampling in JAX, by functions that an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import spread
from archcompiler.backends.python import called
from archcompiler.backends.record import Helper
from archcompiler.ops.resize import Interpolate, InterpolationMode, Resample, Upsample

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_RESIZE: Final = Helper(
    "resize",
    '''
def resize(
    x: Array, size: Sequence[int], mode: str = "linear", align_corners: bool = False
) -> Array:
    """A map of another size, linear along each axis or of the `nearest` pixels."""
    for axis, new in enumerate(size, 1):
        old = x.shape[axis]
        if new == old:
            continue
        if mode == "nearest":
            x = jnp.take(x, jnp.arange(new) * old // new, axis)
            continue
        if align_corners:
            place = jnp.arange(new, dtype=x.dtype) * (old - 1) / max(1, new - 1)
        else:
            place = (jnp.arange(new, dtype=x.dtype) + 0.5) * (old / new) - 0.5
        place = jnp.clip(place, 0, old - 1)
        # Row i has the share that each old pixel has in new pixel i: a product of
        # matrices is faster than picking pixels, and so is its derivative.
        shares = jnp.maximum(0, 1 - jnp.abs(place[:, None] - jnp.arange(old, dtype=x.dtype)))
        x = jnp.moveaxis(jnp.tensordot(shares, x, (1, axis), precision="highest"), 0, axis)
    return x
'''.strip(),
    ("from collections.abc import Sequence",),
)
_RESIZE_LIKE: Final = Helper(
    "resize_like",
    '''
def resize_like(
    x: Array, other: Array, mode: str = "linear", align_corners: bool = False
) -> Array:
    """A map at the size of another one."""
    return resize(x, other.shape[1:-1], mode, align_corners)
'''.strip(),
    (),
    (_RESIZE,),
)
_UPSAMPLE: Final = Helper(
    "upsample",
    '''
def upsample(
    x: Array, scale: Sequence[int], mode: str = "linear", align_corners: bool = False
) -> Array:
    """A map at a multiple of its size."""
    size = [side * times for side, times in zip(x.shape[1:-1], scale)]
    return resize(x, size, mode, align_corners)
'''.strip(),
    ("from collections.abc import Sequence",),
    (_RESIZE,),
)


def _options(op: Resample) -> dict[str, tuple[Any, Any]]:
    mode = "nearest" if op.mode == "nearest" else "linear"
    return {"mode": (mode, "linear"), "align_corners": (op.align_corners, False)}


def _interpolate(op: Interpolate, x: Sequence[str], dims: int) -> str:
    return called(_RESIZE_LIKE.name, *x, **_options(op))


def _upsample(op: Upsample, x: Sequence[str], dims: int) -> str:
    return called(_UPSAMPLE.name, *x, spread(op.scale, dims), **_options(op))


def _mode(printed: str) -> InterpolationMode:
    return "nearest" if printed == "nearest" else "bilinear"


def _read_interpolate() -> Iterable[Reader]:
    def read(
        seen: Seen, x: Node, other: Node, mode: str = "linear", align_corners: bool = False
    ) -> Reading:
        return Interpolate("nearest" if mode == "nearest" else "bilinear", align_corners), [
            x,
            other,
        ]

    yield Reader(_RESIZE_LIKE.name, read)


def _read_upsample() -> Iterable[Reader]:
    from archcompiler.backends.reading import sides

    def read(
        seen: Seen, x: Node, scale: Any, mode: str = "linear", align_corners: bool = False
    ) -> Reading:
        return Upsample(_mode(mode), align_corners, sides(scale, seen.dims)), [x]

    yield Reader(_UPSAMPLE.name, read)


RECORDS: Final = {
    "interpolate": JaxOp(
        call=_interpolate, helper=lambda dims: _RESIZE_LIKE, readers=_read_interpolate
    ),
    "upsample": JaxOp(call=_upsample, helper=lambda dims: _UPSAMPLE, readers=_read_upsample),
}
