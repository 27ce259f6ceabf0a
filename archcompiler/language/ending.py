"""Whether a block comes to an end: no call of itself without a condition, no name from itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from archcompiler.diagnostics import CompileError
from archcompiler.language.definition import Definition, Option
from archcompiler.language.expression import Expression
from archcompiler.language.library import Library
from archcompiler.language.naming import slot_place
from archcompiler.language.use import EMPTY, frozen, reference
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


def endless_slot(definition: Definition, library: Library) -> tuple[str, tuple[str, ...]] | None:
    """A slot whose default cannot be said in full, as it leads back to the block: the slot, and the
    circle of blocks. None if there is none.
    """
    for name, option in definition.options.items():
        circle = _filled(library, definition, name, option, {}, ())
        if circle is not None and definition.name in circle:
            first = min((block for block in circle if block in library.own), default=circle[0])
            return (name, circle) if definition.name == first else None
    return None


_Filled: TypeAlias = tuple[str, object]
"""A block, and the options that it is named with."""


def _filled(
    library: Library,
    definition: Definition,
    name: str,
    option: Option,
    given: Mapping[str, Any],
    path: tuple[_Filled, ...],
) -> tuple[str, ...] | None:
    """The circle that what is in a slot comes to, with all that is in its own slots."""
    said = given.get(name, option.default)
    if option.type != "slot" or not isinstance(said, str | Mapping):
        return None
    try:
        named = reference(given.get(name), (), option.default)
        if library.operator(named.type) is not None:
            return None
        inner = library.glance(named.type)
    except (CompileError, KeyError, TypeError):  # told where it is written
        return None
    if inner is None:
        return None
    here = named.key
    path = path or ((definition.name, frozen(EMPTY)),)
    if here in path:
        return (*(block for block, _ in path[path.index(here) :]), named.type)
    offered = slot_place(definition, option).offered or ()
    for slot, other in inner.options.items():
        if slot in named.options or slot not in offered:
            found = _filled(library, inner, slot, other, named.options, (*path, here))
            if found is not None:
                return found
    return None


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
