"""What a step of a block may say about its operator."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple


class Required:
    """Stands for the default of an argument that must be given."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required()

ArgumentType = Literal["int", "ints", "float", "bool", "word"]
"""`ints` is one whole number for all axes, or an array with one for each."""


class Argument(NamedTuple):
    """One argument of an operator, as a spec may write it."""

    type: ArgumentType
    default: Any = REQUIRED
    """`REQUIRED`, a value, or None for one that depends on others, as `help` says."""
    help: str = ""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    """Of a word."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED
