"""PyTorch: each operator as it stands in an emitted file, and as a trace of a module has it.

Printing imports no torch; reading does, when it is asked for.
"""

from archcompiler.backends.torch.record import Helper, Reader, TorchOp
from archcompiler.backends.torch.table import Value, expression, helper_of, torch_op

__all__ = ["Helper", "Reader", "TorchOp", "Value", "expression", "helper_of", "torch_op"]
