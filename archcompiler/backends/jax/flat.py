"""A map as the vector that linear layers take."""

from __future__ import annotations

from archcompiler.backends.record import Helper

_AXES = {1: "L", 2: "H·W", 3: "D·H·W"}


def flatten(dims: int) -> Helper:
    """A function that has the elements of a map in the order that PyTorch has them."""
    size, product = _AXES[dims].replace("·", ", "), _AXES[dims]
    source = f'''
def flatten(x: Array) -> Array:
    """(N, {size}, C) to (N, C·{product}), channels first as PyTorch's weights are."""
    return jnp.moveaxis(x, -1, 1).reshape(x.shape[0], -1)
'''
    return Helper("flatten", source.strip())
