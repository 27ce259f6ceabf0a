"""Calls that do the same to every element, in whatever order a tensor has them."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends.torch.idioms.nodes import submodule

_MODULES: Final = (
    *(nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh),
    *(nn.ELU, nn.LeakyReLU, nn.Mish, nn.Softplus, nn.Dropout, nn.Identity),
)
_CALLS: Final = (
    *(F.relu, torch.relu, "relu", F.gelu, F.silu, F.hardswish, F.hardsigmoid, F.relu6, F.dropout),
    *(torch.sigmoid, F.sigmoid, "sigmoid", torch.tanh, F.tanh, "tanh"),
)


def is_elementwise(node: fx.Node) -> bool:
    """Whether it is such a call, of one tensor."""
    return isinstance(submodule(node), _MODULES) or node.target in _CALLS
