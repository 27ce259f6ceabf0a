"""The weights as safetensors, and whether the exported file computes the same with them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.emit.load import load_module


def weights_bytes(module: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The `state_dict` of a module as a file; the same bytes for the same weights."""
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    data = save(tensors, {"format": "pt", **metadata})
    # Its writer has the metadata in another order each time.
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def exported_module(network: CompiledNetwork, weights: bytes) -> nn.Module:
    """The emitted file, as a module of its own, with weights from the bytes of their file."""
    # Not the one that the run's network is of, if that is from the same text.
    emitted = load_module(f"exported_{network.name}", network.source)
    module: nn.Module = getattr(emitted, network.name)()
    module.load_state_dict(load(weights))
    return module.eval()


def example(shape: tuple[int, int, int], count: int) -> Tensor:
    """(count, C, H, W) numbers as of normalised images; the same each time."""
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def logits(module: nn.Module, images: Tensor) -> Tensor:
    """(N, classes) of (N, C, H, W)."""
    with torch.no_grad():
        found: Tensor = module(images)
    return found


def require_equal(module: nn.Module, exported: nn.Module, images: Tensor) -> None:
    """Raise CompileError E760 unless the logits of both are the same to the bit."""
    wanted, found = logits(module, images), logits(exported, images)
    # As whole numbers: a NaN is the same as itself.
    if wanted.shape != found.shape or not torch.equal(_bits(wanted), _bits(found)):
        raise CompileError(
            error("E760", "`model.py` with `model.safetensors` gives other logits than the run")
        )


def _bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32)
