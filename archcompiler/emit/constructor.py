"""The `__init__` of a class: named widths, and an attribute for each step with state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from archcompiler.emit.groups import groups, lines_of
from archcompiler.emit.lines import Body, Line


def constructor(body: Body, absent: str) -> list[str]:
    """Statements of `__init__` after the call of the base class.

    `absent` is what stands in the attribute of a module that is not there.
    """
    made = [f"self.{attribute} = {name}" for attribute, name in body.kept.items()]
    entered = None
    """The condition under which the last statement stands."""
    for item in groups(body):
        test = None if isinstance(item, Line) else item.test
        if test is not None and test.own:
            made.append(f"{test.attribute} = {absent if test.is_module else test.condition}")
            entered = None
        modules = [f"self.{line.name} = {line.module}" for line in lines_of(item) if line.module]
        if test is not None and modules:
            if entered != test.condition:
                made.append(f"if {test.condition}:")
            modules = [f"    {module}" for module in modules]
        if modules:
            entered = None if test is None else test.condition
        made += modules
    made += _norms("batch_norms", body.batch_norms)
    made += _branches(body)
    made += _norms("sum_norms", body.sum_norms)
    lets: list[str] = []
    for name, text in reversed(body.lets.items()):
        if reads("\n".join([*made, *lets]), name):
            lets.insert(0, f"{name} = {text}")
    return lets + made


def _norms(attribute: str, norms: Mapping[str, str]) -> list[str]:
    """The batch norms that layers have in, if there are any."""
    entries = ", ".join(f'"{name}": {norm}' for name, norm in norms.items())
    return [f"self.{attribute} = {{{entries}}}"] if norms else []


def _branches(body: Body) -> list[str]:
    """What convolutions have in of sums: for each a list, to which comes what may be there."""
    always = (
        f'"{name}": [{", ".join(said for condition, said in branches if condition is None)}]'
        for name, branches in body.branches.items()
    )
    made = [f"self.merged_branches = {{{', '.join(always)}}}"] if body.branches else []
    for name, branches in body.branches.items():
        for condition, said in branches:
            if condition is not None:
                made += [f"if {condition}:", f'    self.merged_branches["{name}"].append({said})']
    return made


def reads(text: str, name: str) -> bool:
    """Whether source reads a variable of this name."""
    return name in _names(text)


@lru_cache(maxsize=64)
def _names(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"(?<![\w.])[^\W\d]\w*\b(?!=)", text))
