"""Modules of PyTorch, as emitted files write them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archcompiler.backends.backend import Backend, Frame
from archcompiler.backends.python import atom
from archcompiler.backends.torch.table import NAME, torch_op


def _flattened(x: str) -> str:
    return f"torch.flatten({x}, 1)"


def _unflattened(x: str, dims: int) -> str:
    return f"{atom(x)}[:, :{', None' * dims}]"


BACKEND: Final = Backend(
    NAME,
    "PyTorch",
    torch_op,
    Frame(
        module="nn.Module",
        tensor="Tensor",
        forward="forward",
        templates=Path(__file__).with_name("templates"),
        imports={
            "torch": "import torch",
            "F": "import torch.nn.functional as F",
            "Tensor": "from torch import Tensor",
            "nn": "from torch import nn",
            "saved_tensors_hooks": "from torch.autograd.graph import saved_tensors_hooks",
            "TorchFunctionMode": "from torch.overrides import TorchFunctionMode",
            "is_compiling": "from torch.compiler import is_compiling",
            "checkpoint": "from torch.utils.checkpoint import checkpoint",
        },
        flattened=_flattened,
        unflattened=_unflattened,
        begin="super().__init__()",
    ),
)
