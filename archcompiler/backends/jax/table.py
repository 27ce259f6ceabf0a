"""The record of every operator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module

from archcompiler.backends.jax.record import JaxOp
from archcompiler.diagnostics import CompileError, error
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import FAMILIES

NAME = "jax"


@cache
def records() -> Mapping[str, JaxOp]:
    """The records of the built-in operators by kind."""
    return {kind: _record(kind) for kind in FAMILIES}


def _record(kind: str) -> JaxOp:
    """The record of a built-in operator: of its family's module, which is imported for it."""
    module = import_module(f"archcompiler.backends.jax.ops.{FAMILIES[kind]}")
    found: Mapping[str, JaxOp] = module.RECORDS
    return found[kind]


def jax_op(op: Operator | type[Operator]) -> JaxOp:
    """The record of an operator; one from outside carries its own.

    Raises CompileError E315 for one that has none.
    """
    own = op.backends.get(NAME) or (_record(op.kind) if op.kind in FAMILIES else None)
    if isinstance(own, JaxOp):
        return own
    message = f"operator `{op.kind}` does not say how JAX has it"
    help = f'its class needs `backends = {{"{NAME}": JaxOp(…)}}`'
    raise CompileError(error("E315", message, help=help))
