"""A parse as a spec with the blocks of its own that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from archcompiler.config.path import SpecPath
from archcompiler.config.toml import toml_lines
from archcompiler.foreign.decompile.flow import Flow
from archcompiler.foreign.decompile.layout import Literal, Part, Table
from archcompiler.foreign.decompile.parsing import Parse
from archcompiler.foreign.decompile.rows import Row, Run
from archcompiler.foreign.decompile.saying import Words, said
from archcompiler.foreign.decompile.steps import Item, as_steps

_TABLES: Final = ("norm", "stem", "head", "attention")
"""Tables of a spec that have a header, if they are tables."""


def spec_of(
    parse: Parse, flow: Flow, row: Row, words: Words, name: str, blocks: Mapping[str, Table]
) -> Table:
    """The values of a spec; `blocks` are those that it may use."""
    own = _Blocks(flow, row, words, dict(blocks))
    x, y = flow.type(flow.input), flow.type(flow.output)
    spec: Table = {"name": name, "input": [x.channels, *x.size], "classes": y.channels}
    spec |= {key: value for key, value in words.spec().items() if key != "norm"}
    unit = parse.unit
    stages = [
        stage.table(unit, parse.attention, lambda part: own.name(part, "part"))
        for stage in parse.stages
    ]
    used = [s for s in stages if "unit" not in s]
    if unit is not None and used and unit != "preact_bottleneck":
        table = own.part(unit, "part")
        if table != "preact_bottleneck":
            spec["unit"] = table
    spec |= {key: value for key, value in words.spec().items() if key == "norm"}
    stem: Table = {"type": "none"} if parse.stem is None else own.table(parse.stem, "entry")
    if isinstance(parse.stem, Literal):
        stem["channels"] = flow.type(row.values[parse.stem.end]).channels
    spec["stem"] = stem
    head = {"type": "none"} if parse.head is None else own.table(parse.head, "exit")
    if head != {"type": "linear"}:
        spec["head"] = head
    if parse.attention and any("modules" in s for s in stages):
        spec["attention"] = dict(parse.attention)
    spec["stages"] = stages
    called = own.called(spec)
    if called:
        spec["blocks"] = called
    return spec


class _Blocks:
    """Blocks of a spec's own by name, those that are written out too."""

    def __init__(self, flow: Flow, row: Row, words: Words, blocks: dict[str, Table]) -> None:
        self.flow, self.row, self.words, self.blocks = flow, row, words, blocks

    def name(self, part: Literal, word: str) -> str:
        """The name of a part that is written out; equal parts have one."""
        block = {"steps": literal(Run(self.flow, self.row, part.start, part.end), self.words)}
        if part.start == part.end:
            block = {"steps": {"keep": {"op": "identity"}}}
        for name, known in self.blocks.items():
            if known == block:
                return name
        name, number = word, 1
        while name in self.blocks:
            number += 1
            name = f"{word}{number}"
        self.blocks[name] = block
        return name

    def part(self, part: Part, word: str) -> Any:
        return self.name(part, word) if isinstance(part, Literal) else part.table()

    def table(self, part: Part, word: str) -> Table:
        found = self.part(part, word)
        return {"type": found} if isinstance(found, str) else found

    def called(self, spec: Table) -> dict[str, Table]:
        """The blocks that a spec names, and those that these name."""
        found: dict[str, Table] = {}
        waiting = set(_texts(spec))
        while waiting:
            word = waiting.pop()
            if word in self.blocks and word not in found:
                found[word] = self.blocks[word]
                waiting |= set(_texts(self.blocks[word]))
        return {name: found[name] for name in self.blocks if name in found}


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, Sequence):
        for value in values:
            yield from _texts(value)


def literal(run: Run, words: Words) -> dict[str, Table]:
    """All operators of a run as steps."""
    flow = run.flow
    items = [Item(node, words.of(said(flow, node)), flow.reads[node]) for node in run.nodes]
    return as_steps(items, run.entry)


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
