"""A network of others as the shortest spec that is found, which is proved to be it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.config.located import locate
from archcompiler.diagnostics import CompileError, Source
from archcompiler.foreign.decompile.families import Own, free, own_units
from archcompiler.foreign.decompile.fitting import Fitter
from archcompiler.foreign.decompile.flow import Colours, Flow, as_flow
from archcompiler.foreign.decompile.found import Finder, Gated, Unit
from archcompiler.foreign.decompile.layout import Literal, Table
from archcompiler.foreign.decompile.merging import merged
from archcompiler.foreign.decompile.own import Blocks
from archcompiler.foreign.decompile.parsing import Parse, Parser
from archcompiler.foreign.decompile.rows import Row, Run, rows
from archcompiler.foreign.decompile.saying import Words, said, words
from archcompiler.foreign.decompile.steps import module
from archcompiler.foreign.decompile.trial import Call, Trials
from archcompiler.foreign.decompile.writing import spec_of, spec_text
from archcompiler.foreign.matching import TooSymmetric, isomorphic
from archcompiler.language.library import Library
from archcompiler.language.target import Dialect
from archcompiler.language.use import Reference
from archcompiler.syntax import parse
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import Dataflow


@dataclass(frozen=True)
class Decompiled:
    """A spec that has been proved to be a network."""

    text: str
    """The spec as TOML."""
    values: Table = field(repr=False)
    network: CompiledNetwork = field(repr=False)
    operators: int

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks of the spec's own."""
        return tuple(self.values.get("blocks", ()))


def decompiled(view: Dataflow, name: str) -> Decompiled:
    """The spec of a traced network, called `name`.

    Raises Unsayable for an operator that no spec can say, and NotProved if every spec that was
    made is another network.
    """
    flow = as_flow(view)
    why: list[str] = []
    for values in _specs(flow, name):
        try:
            network = _compiled(values)
        except CompileError as refused:
            why += [f"{d.code}: {d.message}" for d in refused.diagnostics]
            continue
        if _same(flow, network):
            text = spec_text(values)
            return Decompiled(text, values, network, len(flow.order) - 1)
        why.append("a spec that was made is another network")
    raise NotProved(why)


class NotProved(Exception):
    """No spec that was made computes what it should."""

    def __init__(self, why: Sequence[str]) -> None:
        super().__init__(*why)
        self.why = tuple(why)


def _specs(flow: Flow, name: str) -> Iterator[Table]:
    """Specs from the shortest that is found to one that says every operator."""
    meant = words({node: said(flow, node) for node in flow.order if node != flow.input})
    row = rows(flow)
    bare = Finder(flow, row, Fitter(Trials(_dialect(flow, meant, Library()), Colours())), meant)
    found = [first := _Attempt.of(flow, row, meant)]
    if first.is_written_out:
        for own in own_units(bare, bare.library.names("blocks")):
            blocks = {name: block for name, (block, _) in own.items()}
            found.append(attempt := _Attempt.of(flow, row, meant, blocks, first))
            folded = attempt.folded(own)
            if folded != blocks:
                found.append(_Attempt.of(flow, row, meant, folded, first))
    specs = [attempt.spec(name) for attempt in found if attempt.parse is not None]
    specs += [fewer for spec in specs if (fewer := merged(spec)) != spec]
    yield from sorted(specs, key=lambda spec: len(spec_text(spec)))
    plain = _Attempt.of(flow, row, meant, short=False)
    if plain.parse is not None:
        yield plain.spec(name)


