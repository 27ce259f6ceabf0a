"""What the PyTorch back end knows of one operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from archcompiler.backends.record import Apply, Call, Flat, Helper, TakenApart, always

if TYPE_CHECKING:
    from archcompiler.backends.torch.reading import Reading


class Reader(NamedTuple):
    """How calls of `target` in a traced module are read as operators.

    A target is the exact class of a module, a function, or the name of a tensor's method or of a
    helper. `read` gets a `Seen`, for a module the module, and the arguments of the call.
    """

    target: object
    read: Callable[..., Reading | None]
    """None for a call that is another reader's; raises UnknownOperation for one that is nobody's.
    A TypeError says that the call has arguments which no operator accounts for."""


def no_readers() -> Iterable[Reader]:
    return ()


class TorchOp(NamedTuple):
    """How one kind of operator is printed, as every `Record` says, and recognised."""

    module: Callable[[Any, int], str] | None = None
    """The expression that makes the module, for an operator and a number of dimensions."""
    call: Call | None = None
    parts: TakenApart | None = None
    helper: Callable[[int], Helper | tuple[Helper, ...]] | None = None
    """What the printed text needs the file to define, in so many dimensions, or may need."""
    helped: Callable[[Any], bool | str] = always
    """Whether an operator of this kind is printed with the helper; of several, with which."""
    applied: Apply | None = None
    readers: Callable[[], Iterable[Reader]] = no_readers
    flat: Flat = "never"
    uncounted: frozenset[str] = frozenset()
    """What fvcore sees of it, by `aten` name, and has no rule for."""
