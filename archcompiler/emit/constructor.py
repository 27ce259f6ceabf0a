"""The `__init__` of a class: named widths, and an attribute for each step with state."""

from __future__ import annotations

import re
from functools import lru_cache

from archcompiler.emit.groups import Group, groups
from archcompiler.emit.lines import Body, Line


def constructor(body: Body, absent: str) -> list[str]:
    """Statements of `__init__` after the call of the base class.

    `absent` is what stands in the attribute of a module that is not there.
    """
    made = [f"self.{attribute} = {name}" for attribute, name in body.kept.items()]
    for item in groups(body):
        if isinstance(item, Line):
            if item.module:
                made.append(f"self.{item.name} = {item.module}")
        else:
            made += _conditional(item, absent)
    if body.batch_norms:
        entries = (f'"{name}": {norm}' for name, norm in body.batch_norms.items())
        made.append(f"self.batch_norms = {{{', '.join(entries)}}}")
    lets: list[str] = []
    for name, text in reversed(body.lets.items()):
        if reads("\n".join([*made, *lets]), name):
            lets.insert(0, f"{name} = {text}")
    return lets + made


def reads(text: str, name: str) -> bool:
    """Whether source reads a variable of this name."""
    return name in _names(text)


@lru_cache(maxsize=64)
def _names(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"(?<![\w.])[^\W\d]\w*\b(?!=)", text))


def _conditional(group: Group, absent: str) -> list[str]:
    test, is_module = group.test
    condition = group.result.condition
    if not is_module:
        return [f"{test} = {condition}"]
    modules = [line for line in group.lines if line.module]
    return [
        f"{test} = {absent}",
        f"if {condition}:",
        *(f"    self.{line.name} = {line.module}" for line in modules),
    ]
