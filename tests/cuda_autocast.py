"""The autocast of CUDA where there is none: as torch dispatches it, and as a CPU can run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

HALF, SINGLE = torch.bfloat16, torch.float32


@contextmanager
def autocast(device: str) -> Iterator[None]:
    """`torch.autocast`, which looks for a device first."""
    torch.set_autocast_dtype(device, HALF)
    torch.set_autocast_enabled(device, True)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled(device, False)


class Casts(TorchDispatchMode):
    """The tensors that are cast to another type: their elements, and to what."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[int, torch.dtype]] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._to_copy.default and result.dtype != args[0].dtype:
            self.seen.add((result.numel(), result.dtype))
        return result


def dispatched(
    module: nn.Module, device: str, inputs: Sequence[tuple[Sequence[int], torch.dtype]]
) -> tuple[torch.dtype, set[tuple[int, torch.dtype]]]:
    """The type that a module gives by the autocast of a device, and what was cast on the way.

    Tensors have no data, and the device need not be there.
    """
    with FakeTensorMode(), torch.no_grad():
        for child in module.modules():
            for name, weight in list(child.named_parameters(recurse=False)):
                new = torch.empty(weight.shape, device=device)
                # Without a gradient, for which torch would ask the device.
                setattr(child, name, nn.Parameter(new, requires_grad=False))
            for name, buffer in list(child.named_buffers(recurse=False)):
                setattr(child, name, torch.empty(buffer.shape, dtype=buffer.dtype, device=device))
        maps = [torch.empty(shape, dtype=dtype, device=device) for shape, dtype in inputs]
        with autocast(device), Casts() as casts:
            result = module(*maps)
    return result.dtype, casts.seen


class CudaAutocast(TorchFunctionMode):
    """What autocast does on CUDA, for tensors of any device."""

    half = frozenset(
        {"conv1d", "conv2d", "conv3d", "linear", "matmul", "__matmul__", "bmm", "prelu"}
        | {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
    )
    single = frozenset({"interpolate", "group_norm", "layer_norm", "softmax", "softplus"})
    widest = frozenset({"addcmul"})

    def __init__(self) -> None:
        super().__init__()
        self.weights: dict[Tensor, Tensor] = {}

    def cast(self, value: Any, dtype: torch.dtype) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        if not isinstance(value, nn.Parameter):
            return value.to(dtype)
        if value not in self.weights:
            self.weights[value] = value.to(dtype)
        return self.weights[value]

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        name, kwargs = getattr(function, "__name__", ""), kwargs or {}
        dtype = None
        if name in self.half:
            dtype = HALF
        elif name in self.single:
            dtype = SINGLE
        elif name in self.widest:
            read = [x.dtype for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
            dtype = SINGLE if SINGLE in read else HALF
        elif name in ("sum", "linalg_vector_norm"):
            kwargs = {**kwargs, "dtype": SINGLE}
        elif name == "normalize":
            return self.normalized(*args, **kwargs)
        if dtype is not None:
            args, kwargs = tree_map(lambda x: self.cast(x, dtype), (args, kwargs))
        return function(*args, **kwargs)

    @staticmethod
    def normalized(x: Tensor, p: float, dim: int, eps: float, out: None = None) -> Tensor:
        norm = torch.linalg.vector_norm(x, p, dim, keepdim=True, dtype=SINGLE)
        return x / norm.clamp_min(eps).expand_as(x)
