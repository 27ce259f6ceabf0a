"""Fully connected layers in PyTorch, with the readers of what brings a map into their form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.linear import Linear

if TYPE_CHECKING:
    from torch import fx, nn

    from archcompiler.backends.torch.reading import Reading, Seen


def _linear(op: Linear, dims: int) -> str:
    return called("nn.Linear", text(op.in_features), text(op.out_features), bias=(op.bias, True))


def _read_linear() -> Iterable[Reader]:
    import operator

    import torch
    from torch import nn

    from archcompiler.backends.reading import PART, UnknownOperation, sides
    from archcompiler.backends.torch.reading import is_size
    from archcompiler.ops.split import Flatten

    def read(seen: Seen, module: nn.Linear, x: fx.Node) -> Reading:
        if not seen.is_flat(x):
            raise UnknownOperation(f"`{seen.node.name}` applies a linear layer to a map")
        return Linear(module.in_features, module.out_features, module.bias is not None), [x]

    def flatten(seen: Seen, x: fx.Node, start_dim: int = 0, end_dim: int = -1) -> Reading:
        if start_dim != 1 or end_dim not in (-1, seen.dims + 1):
            axes = f"the axes {start_dim} to {end_dim}, not all of each image"
            raise UnknownOperation(f"`{seen.node.name}` flattens {axes}")
        map_ = seen.type_of(x)
        if map_.pixels == 1:
            return x
        size = sides(map_.size, seen.dims)
        return Flatten(size, seen.dims), [x]

    def flatten_module(seen: Seen, module: nn.Flatten, x: fx.Node) -> Reading:
        return flatten(seen, x, module.start_dim, module.end_dim)

    def getitem(seen: Seen, x: fx.Node, index: Any) -> Reading | None:
        if is_size(seen.node):
            return PART
        everything = slice(None)
        if index == (everything, everything, *(None,) * seen.dims) and seen.is_flat(x):
            return x
        return None

    yield Reader(nn.Linear, read)
    yield Reader(nn.Flatten, flatten_module)
    yield Reader(torch.flatten, flatten)
    yield Reader("flatten", flatten)
    yield Reader(operator.getitem, getitem)


RECORDS: Final = {
    "linear": TorchOp(module=_linear, readers=_read_linear, flat="made"),
}
