"""Classes by their names: a number means a class only beside the names it is an index into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcompiler.diagnostics import CompileError, Span, error


def numbers(names: Sequence[str], known: Sequence[str], place: Span | None) -> tuple[int, ...]:
    """The number of each name among the classes that a network knows.

    The data may have some of them only, in any order.
    Raises CompileError E720 if there are others, at the `place` that says which data.
    """
    if tuple(names) == tuple(known):
        return tuple(range(len(known)))
    number = {name: i for i, name in enumerate(known)}
    strange = [name for name in names if name not in number]
    if strange or len(set(names)) < len(names) or len(number) < len(known):
        found = set(names)
        raise CompileError(
            error(
                "E720",
                "the data have other classes than the network was trained on",
                place,
                notes=differences(strange, [name for name in known if name not in found]),
            )
        )
    return tuple(number[name] for name in names)


def differences(strange: Sequence[str], missing: Sequence[str]) -> tuple[str, ...]:
    """Notes for a diagnostic; nothing of what is empty."""
    found = (("only in the data", strange), ("only in the run", missing))
    return tuple(f"{where}: {_listed(names)}" for where, names in found if names)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(f"`{name}`" for name in names[:5]) + more
