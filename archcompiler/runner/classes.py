"""Classes by their names: a number means a class only beside the names that it counts."""

from __future__ import annotations

from collections.abc import Sequence

from archcompiler.diagnostics import CompileError, Diagnostic, Span, error, warning

_SHOWN = 5
"""Names in a note."""


def numbers(names: Sequence[str], known: Sequence[str], place: Span | None) -> tuple[int, ...]:
    """The number of each name among the classes that a network knows.

    The names may be some of those only, in any order. Raises CompileError E740 if they are not, at
    the `place` that says which data have them.
    """
    if tuple(names) == tuple(known):
        return tuple(range(len(known)))
    number = {name: i for i, name in enumerate(known)}
    unique = len(number) == len(known) and len(set(names)) == len(names)
    if not unique or not number.keys() >= set(names):
        raise CompileError(other(names, known, place))
    return tuple(number[name] for name in names)


def other(names: Sequence[str], known: Sequence[str], place: Span | None) -> Diagnostic:
    """E740 for data whose classes have other names than those that a network knows."""
    return error(
        "E740",
        "the data have other classes than the network was trained on",
        place,
        notes=apart(names, known),
    )


def apart(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Notes on what differs between the classes of data and those of a run."""
    found, wanted = set(names), set(known)
    notes = [
        *listed("only in the data", [f"`{name}`" for name in names if name not in wanted]),
        *listed("only in the run", [f"`{name}`" for name in known if name not in found]),
    ]
    return notes or ["the names are the same, but in another order or more than once"]


def unnamed(
    checkpoint: str, note: str = "those of the data are taken to be the same, in the same order"
) -> Diagnostic:
    """W740 for a checkpoint that was written before the names of classes were kept."""
    return warning(
        "W740",
        f"{checkpoint} does not say which classes it was trained on",
        notes=(note,),
    )


def listed(where: str, names: Sequence[str]) -> list[str]:
    """A note that names the first few, if there are any."""
    if not names:
        return []
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return [f"{where}: {', '.join(names[:_SHOWN])}{more}"]
