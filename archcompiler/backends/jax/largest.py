"""The largest of some elements in JAX, with a gradient that does not hang on how XLA rounds.

The gradients of `jnp.max` and `jnp.maximum` look for the elements that equal the result. Fused with
what makes these, XLA computes them once more, and may round them otherwise: none is equal, and the
gradient of `jnp.max` is divided by zero, that of `jnp.maximum` lost.
"""

from __future__ import annotations

from typing import Final

from archcompiler.backends.record import Helper

LARGEST: Final = Helper(
    "largest",
    '''
def largest(x: Array, axes: tuple[int, ...], *, shared: bool = False) -> Array:
    """The largest element along axes; its gradient is that of the first, or of all.

    XLA may compute x again for a gradient, rounded otherwise: no element need equal the
    largest, and the gradient of `jnp.max` is then divided by zero. One has the largest
    index in any case.
    """

    @jax.custom_jvp
    def value(x: Array) -> Array:
        return jnp.max(x, axes, keepdims=True)

    @value.defjvp
    def slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (x,), (change,) = primals, tangents
        chosen, rest = True, lax.stop_gradient(x)
        for axis in reversed(axes):
            places = lax.broadcasted_iota(int, x.shape, axis % x.ndim)
            chosen &= places == jnp.argmax(rest, axis, keepdims=True)
            rest = jnp.max(rest, axis, keepdims=True)
        if shared:
            chosen |= x == rest
        changes = jnp.sum(jnp.where(chosen, change, 0), axes, keepdims=True)
        return value(x), changes / jnp.sum(chosen, axes, keepdims=True) if shared else changes

    return value(x)
'''.strip(),
)
LARGER: Final = Helper(
    "larger",
    '''
def larger(x: Array, y: Array) -> Array:
    """The larger of two; equal ones share its gradient.

    That of `jnp.maximum` compares both with the result, which XLA may round otherwise.
    """
    return jnp.where(x > y, x, jnp.where(x < y, y, x / 2 + y / 2))
'''.strip(),
)
