"""What the PyTorch back end knows of one operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from archcompiler.backends.torch.reading import Reading

Flat = Literal["never", "kept", "made"]
"""What an operator does with a (N, C) vector, as linear layers give it in place of a map: `never`
takes one, gives it on if all inputs are (`kept`), or takes and gives nothing else (`made`)."""


class Helper(NamedTuple):
    """A class or a function that the emitted file has to define."""

    name: str
    source: str
    """Formatted, without a line break at either end."""
    imports: tuple[str, ...] = ()
    """Import statements beyond `torch`, `F`, `nn` and `Tensor`."""


class Reader(NamedTuple):
    """How calls of `target` in a traced module are read as operators.

    A target is the exact class of a module, a function, or the name of a tensor's method or of a
    helper. `read` gets a `Seen`, for a module the module, and the arguments of the call.
    """

    target: object
    read: Callable[..., Reading | None]
    """None for a call that is another reader's; raises UnknownOperation for one that is nobody's.
    A TypeError says that the call has arguments which no operator accounts for."""


class Call(Protocol):
    """Prints an operator as an expression."""

    def __call__(self, op: Any, x: Sequence[str], dims: int, /) -> str:
        """`x` are the texts of the inputs."""
        ...


def no_readers() -> Iterable[Reader]:
    return ()


def always(op: Any) -> bool:
    return True


class TorchOp(NamedTuple):
    """How one kind of operator is printed and recognised.

    An operator has either a `module`, for those with weights or a training mode, or a `call`.
    Fields of an operator may be symbols where it is printed, which are only ever formatted.
    """

    module: Callable[[Any, int], str] | None = None
    """The expression that makes the module, for an operator and a number of dimensions."""
    call: Call | None = None
    helper: Callable[[int], Helper] | None = None
    """What the printed text needs the file to define, in so many dimensions."""
    helped: Callable[[Any], bool] = always
    """Whether an operator of this kind is printed with the helper."""
    readers: Callable[[], Iterable[Reader]] = no_readers
    flat: Flat = "never"
    uncounted: frozenset[str] = frozenset()
    """What fvcore sees of it, by `aten` name, and has no rule for."""
