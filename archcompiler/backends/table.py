"""The records of one back end by operator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any, Generic, TypeVar

from archcompiler.diagnostics import CompileError, error
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import FAMILIES

R = TypeVar("R")


class Table(Generic[R]):
    """Those of the built-in operators are in `backends.NAME.ops`, a module for each family, which
    is imported when it is asked for.
    """

    def __init__(self, name: str, title: str, record: type[R]) -> None:
        self.name, self.title, self.record = name, title, record

    def records(self) -> Mapping[str, R]:
        """The records of the built-in operators by kind."""
        return {kind: self._built_in(kind) for kind in FAMILIES}

    def of(self, op: Operator | type[Operator]) -> R:
        """The record of an operator; one from outside carries its own.

        Raises CompileError E315 for one that has none.
        """
        own = op.backends.get(self.name)
        if own is None and op.kind in FAMILIES:
            return self._built_in(op.kind)
        if isinstance(own, self.record):
            return own
        message = f"operator `{op.kind}` does not say how {self.title} has it"
        help = f'its class needs `backends = {{"{self.name}": {self.record.__name__}(…)}}`'
        raise CompileError(error("E315", message, help=help))

    def _built_in(self, kind: str) -> R:
        found: R = _records(self.name, FAMILIES[kind])[kind]
        return found


@cache
def _records(name: str, family: str) -> Mapping[str, Any]:
    records: Mapping[str, Any] = import_module(f"archcompiler.backends.{name}.ops.{family}").RECORDS
    return records
