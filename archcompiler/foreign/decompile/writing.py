"""A parse as the values of a spec, and these as TOML as a person would write it."""

from __future__ import annotations

from typing import Final

from archcompiler.config.path import SpecPath
from archcompiler.config.toml import toml_lines
from archcompiler.foreign.decompile.flow import Flow
from archcompiler.foreign.decompile.layout import Literal, Table
from archcompiler.foreign.decompile.own import SEGMENT, Blocks
from archcompiler.foreign.decompile.parsing import Parse
from archcompiler.foreign.decompile.rows import Row
from archcompiler.foreign.decompile.saying import Words

_TABLES: Final = ("norm", "stem", "head", "attention")
"""Tables of a spec that have a header, if they are tables."""
_UNIT: Final = "preact_bottleneck"
"""The unit of a spec that names none."""


def spec_of(parse: Parse, flow: Flow, row: Row, words: Words, name: str, own: Blocks) -> Table:
    """The values of a spec."""
    x, y = flow.type(flow.input), flow.type(flow.output)
    spec: Table = {"name": name, "input": [x.channels, *x.size], "classes": y.channels}
    meanings = words.spec()
    norm = meanings.pop("norm", None)
    spec |= meanings
    stages = [
        stage.table(parse.unit, parse.attention, lambda part: own.part(row, part, SEGMENT))
        for stage in parse.stages
    ]
    if parse.unit is not None and any("unit" not in stage for stage in stages):
        unit = own.part(row, parse.unit, SEGMENT)
        if unit != _UNIT:
            spec["unit"] = unit
    if norm is not None:
        spec["norm"] = norm
    stem: Table = {"type": "none"}
    if parse.stem is not None:
        stem = own.table(row, parse.stem, "entry")
    if isinstance(parse.stem, Literal):
        stem["channels"] = flow.type(row.values[parse.stem.end]).channels
    spec["stem"] = stem
    head = {"type": "none"} if parse.head is None else own.table(row, parse.head, "final")
    if head != {"type": "linear"}:
        spec["head"] = head
    if parse.attention and any("modules" in stage for stage in stages):
        spec["attention"] = dict(parse.attention)
    spec["stages"] = stages
    called = own.called(spec)
    if called:
        spec["blocks"] = called
    return spec


def spec_text(spec: Table) -> str:
    """A spec as TOML, its equals signs in a row as in those that are shipped."""
    text = [line.text for line in toml_lines(spec, inline=_inline)]
    found: list[str] = []
    group: list[tuple[str, str]] = []
    for line in [*text, ""]:
        key, equals, value = line.partition(" = ")
        if equals and not line.startswith("["):
            group.append((key, value))
            continue
        width = max((len(key) for key, _ in group), default=0)
        found += [f"{key:{width}} = {value}" for key, value in group]
        group = []
        found.append(line)
    return "\n".join(found).strip("\n") + "\n"


def _inline(path: SpecPath) -> bool:
    match path:
        case [word] if word in _TABLES:
            return False
        case ["stages"] | ["stages", _, "attention"]:
            return False
        case ["blocks"] | ["blocks", _] | ["blocks", _, "options" | "let" | "steps"]:
            return False
        case ["stages", int()]:
            return False
    return True
