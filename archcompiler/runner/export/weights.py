"""The weights as safetensors, and whether the exported file computes the same with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final, cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.emit.load import load_module

TOLERANCE: Final = 1e-4
"""Of a logit, as a share of the largest one: what adds up float32 in another order may be so far
off."""
_TIMES: Final = 10
"""How much further than PyTorch from what float64 gives that may be, if it is more: weights that
have hardly been trained make much of every rounding."""


def weights_bytes(module: nn.Module, metadata: Mapping[str, str]) -> bytes:
    """The `state_dict` of a module as a file; the same bytes for the same weights."""
    return tensors_bytes(module.state_dict(), metadata)


def tensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Tensors by name as a file of safetensors, the same bytes for the same tensors."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
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


def folded_module(network: CompiledNetwork, module: nn.Module) -> nn.Module:
    """The network for inference with the weights of its trained module.

    Raises CompileError E760 for weights that it does not take.
    """
    deployed: Any = network.module()
    try:
        deployed.load_trained(module.state_dict())
    except ValueError as refused:
        problem = "the file for inference does not take the weights of the run"
        raise CompileError(error("E760", problem, notes=(str(refused),))) from None
    return cast("nn.Module", deployed.eval())


def deviation(module: nn.Module, images: Tensor, found: Tensor, what: str, help: str = "") -> float:
    """How far logits are from the module's, as a share of the largest one.

    Raises CompileError E760, of `what` gives them, if that is more than the tolerance, or than
    float32 allows of such a network.
    """
    wanted = logits(module, images)
    exact = logits(deepcopy(module).double(), images.double())
    scale = max(float(exact.abs().max()), 1e-30)
    apart = float((wanted - found).abs().max()) / scale
    allowed = max(TOLERANCE, _TIMES * float((wanted - exact).abs().max()) / scale)
    # Not the other way round: what is no number is no agreement.
    if not apart <= allowed:
        raise CompileError(
            error(
                "E760",
                f"{what} gives other logits than the run",
                notes=(f"they differ by {apart:.1e} of the largest one; {allowed:.0e} would do",),
                help=help or None,
            )
        )
    return apart


def _bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32)
