"""Fully connected layers in JAX, with the readers of what brings a map into their form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.ops.conv import UNIFORM
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made
from archcompiler.backends.python import text
from archcompiler.backends.record import Helper
from archcompiler.ops.linear import Linear

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

LINEAR: Final = Helper(
    "Linear",
    '''
class Linear(nnx.Linear):
    """A fully connected layer that starts as PyTorch's does."""

    def __init__(
        self, in_features: int, features: int, bias: bool = True, *, rngs: nnx.Rngs
    ) -> None:
        start = uniform(in_features**-0.5)
        super().__init__(
            in_features,
            features,
            use_bias=bias,
            kernel_init=start,
            bias_init=start,
            rngs=rngs,
        )
'''.strip(),
    (),
    (UNIFORM,),
)


def _linear(op: Linear, dims: int) -> str:
    return made(LINEAR.name, text(op.in_features), text(op.out_features), bias=(op.bias, True))


def _read_linear() -> Iterable[Reader]:
    from archcompiler.backends.jax.reading import is_node
    from archcompiler.backends.reading import UnknownOperation, sides
    from archcompiler.ops.split import Flatten

    def read(seen: Seen, module: Any, x: Node) -> Reading:
        if not seen.is_flat(x):
            raise UnknownOperation("a linear layer is applied to a map")
        return Linear(module.in_features, module.out_features, module.bias is not None), [x]

    def flatten(seen: Seen, x: Node) -> Reading:
        map_ = seen.type_of(x)
        if map_.pixels == 1:
            return x
        return Flatten(sides(map_.size, seen.dims), seen.dims), [x]

    def unflatten(
        seen: Seen, x: Any, *, shape: Any, broadcast_dimensions: Any, **options: Any
    ) -> Reading | None:
        """`x[:, None, None]`, a vector as a map of one pixel."""
        if not is_node(x) or broadcast_dimensions != (0, seen.dims + 1):
            return None
        return x if shape == (x.shape[0], *(1,) * seen.dims, x.shape[-1]) else None

    yield Reader(LINEAR.name, read)
    yield Reader("flatten", flatten)
    yield Reader("broadcast_in_dim", unflatten)


RECORDS: Final = {
    "linear": JaxOp(module=_linear, helper=lambda dims: LINEAR, readers=_read_linear, flat="made"),
}
