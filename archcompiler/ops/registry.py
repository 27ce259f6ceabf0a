"""Operators by the name that a block calls them by."""

from __future__ import annotations

from archcompiler import ops
from archcompiler.ops.base import Operator


def find_operator(name: str) -> type[Operator] | None:
    """The operator called `name`; None if there is none."""
    for value in vars(ops).values():
        if isinstance(value, type) and issubclass(value, Operator) and getattr(value, "kind", "") == name:
            return value
    return None
