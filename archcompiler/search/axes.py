"""What a space varies: paths in a spec, each with its values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.syntax.document import Part, Written
from archcompiler.syntax.limits import MAX_DEPTH

EACH: Final = "each"
"""Stands for the number of a stage: every stage has such a value of its own."""
MOST_VALUES: Final = 2_000
"""Of one path."""
_RANGE: Final = re.compile(r"\s*(\d{1,30})\s*\.\.\s*(\d{1,30})\s*", re.ASCII)
_UNSEARCHED: Final = ("name", "class_name", "title", "description", "expect", "extends", "$schema")
"""Keys that make no other network."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One value of a spec, and what it may be."""

    key: str
    """As the space has it."""
    path: tuple[str, ...]
    """In the spec; stages by their numbers."""
    choices: tuple[Located, ...]

    @property
    def stage(self) -> int | None:
        """The stage that the value belongs to; None for one of the whole network."""
        match self.path:
            case ("stages", str() as number, *_) if number.isdecimal():
                return int(number)
        return None


def read_axes(space: Located, stages: int) -> tuple[Axis, ...]:
    """The axes of `[space]` for a spec of so many stages, in the order of the text.

    Raises CompileError: E801 for what are no values, E802 where two paths set one value, E804 for
    what makes no other network.
    """
    problems: list[Diagnostic] = []
    axes: list[Axis] = []
    for steps, node in _leaves(space, ()):
        try:
            axes += _axes(steps, node, stages)
        except CompileError as wrong:
            problems += wrong.diagnostics
    problems += _conflicts(axes)
    if problems:
        raise CompileError(*dict.fromkeys(problems))
    return tuple(axes)


@dataclass(frozen=True, slots=True)
class Choice:
    """The text of one value of an axis, which is at another path in the space than in the spec."""

    document: Written
    at: SpecPath
    """Where it is in the space, and"""
    path: tuple[str, ...]
    """in the spec."""

    @property
    def source(self) -> Source:
        return self.document.source

    def span(self, path: Sequence[str | int], part: Part = "value") -> Span:
        """The place of what is at a path of the spec; of a table or key before it, the key."""
        inside = len(path) - len(self.path)
        if inside > 0 or (inside == 0 and part == "value"):
            return self.document.span((*self.at, *path[len(self.path) :]), part)
        return self.document.span(_key_of(self.at, len(path)), "key")


def combined(chosen: Iterable[tuple[Axis, Located]], text: Written) -> Located:
    """Values at their paths as one table, to be laid upon a spec."""
    root = Located({}, text, ("space",))
    for axis, choice in chosen:
        table, written = root.value, Choice(choice.text, choice.path, axis.path)
        for depth, step in enumerate(axis.path[:-1], 1):
            table = table.setdefault(step, Located({}, written, axis.path[:depth])).value
        table[axis.path[-1]] = _placed(choice, written, axis.path)
    return root


def _placed(choice: Located, written: Choice, path: SpecPath) -> Located:
    """A value, and what is in it, as it is written in the space."""
    value = choice.value
    match value:
        case dict():
            value = {key: _placed(child, written, (*path, key)) for key, child in value.items()}
        case list():
            value = [_placed(child, written, (*path, i)) for i, child in enumerate(value)]
    return Located(value, written, path)


def _key_of(at: SpecPath, steps: int) -> SpecPath:
    """The path of the key of the space that has a step of the spec's path in it."""
    keys = key_path(at)
    for end in range(2, len(keys)):
        if sum(len(_steps(str(key))) for key in keys[1:end]) >= steps:
            return keys[:end]
    return keys


def key_path(path: SpecPath) -> SpecPath:
    """The path of a key of the space, from that of one of its values."""
    return path[:-1] if isinstance(path[-1], int) else path


def plain(chosen: Iterable[tuple[Axis, Located]]) -> dict[str, Any]:
    """The same as plain values, for a file."""
    root: dict[str, Any] = {}
    for axis, choice in chosen:
        table = root
        for step in axis.path[:-1]:
            table = table.setdefault(step, {})
        table[axis.path[-1]] = choice.plain()
    return root


def _leaves(node: Located, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Located]]:
    """Values with their paths: a key may have dots in it, or be a table of keys."""
    for key, child in node.value.items():
        inner = (*steps, *_steps(key))
        if isinstance(child.value, Mapping) and child.value:
            yield from _leaves(child, inner)
        else:
            yield inner, child


def _steps(key: str) -> list[str]:
    return [step.strip() for step in key.split(".")]


def _axes(steps: tuple[str, ...], node: Located, stages: int) -> Iterator[Axis]:
    key = ".".join(steps)
    if not all(steps):
        message = "a path has the form `key.key`"
        raise CompileError(error("E801", message, node.span("key"), help=_EXAMPLE))
    if len(steps) > MAX_DEPTH:
        message = f"a path of more than {MAX_DEPTH} keys"
        raise CompileError(error("E801", message, node.span("key")))
    if steps[0] in _UNSEARCHED:
        message = f"`{steps[0]}` makes no other network"
        help = "`[budget]` says what is expected" if steps[0] == "expect" else None
        raise CompileError(error("E804", message, node.span("key"), help=help))
    choices = _choices(key, node)
    if steps[:2] == ("stages", EACH):
        for index in range(stages):
            yield Axis(key, ("stages", str(index), *steps[2:]), choices)
    else:
        yield Axis(key, steps, choices)


_EXAMPLE: Final = 'for example `attention.t = [1, 2, 4]` or `stages.each.modules = "1..8"`'


def _choices(key: str, node: Located) -> tuple[Located, ...]:
    """The values of an axis. Raises CompileError E801."""

    def refuse(message: str, at: Located = node) -> CompileError:
        return CompileError(error("E801", message, at.span(), help=_EXAMPLE))

    if isinstance(node.value, str) and (found := _RANGE.fullmatch(node.value)):
        first, last = int(found[1]), int(found[2])
        if first > last:
            raise refuse(f"the range of `{key}` is empty")
        if last - first >= MOST_VALUES:
            raise refuse(f"`{key}` has more than {MOST_VALUES:,} values")
        return tuple(Located(value, node.text, node.path) for value in range(first, last + 1))
    if not isinstance(node.value, list) or not node.value:
        raise refuse(f"`{key}` must be an array of values or a range")
    if len(node.value) > MOST_VALUES:
        raise refuse(f"`{key}` has more than {MOST_VALUES:,} values")
    seen: set[str] = set()
    for choice in node.value:
        text = json.dumps(choice.plain(), sort_keys=True, default=str)
        if text in seen:
            raise refuse(f"`{key}` has a value twice", choice)
        seen.add(text)
    return tuple(node.value)


def _conflicts(axes: list[Axis]) -> Iterator[Diagnostic]:
    """E802 for paths of which one is the other, or lies in it."""
    seen: dict[tuple[str, ...], Axis] = {}
    for axis in sorted(axes, key=lambda axis: len(axis.path)):
        inside = (seen.get(axis.path[:length]) for length in range(1, len(axis.path) + 1))
        other = next((found for found in inside if found is not None), None)
        if other is not None:
            message = f"`{axis.key}` and `{other.key}` set the same value"
            yield error(
                "E802", message, axis.choices[0].text.span(key_path(axis.choices[0].path), "key")
            )
        seen[axis.path] = axis
