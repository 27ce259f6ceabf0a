"""What a back end knows of one operator: how it is written, and what that needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

Flat = Literal["never", "kept", "made"]
"""What an operator does with a (N, C) vector, as linear layers give it in place of a map: `never`
takes one, gives it on if all inputs are (`kept`), or takes and gives nothing else (`made`)."""


class Value(NamedTuple):
    """The text of a tensor in printed code."""

    text: str
    flat: bool = False
    """Whether it is (N, C), as a linear layer gives it, and not a map of one pixel."""


class Helper(NamedTuple):
    """A class or a function that the emitted file has to define."""

    name: str
    source: str
    """Formatted, without a line break at either end."""
    imports: tuple[str, ...] = ()
    """Import statements beyond those that every file may have."""
    needs: tuple[Helper, ...] = ()
    """Others that have to be defined before it."""


class Call(Protocol):
    """Prints an operator as an expression."""

    def __call__(self, op: Any, x: Sequence[str], dims: int, /) -> str:
        """`x` are the texts of the inputs."""
        ...


class Apply(Protocol):
    """Prints a call of a module that is not one with its inputs alone."""

    def __call__(self, module: str, x: Sequence[str], dims: int, /) -> str: ...


class TakenApart(Protocol):
    """Prints all the parts of a map, each of which is so many of equal ones."""

    def __call__(self, counts: Sequence[int], x: Sequence[str], dims: int, /) -> str: ...


def always(op: Any) -> bool:
    return True


class Record(Protocol):
    """How one kind of operator is printed; each back end has a type for it, with more.

    An operator has either a `module`, for those with weights or a training mode, or a `call`.
    Fields of an operator may be symbols where it is printed, which are only ever formatted.
    """

    @property
    def module(self) -> Callable[[Any, int], str] | None:
        """The expression that makes the module, for an operator and a number of dimensions."""

    @property
    def call(self) -> Call | None: ...

    @property
    def parts(self) -> TakenApart | None:
        """All the parts of a map, of which an operator with `index`, `of` and `count` is one."""

    @property
    def applied(self) -> Apply | None:
        """How a module is called, where its inputs are not all that is said."""

    @property
    def helper(self) -> Callable[[int], Helper | tuple[Helper, ...]] | None:
        """What the printed text needs the file to define, in so many dimensions, or may need."""

    @property
    def helped(self) -> Callable[[Any], bool | str]:
        """Whether an operator of this kind is printed with the helper; of several, with which."""

    @property
    def flat(self) -> Flat: ...


def helpers(record: Record, dims: int) -> tuple[Helper, ...]:
    """All that texts of one kind of operator may need the file to define."""
    found = () if record.helper is None else record.helper(dims)
    return (found,) if isinstance(found, Helper) else found


def helper_for(record: Record, op: Any, dims: int) -> Helper | None:
    """What the text of one operator needs the file to define."""
    wanted = record.helped(op)
    for helper in helpers(record, dims):
        if wanted in (True, helper.name):
            return helper
    return None
