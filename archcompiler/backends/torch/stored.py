"""Tensors of a module that a trace reads itself, and not by calling a submodule. Imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn

from archcompiler.backends.reading import UnknownOperation

if TYPE_CHECKING:
    from archcompiler.backends.torch.reading import Seen

TENSORS: Final = "tensors"
"""The `meta` of a node, where its reader leaves what it has found: see `Tensors`."""
NO_PARAMETERS: Final = "no parameters"
"""The `meta` of a module, if it does not tell parameters from other tensors, as ONNX does not."""
_NOTED: Final = "constant"
_AS_IS: Final = frozenset({"contiguous", "detach", torch.detach})
_PERMUTES: Final = frozenset({"permute", torch.permute})
_SWAPS: Final = frozenset({"transpose", "swapaxes", torch.transpose, torch.swapaxes})
_FLIPS: Final = frozenset({"t", torch.t})


class Stored(NamedTuple):
    """A tensor of a `state_dict`, and how its axes are ordered before it is used."""

    name: str
    order: tuple[int, ...] | None = None
    """As `Tensor.permute` takes it; None for the order in which it is stored."""
    shape: tuple[int, ...] | None = None
    """With which axes of 1 it is used; None for those with which it is stored."""

    def of(self, tensor: Tensor) -> Tensor:
        """The stored tensor as it is used."""
        if self.order is not None:
            tensor = tensor.permute(self.order).contiguous()
        return tensor if self.shape is None else tensor.reshape(self.shape)

    def permuted(self, order: Sequence[int]) -> Stored:
        """This tensor with its axes in another order."""
        own = self.order or tuple(range(len(order)))
        new = tuple(own[axis % len(order)] for axis in order)
        return Stored(self.name, None if new == tuple(sorted(new)) else new)


Tensors = Mapping[str, Stored]
"""What an operator has, by the names in the `state_dict` of torch's module: `weight`, `bias`, …"""


def stored(node: Any) -> Stored | None:
    """The tensor that a node reads of the module, perhaps with its axes in another order.

    None for a node that computes anything else.
    """
    if not isinstance(node, fx.Node):
        return None
    if node.op == "get_attr":
        return Stored(str(node.target))
    if node.op not in ("call_method", "call_function") or not node.args:
        return None
    if node.target is getattr and node.args[1:] == ("T",):
        source, axes = stored(node.args[0]), _FLIPS
    else:
        source, axes = stored(node.args[0]), None
    if source is None:
        return None
    rank = len(node.meta["tensor_meta"].shape) if "tensor_meta" in node.meta else 0
    if axes is _FLIPS or node.target in _FLIPS:
        return source.permuted(tuple(reversed(range(rank))))
    if node.target in _AS_IS:
        return source
    if node.target in _PERMUTES:
        given = node.args[1:] if len(node.args) > 2 else node.args[1]
        return source.permuted(_numbers(given))
    if node.target in _SWAPS and len(node.args) == 3:
        order = list(range(rank))
        a, b = _numbers(node.args[1:])
        order[a], order[b] = order[b], order[a]
        return source.permuted(order)
    return None


def keep(seen: Seen, **tensors: Any) -> None:
    """Note which tensors of the module an operator has, by the names of torch's own module.

    Raises UnknownOperation for one that is calculated.
    """
    found = {name: stored(node) for name, node in tensors.items() if node is not None}
    for name, tensor in found.items():
        if tensor is None:
            raise UnknownOperation(f"`{seen.node.name}` calculates its {name}")
    seen.node.meta[TENSORS] = found


def constant(tensor: Tensor) -> float | None:
    """The number that a tensor is full of, or that was noted before its numbers were left out."""
    if tensor.is_meta:
        return getattr(tensor, _NOTED, None)
    first = tensor.flatten()[:1]
    same = tensor.is_floating_point() and bool((tensor == first).all()) and first.numel() > 0
    return float(f"{first.item():.6g}") if same else None


def note_constants(module: nn.Module, like: nn.Module) -> None:
    """Keep what rows of parameters are full of for a copy of a module, which has no numbers."""
    kept = dict(like.named_parameters())
    for name, tensor in module.named_parameters():
        if name in kept and tensor.numel() == max(tensor.shape, default=1):
            setattr(tensor, _NOTED, constant(kept[name]))


def _numbers(values: Any) -> tuple[int, ...]:
    numbers: tuple[int, ...] = tuple(values)
    return numbers
