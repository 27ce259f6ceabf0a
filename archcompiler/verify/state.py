"""What a checkpoint of an emitted model holds."""

from __future__ import annotations

import torch

from archcompiler.compiler import CompiledNetwork


def state_dict_shapes(network: CompiledNetwork) -> dict[str, tuple[int, ...]]:
    """The keys of the emitted model's `state_dict` in order, with their shapes.

    The model is made on the meta device: no weight is allocated.
    """
    with torch.device("meta"):
        model = network.module()
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
