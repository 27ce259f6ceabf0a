"""The record of every operator, and how a printed step comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import NamedTuple

from archcompiler.backends.torch.record import Helper, TorchOp
from archcompiler.diagnostics import CompileError, error
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import FAMILIES

BACKEND = "torch"


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
    own = op.backends.get(BACKEND) or (_record(op.kind) if op.kind in FAMILIES else None)
    if isinstance(own, TorchOp):
        return own
    message = f"operator `{op.kind}` does not say how PyTorch has it"
    help = f'its class needs `backends = {{"{BACKEND}": TorchOp(…)}}`'
    raise CompileError(error("E315", message, help=help))


def helper_of(op: Operator, dims: int) -> Helper | None:
    """What an operator as it is printed needs the file to define."""
    record = torch_op(op)
    return record.helper(dims) if record.helper is not None and record.helped(op) else None


class Value(NamedTuple):
    """The text of a tensor in printed code."""

    text: str
    flat: bool = False
    """Whether it is (N, C), as a linear layer gives it, and not (N, C, 1, …)."""


def expression(
    op: Operator,
    inputs: Sequence[Value],
    dims: int,
    *,
    module: str | None = None,
) -> Value:
    """An operator applied to its inputs; `module` is the text of its module, `self.conv1`.

    Operators with a module in their record need one.
    """
    record = torch_op(op)
    flat = record.flat == "made" or (record.flat == "kept" and all(x.flat for x in inputs))
    texts = [_flattened(x) if flat else _unflattened(x, dims) for x in inputs]
    if record.module is not None:
        return Value(f"{module}({', '.join(texts)})", flat)
    assert record.call is not None
    return Value(record.call(op, texts, dims), flat)


def _flattened(x: Value) -> str:
    return x.text if x.flat else f"torch.flatten({x.text}, 1)"


def _unflattened(x: Value, dims: int) -> str:
    from archcompiler.backends.torch.python import atom

    return f"{atom(x.text)}[:, :{', None' * dims}]" if x.flat else x.text
