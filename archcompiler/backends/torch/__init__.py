"""PyTorch: each operator as it stands in an emitted file, and as a trace of a module has it.

Printing imports no torch; reading does, when it is asked for.
"""

from archcompiler.backends.record import Helper, Value
from archcompiler.backends.torch.frame import BACKEND
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.backends.torch.table import torch_op

expression, helper_of = BACKEND.expression, BACKEND.helper

__all__ = ["BACKEND", "Helper", "Reader", "TorchOp", "Value", "expression", "helper_of", "torch_op"]
