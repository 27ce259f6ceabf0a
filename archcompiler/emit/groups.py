"""Lines under one condition, which are printed and run together."""

from __future__ import annotations

from typing import NamedTuple

from archcompiler.emit.lines import Body, Line


class Group(NamedTuple):
    """Lines one after the other under one condition."""

    lines: tuple[Line, ...]
    flag: str
    """The attribute that tells whether it is there, if none of its lines has a module."""
    hoisted: bool = False

    @property
    def test(self) -> tuple[str, bool]:
        """What tells whether it is there, and whether that is a `None` or a flag."""
        module = next((line.name for line in self.lines if line.module), None)
        return (f"self.{module}", True) if module else (f"self.{self.flag}", False)

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


Item = Line | Group


def groups(body: Body) -> list[Item]:
    """Lines with neighbours under the same condition put together, as long as nothing outside
    reads what another than the last of them makes.
    """
    names = {line.name for line in body.lines}
    last: dict[str, int] = {body.output: len(body.lines)}
    """The last line that reads each value."""
    for at, line in enumerate(body.lines):
        for name in (*line.inputs, line.otherwise):
            last[name] = max(last.get(name, 0), at)
    items: list[Item] = []
    start = 0
    while start < len(body.lines):
        line = body.lines[start]
        end = start + 1
        if line.condition is None:
            items.append(line)
        else:
            for stop in range(start + 1, len(body.lines)):
                if body.lines[stop].condition != line.condition:
                    break
                if all(last.get(other.name, 0) <= stop for other in body.lines[start:stop]):
                    end = stop + 1
            flag = f"has_{line.name}"
            while flag in names:
                flag += "_"
            items.append(Group(tuple(body.lines[start:end]), flag))
        start = end
    return items
