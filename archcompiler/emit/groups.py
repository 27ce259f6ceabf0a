"""Lines that are printed and run together: those under one condition, and parts of one map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from archcompiler.emit.lines import Body, Line


class Test(NamedTuple):
    """The attribute that tells whether lines under a condition are there."""

    attribute: str
    is_module: bool
    """Whether it is a module or a `None`, and not a flag."""
    condition: str
    own: bool
    """Whether it is these lines that set it, and not others under the same condition."""


class Parts(NamedTuple):
    """Lines that are all the parts of one map, in their order."""

    lines: tuple[Line, ...]
    test: Test | None = None

    @property
    def otherwise(self) -> str:
        return self.lines[0].otherwise


class Group(NamedTuple):
    """What stands one after the other under one condition."""

    items: tuple[Line | Parts, ...]
    test: Test
    hoisted: bool = False

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for item in self.items for line in lines_of(item))

    @property
    def result(self) -> Line:
        return self.lines[-1]

    @property
    def otherwise(self) -> str:
        """What stands for the result where the group is not there."""
        inner = {line.name: line.otherwise for line in self.lines}
        name = self.result.name
        while name in inner:
            name = inner[name]
        return name

    @property
    def reads(self) -> set[str]:
        names = {line.name for line in self.lines}
        return {i for line in self.lines for i in line.inputs} - names | {self.otherwise}


Item = Line | Parts | Group


def lines_of(item: Item) -> tuple[Line, ...]:
    return (item,) if isinstance(item, Line) else item.lines


def groups(body: Body) -> list[Item]:
    """Lines with neighbours under the same condition put together, as long as nothing outside
    reads what another than the last of them makes.
    """
    entries = list(_with_parts(body.lines))
    last: dict[str, int] = {body.output: len(entries)}
    """The last entry that reads each value."""
    for at, entry in enumerate(entries):
        for line in lines_of(entry):
            for name in (*line.inputs, line.otherwise):
                last[name] = max(last.get(name, 0), at)
    tests = _tests(body)
    told: set[str] = set()
    items: list[Item] = []
    start = 0
    while start < len(entries):
        entry, condition = entries[start], lines_of(entries[start])[0].condition
        end = start + 1
        if condition is None:
            items.append(entry)
        else:
            for stop in range(start + 1, len(entries)):
                if lines_of(entries[stop])[0].condition != condition:
                    break
                inner = [line for other in entries[start:stop] for line in lines_of(other)]
                alone = all(last.get(line.name, 0) <= stop for line in inner)
                if alone and isinstance(entries[stop], Line):
                    end = stop + 1
            attribute, is_module = tests[condition]
            makes = [f"self.{line.name}" for e in entries[start:end] for line in lines_of(e)]
            own = attribute in makes if is_module else condition not in told
            test = Test(attribute, is_module, condition, own)
            told.add(condition)
            if isinstance(entry, Parts) and end == start + 1:
                items.append(entry._replace(test=test))
            else:
                items.append(Group(tuple(entries[start:end]), test))
        start = end
    return items


def _with_parts(lines: list[Line]) -> Iterator[Line | Parts]:
    """The lines, with all the parts of a map where the first of them stands."""
    kinds: dict[tuple[object, ...], list[Line]] = {}
    for line in lines:
        if line.part is not None:
            kinds.setdefault(_kind(line), []).append(line)
    for line in lines:
        alike = kinds.get(_kind(line), []) if line.part is not None else []
        if line.part is None or [*range(line.part.of)] != sorted(_taken(alike)):
            yield line
        elif line is alike[0]:
            yield Parts(tuple(sorted(alike, key=_number)))


def _kind(line: Line) -> tuple[object, ...]:
    assert line.part is not None
    return line.inputs, line.part.of, line.condition, line.otherwise


def _taken(lines: list[Line]) -> Iterator[int]:
    """The numbers of the equal parts that lines take."""
    for line in lines:
        assert line.part is not None
        yield from range(line.part.number, line.part.number + line.part.size)


def _number(line: Line) -> int:
    assert line.part is not None
    return line.part.number


def _tests(body: Body) -> dict[str, tuple[str, bool]]:
    """For each condition an attribute: the first module under it, or else a flag."""
    names = {line.name for line in body.lines}
    found: dict[str, tuple[str, bool]] = {}
    for line in body.lines:
        if line.condition is None or (line.condition in found and found[line.condition][1]):
            continue
        if line.module:
            found[line.condition] = f"self.{line.name}", True
        elif line.condition not in found:
            flag = f"has_{line.name}"
            while flag in names:
                flag += "_"
            found[line.condition] = f"self.{flag}", False
    return found
