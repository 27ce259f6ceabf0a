"""What autograd really keeps, by torch's saved-tensor hooks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

ORDERS = {4: torch.channels_last, 5: torch.channels_last_3d}


def in_order(images: torch.Tensor, module: Any = None) -> torch.Tensor:
    """Images in the order that emitted modules have maps in, so that they make no copy of them."""
    if module is not None and not getattr(module.config, "channels_last", False):
        return images.contiguous()
    # By `to`: images of one channel are contiguous in either order, and not the same in both.
    return images.to(memory_format=ORDERS.get(images.dim(), torch.contiguous_format))


def saved_bytes(module: nn.Module, shape: tuple[int, ...], device: str = "meta") -> int:
    """Bytes of distinct storages that a training forward keeps, without weights and buffers."""
    return kept_bytes(module.to(device).train(), torch.zeros(shape, device=device))


def kept_bytes(module: nn.Module, *inputs: torch.Tensor) -> int:
    """Bytes of distinct storages that a forward pass keeps, without weights and buffers."""
    own = {t.untyped_storage()._cdata for t in (*module.parameters(), *module.buffers())}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage  # held, so that its address is not used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(*inputs)
    return sum(storage.nbytes() for key, storage in kept.items() if key not in own)
