"""What the JAX back end knows of one operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from archcompiler.backends.record import Apply, Call, Flat, Helper, TakenApart, always

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Reading


class Reader(NamedTuple):
    """How calls of `target` in a traced module are read as operators.

    A target is the exact class of a module of Flax, a function, or the name of a helper or of a
    primitive of JAX. `read` gets a `Seen`, for a module the module, and the arguments of the call.
    """

    target: object
    read: Callable[..., Reading | None]
    """None for a call that is another reader's; raises UnknownOperation for one that is nobody's.
    A TypeError says that the call has arguments which no operator accounts for."""


def no_readers() -> Iterable[Reader]:
    return ()


class JaxOp(NamedTuple):
    """How one kind of operator is printed, as every `Record` says, and recognised."""

    module: Callable[[Any, int], str] | None = None
    call: Call | None = None
    parts: TakenApart | None = None
    helper: Callable[[int], Helper | tuple[Helper, ...]] | None = None
    helped: Callable[[Any], bool | str] = always
    applied: Apply | None = None
    readers: Callable[[], Iterable[Reader]] = no_readers
    flat: Flat = "never"
