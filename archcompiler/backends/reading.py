"""What readers of any framework's traces share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from archcompiler.ops.base import Operator
from archcompiler.ops.sides import Sides


class UnknownOperation(Exception):
    """The module does something that is no operator of the graph."""


@dataclass(frozen=True, slots=True)
class Part:
    """A node that is no operator, but that an operator reads: a size, or a tuple of parts."""


PART = Part()


def sides(value: Any, dims: int) -> Sides:
    """A hyper-parameter of a framework, as operators keep it."""
    if isinstance(value, int):
        return value
    numbers = tuple(value)
    if len(numbers) == 1:
        numbers *= dims
    if len(numbers) != dims or not all(isinstance(n, int) for n in numbers):
        raise UnknownOperation(f"a hyper-parameter that is not {dims} whole numbers: {value}")
    return numbers[0] if len(set(numbers)) == 1 else numbers


def differs(op: Operator | None) -> bool:
    """Whether an operator is another one in training."""
    op = None if op is None else op.simplified
    return op is not None and op.inference is not op


def said_by(exc: BaseException) -> str:
    """An exception in one line. Its class may be anybody's, and fail to say anything."""
    try:
        reason = next(iter(str(exc).splitlines()), "")
    except KeyboardInterrupt:
        raise
    except BaseException:
        reason = ""
    return f"{type(exc).__name__}: {reason}" if reason else type(exc).__name__


@contextmanager
def damaged(what: str) -> Iterator[None]:
    """Have whatever a part of a file raises that is read be UnknownOperation."""
    try:
        yield
    except UnknownOperation:
        raise
    except Exception as exc:
        raise UnknownOperation(f"{what}: {said_by(exc)[:200]}") from None
