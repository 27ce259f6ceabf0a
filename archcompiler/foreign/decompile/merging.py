"""Blocks of a spec's own that differ in a number, as one block with an option."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

from archcompiler.foreign.decompile.layout import Table

_NAMES: Final[Mapping[str, str]] = {
    "channels": "width",
    "features": "width",
    "repeat": "times",
}
"""What an option is called that is not called as the argument."""
_ONCE: Final[Table] = {"repeat": 1, "stride": 1}
"""What a step has that says nothing of it."""
_STRIDES: Final = ((1, "stride"), ("stride", 1))
"""One block may never be called with a stride, as the other is."""
_MOST: Final = 2
"""Options that a block gets."""
_STRUCTURE: Final = ("op", "from", "when", "else")
"""Keys of a step that say how it is joined."""


def merged(spec: Table) -> Table:
    """The same spec with as few blocks as that makes."""
    while True:
        blocks: dict[str, Table] = spec.get("blocks", {})
        found = next(_pairs(blocks), None)
        if found is None:
            return spec
        name, other, options = found
        usual, rest = sorted((name, other), key=lambda own: _use(spec, own), reverse=True)
        if usual == other:
            options = {key: (b, a) for key, (a, b) in options.items()}
        kept = {n: block for n, block in blocks.items() if n != other}
        kept[name] = _with_options(blocks[usual], blocks[rest], options)
        said = {usual: {}, rest: {option: value for option, (_, value) in options.items()}}
        spec = _called({**spec, "blocks": kept}, name, said)


def _pairs(blocks: Mapping[str, Table]) -> Iterator[tuple[str, str, dict[str, tuple[Any, Any]]]]:
    """Two blocks, and the values that an option has in each."""
    for (a, first), (b, second) in combinations(blocks.items(), 2):
        options = _options(first, second)
        if options is not None:
            yield a, b, options


def _options(first: Table, second: Table) -> dict[str, tuple[Any, Any]] | None:
    """Options by which two blocks are one; None if they differ otherwise."""
    if {k: v for k, v in first.items() if k != "steps"} != {
        k: v for k, v in second.items() if k != "steps"
    } or list(first["steps"]) != list(second["steps"]):
        return None
    found: dict[str, tuple[Any, Any]] = {}
    for name, step in first["steps"].items():
        step, other = _ONCE | step, _ONCE | second["steps"][name]
        if any(step.get(key) != other.get(key) for key in _STRUCTURE) or set(step) != set(other):
            return None
        for key, value in step.items():
            if value == other[key] or (value, other[key]) in _STRIDES:
                continue
            option, pair = _NAMES.get(key, key), (value, other[key])
            if not all(map(_is_number, pair)) or found.setdefault(option, pair) != pair:
                return None
    taken = {*first["steps"], *first.get("options", {}), *first.get("let", {}), "stride"}
    return found if 0 < len(found) <= _MOST and not taken & set(found) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _with_options(block: Table, other: Table, options: Mapping[str, tuple[Any, Any]]) -> Table:
    steps: Table = {}
    for name, step in block["steps"].items():
        there = _ONCE | other["steps"][name]
        odd = [key for key, value in (_ONCE | step).items() if value != there[key]]
        # A stride that differs is "stride" in one of them.
        steps[name] = step | {key: _NAMES.get(key, key) for key in odd}
    defaults = {name: {"default": value} for name, (value, _) in options.items()}
    before = {key: value for key, value in block.items() if key not in ("options", "steps")}
    return {**before, "options": {**block.get("options", {}), **defaults}, "steps": steps}


def _use(spec: Table, name: str) -> tuple[bool, int]:
    """Whether a block is the network's unit, and how often it is called."""
    return spec.get("unit") == name, sum(1 for _ in _calls(spec, name))


def _calls(values: Any, name: str) -> Iterator[None]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            if value == name and _may_call(key):
                yield None
            elif not isinstance(value, str):
                yield from _calls(value, name)
    elif isinstance(values, Sequence) and not isinstance(values, str):
        for value in values:
            yield from _calls(value, name)


def _called(values: Any, name: str, said: Mapping[str, Table]) -> Any:
    """What calls one of some blocks calls `name` instead, with the options that it has there."""
    if isinstance(values, list):
        return [_called(value, name, said) for value in values]
    if not isinstance(values, Mapping):
        return values
    found: Table = {}
    for key, value in values.items():
        options = said.get(value) if isinstance(value, str) and _may_call(key) else None
        if options is None:
            found[key] = _called(value, name, said)
        elif key in ("op", "type"):
            found |= {key: name, **options}
        else:
            found[key] = {"type": name, **options} if options else name
    return found


def _may_call(key: str) -> bool:
    """Whether a value of this key may name a block, and not a step or the network."""
    return key not in ("from", "when", "else", "name", "title")