@dataclass(frozen=True)
class _Attempt:
    """One way to tell a network."""

    finder: Finder
    blocks: Table
    units: Mapping[int, list[Unit]]
    gated: Mapping[int, list[Gated]]
    parse: Parse | None

    @classmethod
    def of(
        cls,
        flow: Flow,
        row: Row,
        meant: Words,
        blocks: Table | None = None,
        base: _Attempt | None = None,
        short: bool = True,
    ) -> _Attempt:
        """The cheapest parse by the library and these blocks, beside what a `base` has found."""
        blocks = blocks or {}
        trials = Trials(_dialect(flow, meant, _library(blocks)), Colours())
        fitter = Fitter(trials, trials.library.names("blocks", "mask"))
        finder = Finder(flow, row, fitter, meant)
        units = finder.units(tuple(blocks)) if short else {}
        calls = tuple(dict.fromkeys(unit.call for own in units.values() for unit in own))
        gated = finder.gated(calls) if short and calls else {}
        if base is not None:
            units = _joined(units, base.units)
            gated = _joined(gated, base.gated)
        y = flow.type(flow.output)
        parse = Parser(finder, units, gated, y.channels, y.pixels == 1, short).best()
        return cls(finder, blocks, units, gated, parse)

    @property
    def is_written_out(self) -> bool:
        """Whether a part of it is a block of the spec's own."""
        parse = self.parse
        if parse is None:
            return True
        parts = (parse.stem, parse.head, *(stage.unit for stage in parse.stages))
        return any(isinstance(part, Literal) for part in parts)

    def folded(self, own: Mapping[str, Own]) -> Table:
        """The blocks of the spec's own with units called by name inside of them, and so as modules
        the gates that no block says.
        """
        found = dict(self.blocks)
        for name, (_, run) in own.items():
            block = self._with_units(run, name)
            if block is not None:
                found[name] = block
        for start in self.finder.gates:
            block = self._with_units(self.finder.run(start, start + 1))
            if start not in self.gated and block is not None and block not in found.values():
                found[free("gated", {*found, *self.finder.library.names("blocks")})] = block
        return found

    def _with_units(self, run: Run, but: str = "") -> Table | None:
        """A run as a block, with units that are known but for one; None if none are in it."""
        calls = [call for call in self.calls if call.name != but]
        steps = self._writer(calls, {}).steps(run.row, run.start, run.end)
        names = {call.name for call in calls}
        unit = next((step for step in steps.values() if step["op"] in names), None)
        if unit is None:
            return None
        is_gate = run.start in self.finder.gates and run.end == run.start + 1
        return module(steps, unit) if is_gate else {"steps": steps}

    @property
    def calls(self) -> list[Call]:
        """The units that are found."""
        return list(dict.fromkeys(unit.call for own in self.units.values() for unit in own))

    def spec(self, name: str) -> Table:
        assert self.parse is not None
        finder = self.finder
        own = self._writer(self.calls, {finder.row: self.units})
        return spec_of(self.parse, finder.flow, finder.row, finder.words, name, own)

    def _writer(self, calls: Sequence[Call], known: dict[Row, Mapping[int, list[Unit]]]) -> Blocks:
        """What writes blocks with these units in them, of which those in some rows are known."""
        finder = self.finder

        def units(row: Row) -> Mapping[int, list[Unit]]:
            if row not in known:
                inner = Finder(finder.flow, row, finder.fitter, finder.words)
                known[row] = inner.known(calls) if calls else {}
            return known[row]

        return Blocks(finder.flow, finder.words, units, dict(self.blocks))


Found = TypeVar("Found")


def _joined(a: Mapping[int, list[Found]], b: Mapping[int, list[Found]]) -> dict[int, list[Found]]:
    return {at: [*a.get(at, ()), *b.get(at, ())] for at in sorted({*a, *b})}


def _library(blocks: Table) -> Library:
    if not blocks:
        return Library()
    document = parse(Source("<dict>", json.dumps(blocks), "json"))
    return Library(locate(document.values, document))


def _dialect(flow: Flow, meant: Words, library: Library) -> Dialect:
    def reference(table: Table, otherwise: str) -> Reference:
        options = {key: value for key, value in table.items() if key != "op"}
        return Reference(table.get("op", otherwise), options)

    dims = flow.type(flow.input).dims
    return Dialect(library, dims, reference(meant.norm, "none"), reference(meant.act, "relu"))


def _compiled(values: Table) -> CompiledNetwork:
    """The network of a spec, whose class gets a name of its own where that of its name is taken."""
    try:
        return compile(values)
    except CompileError as refused:
        if "class_name" in values or not any(d.code == "E205" for d in refused.diagnostics):
            raise
        cls = "".join(word.capitalize() for word in str(values["name"]).split("_"))
        after = {key: value for key, value in values.items() if key != "name"}
        renamed = {"name": values["name"], "class_name": f"{cls}Network", **after}
        values.clear()
        values.update(renamed)
        return compile(values)


def _same(flow: Flow, network: CompiledNetwork) -> bool:
    """Whether a network computes what it should."""
    own = as_flow(dataflow(network.graph))
    try:
        return isomorphic(own.whole, flow.whole)
    except TooSymmetric:
        return False
