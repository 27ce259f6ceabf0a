"""Lines under one condition, which are printed and run together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archcompiler.emit.lines import Line


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


def groups(lines: Iterable[Line]) -> list[Item]:
    """Lines with neighbours under the same condition put together."""
    lines, items = list(lines), list[Item]()
    names = {line.name for line in lines}
    for line in lines:
        last = items[-1] if items else None
        if line.condition is None:
            items.append(line)
        elif isinstance(last, Group) and last.result.condition == line.condition:
            items[-1] = last._replace(lines=(*last.lines, line))
        else:
            flag = f"has_{line.name}"
            while flag in names:
                flag += "_"
            items.append(Group((line,), flag))
    return items
