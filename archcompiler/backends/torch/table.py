"""The record of every operator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from archcompiler.backends.torch.record import TorchOp
from archcompiler.diagnostics import CompileError, error
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import FAMILIES

NAME = "torch"


@cache
def records() -> Mapping[str, TorchOp]:
    """The records of the built-in operators by kind."""
    return {kind: _record(kind) for kind in FAMILIES}


def _record(kind: str) -> TorchOp:
    """The record of a built-in operator: of its family's module, which is imported for it."""
    module = import_module(f"archcompiler.backends.torch.ops.{FAMILIES[kind]}")
    found: Mapping[str, TorchOp] = module.RECORDS
    return found[kind]


def torch_op(op: Operator | type[Operator]) -> TorchOp:
    """The record of an operator; one from outside carries its own.

    Raises CompileError E315 for one that has none.
    """
    own = op.backends.get(NAME) or (_record(op.kind) if op.kind in FAMILIES else None)
    if isinstance(own, TorchOp):
        return own
    message = f"operator `{op.kind}` does not say how PyTorch has it"
    help = f'its class needs `backends = {{"{NAME}": TorchOp(…)}}`'
    raise CompileError(error("E315", message, help=help))
