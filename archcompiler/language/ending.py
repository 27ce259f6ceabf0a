"""Whether a block comes to an end: no call of itself without a condition, no name from itself."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.diagnostics import CompileError
from archcompiler.language.definition import Definition
from archcompiler.language.expression import Expression
from archcompiler.language.library import Library
from archcompiler.ops.registry import FAMILIES


def endless(definition: Definition, library: Library) -> tuple[str, tuple[str, ...]] | None:
    """A step by which a block calls itself whatever its options are, and the cycle of blocks.

    None if every way back to the block has a condition, or depends on what is in a slot.
    """
    seen: set[str] = set()
    for name, called in _calls(definition):
        path = _back(definition.name, called, library, (definition.name,), seen)
        if path is not None:
            # Of the blocks of a spec that are in one circle, the first tells it.
            first = min((block for block in path if block in library.own), default=path[0])
            return (name, path) if definition.name == first else None
    return None


def _back(
    home: str, called: str, library: Library, path: tuple[str, ...], seen: set[str]
) -> tuple[str, ...] | None:
    if called == home:
        return (*path, home)
    if called in seen:
        return None
    seen.add(called)
    try:
        definition = library.glance(called)
    except CompileError:
        return None
    for _, inner in _calls(definition) if definition is not None else ():
        found = _back(home, inner, library, (*path, called), seen)
        if found is not None:
            return found
    return None


def _calls(definition: Definition) -> Iterator[tuple[str, str]]:
    """Steps that are always there, and what they call."""
    for rule in definition.steps:
        always = rule.when is None and rule.repeat is None
        if always and rule.op not in definition.slots and rule.op not in FAMILIES:
            yield rule.name, rule.op


def circular(definition: Definition) -> Iterator[tuple[tuple[str, ...], int, int, str]]:
    """Named widths and defaults that are computed from themselves.

    Each with the keys of its text in the block, and the columns of the name that closes the circle.
    """
    texts: dict[str, tuple[tuple[str, ...], Expression]] = {
        name: (("let", name), expression) for name, expression in definition.lets.items()
    }
    for name, option in definition.options.items():
        if isinstance(option.default, Expression):
            texts[name] = (("options", name, "default"), option.default)
    done: set[str] = set()
    for name in texts:
        yield from _circles(name, texts, (), done)


def _circles(
    name: str,
    texts: dict[str, tuple[tuple[str, ...], Expression]],
    path: tuple[str, ...],
    done: set[str],
) -> Iterator[tuple[tuple[str, ...], int, int, str]]:
    if name in done:
        return
    keys, expression = texts[name]
    for read, start, end in expression.names:
        if read in (*path, name):
            yield keys, start, end, read
        elif read in texts:
            yield from _circles(read, texts, (*path, name), done)
    done.add(name)
