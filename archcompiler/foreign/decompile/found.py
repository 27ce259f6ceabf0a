"""Where along a row there are units, attention modules, stems and heads that blocks can say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from archcompiler.config.toml import toml_value
from archcompiler.foreign.decompile.fitting import Fitter, Wanted
from archcompiler.foreign.decompile.flow import Flow
from archcompiler.foreign.decompile.rows import Row, Run
from archcompiler.foreign.decompile.saying import Words, said
from archcompiler.foreign.decompile.shape import Shape, shape
from archcompiler.foreign.decompile.trial import Call, Sizes
from archcompiler.ir.kinds import ATTENTION, HEAD, STEM, UNIT
from archcompiler.language.definition import Definition
from archcompiler.language.library import Home, Library
from archcompiler.language.use import Reference

LONGEST: Final = 12
"""Values of a row that a unit passes."""
LARGEST: Final = 80
"""Operators of a unit."""
ENDS: Final = 14
"""Values of a row that a stem or a head of the library passes."""
STRIDES: Final = range(1, 17)


class Unit(NamedTuple):
    """A unit in a row."""

    start: int
    end: int
    call: Call
    cin: int
    c: int
    stride: int


class Gated(NamedTuple):
    """An attention module without the units before and after it."""

    start: int
    end: int
    call: Call
    trunk: Call


def stride_of(run: Run) -> int | None:
    """The stride with which a run keeps what a unit promises; None if there is none."""
    before, after = run.flow.type(run.entry).size, run.flow.type(run.exit).size
    for up in (True, False):
        for stride in STRIDES:
            if tuple((side + up * (stride - 1)) // stride for side in before) == after:
                return stride
    return None


def _plain(call: Call, definition: Definition) -> Call:
    """A call without the trunk's units where these are as many as they are by default."""
    option = definition.options.get("t")
    if option is None or call.options.get("t") != option.default:
        return call
    return Call(call.name, call.home, {k: v for k, v in call.options.items() if k != "t"})


@dataclass(eq=False)
class Finder:
    """Looks for blocks along one row; equal runs are fitted once."""

    flow: Flow
    row: Row
    fitter: Fitter
    words: Words
    _fitted: dict[object, Call | None] = field(default_factory=dict)
    _shapes: dict[tuple[str, Home], Shape] = field(default_factory=dict)

    @property
    def library(self) -> Library:
        return self.fitter.trials.library

    def run(self, start: int, end: int) -> Run:
        return Run(self.flow, self.row, start, end)

    @cached_property
    def length(self) -> int:
        return len(self.row.values) - 1

    @cached_property
    def _kinds(self) -> list[Counter[str]]:
        """Kinds of the operators from each value to the next."""
        found = []
        for gap in range(self.length):
            nodes = [*self.row.inner(gap), self.row.values[gap + 1]]
            found.append(Counter(self.flow.kind(node) for node in nodes))
        return found

    def written(self, gap: int) -> int:
        """Characters that the steps from a value to the next take, about."""
        total = 0
        for node in (*self.row.inner(gap), self.row.values[gap + 1]):
            table = self.words.of(said(self.flow, node))
            total += 14 + len(toml_value(table)) + 20 * (len(self.flow.reads[node]) > 1)
        return total

    def units(self, names: Sequence[str] = ()) -> dict[int, list[Unit]]:
        """Every unit that one of these blocks says, by where it starts; it branches once at most.

        By default those of the library. None begins inside of another one that branches.
        """
        found: dict[int, list[Unit]] = {}
        names = names or self.library.names("blocks", "unit")
        inside: set[int] = set()
        for start in range(self.length):
            if start in inside:
                continue
            kinds: Counter[str] = Counter()
            branched = 0
            for end in range(start + 1, min(start + LONGEST, self.length) + 1):
                kinds += self._kinds[end - 1]
                branched += bool(self.row.gaps[end - 1])
                if kinds.total() > LARGEST or branched > 1:
                    break
                for name in self._likely("blocks", kinds, self.run(start, end), names):
                    unit = self._unit(name, start, end)
                    if unit is not None:
                        found.setdefault(start, []).append(unit)
                        inside |= set(range(start + 1, end)) if branched else set()
        return found

    def known(self, calls: Sequence[Call]) -> dict[int, list[Unit]]:
        """Units that are one of these, by where they start."""
        found: dict[int, list[Unit]] = {}
        names = {call.name: call for call in calls}
        for start in range(self.length):
            kinds: Counter[str] = Counter()
            for end in range(start + 1, min(start + LONGEST, self.length) + 1):
                kinds += self._kinds[end - 1]
                run = self.run(start, end)
                stride = stride_of(run) if kinds.total() <= LARGEST else None
                if stride is None:
                    continue
                likely = set(self._likely("blocks", kinds, run, tuple(names)))
                for call in calls:
                    if call.name in likely and self._is(run, call, stride):
                        cin = self.flow.type(run.entry).channels
                        c = self.flow.type(run.exit).channels
                        found.setdefault(start, []).append(Unit(start, end, call, cin, c, stride))
        return found

    def _is(self, run: Run, call: Call, stride: int) -> bool:
        """Whether a call computes what a run does."""
        trials = self.fitter.trials
        sizes = Sizes(self.flow.type(run.entry), self.flow.type(run.exit).channels, stride)
        tried = trials.tried(call, sizes, UNIT, {}, 2 * len(run.nodes))
        return tried is not None and tried.key == run.key(trials.colours)

    def _unit(self, name: str, start: int, end: int) -> Unit | None:
        run = self.run(start, end)
        stride = stride_of(run)
        if stride is None:
            return None
        cin, c = self.flow.type(run.entry).channels, self.flow.type(run.exit).channels
        call = self._fit(name, "blocks", run, UNIT, stride=stride)
        return None if call is None else Unit(start, end, call, cin, c, stride)

    def gated(self, trunks: Sequence[Call]) -> dict[int, list[Gated]]:
        """Every attention module without its outer units, whose trunk has one of these units."""
        likely = self.gates
        known: dict[object, tuple[Call, list[Call]] | None] = {}
        keys = {
            start: self.run(start, start + 1).key(self.fitter.trials.colours) for start in likely
        }
        for start, key in keys.items():
            if key not in known:
                run = self.run(start, start + 1)
                fitted = ((trunk, self._modules(run, trunk)) for trunk in trunks)
                known[key] = next((pair for pair in fitted if pair[1]), None)
        found: dict[int, list[Gated]] = {}
        again: dict[object, list[Call]] = {}
        for start, key in keys.items():
            pair = known[key]
            if pair is None:
                continue
            if key not in again:
                # What fits one module may say another in fewer words than it was found with.
                again[key] = self._modules(self.run(start, start + 1), pair[0])
            found[start] = [Gated(start, start + 1, call, pair[0]) for call in again[key]]
        return found

    @cached_property
    def gates(self) -> list[int]:
        """Where attention modules may be, by the value that they read."""
        return [start for start in range(self.length) if self._may_be_gated(start)]

    def _may_be_gated(self, start: int) -> bool:
        run = self.run(start, start + 1)
        if not self.row.gaps[start] or self.flow.type(run.entry) != self.flow.type(run.exit):
            return False
        return self.flow.kind(run.exit) in ("gate", "mul")

    def _modules(self, run: Run, trunk: Call) -> list[Call]:
        """Ways to say a gate with its trunk and mask."""
        offered = {"trunk": Reference(trunk.name, trunk.options)}
        sizes = Sizes(self.flow.type(run.entry), self.flow.type(run.exit).channels)
        wanted = Wanted.of(run, sizes, self.fitter.trials.colours)
        gates = [node for node in run.nodes if self.flow.kind(node) == "gate"]
        for name in self.library.names("modules"):
            definition = self.library.find(name, "modules")
            assert definition is not None
            own = sum(1 for rule in definition.steps if rule.op == "gate")
            if own > max(1, len(gates)):
                continue
            fixed = {key: 0 for key in ("p", "post") if key in definition.options}
            counts: list[dict[str, int]] = [{}]
            if own == 1 and "t" in definition.options:
                counts = [{"t": t} for t in self._trunks(run, trunk)]
            found: dict[Call, None] = {}
            for count in counts:
                given = fixed | count
                calls = self.fitter.fits(name, "modules", wanted, ATTENTION, offered, given)
                found |= dict.fromkeys(_plain(call, definition) for call in calls)
            if found:
                return list(found)
        return []

    def _trunks(self, run: Run, trunk: Call) -> Iterator[int]:
        """How many units the trunk may have: those of a row from the entry to the gate."""
        x = self.flow.type(run.entry)
        unit = self.fitter.trials.tried(trunk, Sizes(x, x.channels), UNIT, {}, LARGEST)
        gate = self.flow.reads[run.exit]
        if run.entry in gate:
            yield 0
        for row in self.row.gaps[run.start]:
            count = sum(1 for _ in row.nodes())
            across = row.entered and row.values[0] == run.entry and row.values[-1] in gate
            if unit is not None and across and count % unit.labels.total() == 0:
                yield count // unit.labels.total()

    def stems(self, end: int, unit: Call) -> Iterator[Call]:
        """Stems of the library for all operators up to a value."""
        if not 0 < end <= ENDS:
            return
        run = self.run(0, end)
        kinds = sum(self._kinds[:end], Counter[str]())
        for name in self._likely("stems", kinds, run):
            for own in dict.fromkeys(self._strides(name, run)):
                offered = {"unit": Reference(unit.name, unit.options)}
                call = self._fit(name, "stems", run, STEM, stride=own, offered=offered)
                if call is not None:
                    definition = self.library.find(name, "stems")
                    assert definition is not None
                    sizes: dict[str, int] = {}
                    c = self.flow.type(run.exit).channels
                    if c != definition.channels:
                        sizes["channels"] = c
                    if own != definition.stride:
                        sizes["stride"] = own
                    yield Call(name, "stems", {**sizes, **call.options})

    def _strides(self, name: str, run: Run) -> Iterator[int]:
        """Strides that a stem may have: its own, and those that are seen."""
        definition = self.library.find(name, "stems")
        assert definition is not None
        yield definition.stride or 1
        for node in run.nodes:
            stride = dict(self.flow.view.nodes[node]["label"][1]).get("stride")
            if isinstance(stride, int):
                yield stride

    def heads(self, start: int, unit: Call, classes: int) -> Iterator[Call]:
        """Heads of the library for all operators after a value."""
        if not 0 < self.length - start <= ENDS:
            return
        run = self.run(start, self.length)
        kinds = sum(self._kinds[start:], Counter[str]())
        for name in self._likely("heads", kinds, run):
            offered = {"unit": Reference(unit.name, unit.options)}
            call = self._fit(name, "heads", run, HEAD, classes=classes, offered=offered)
            if call is not None:
                yield call

    def _likely(
        self, home: Home, kinds: Counter[str], run: Run, names: Sequence[str] = ()
    ) -> list[str]:
        """Blocks that may be a run of operators of these kinds."""
        every = names or self.library.names(home)
        return [name for name in every if self._shape(name, home).may_be(kinds, run)]

    def _fit(
        self,
        name: str,
        home: Home,
        run: Run,
        kind: str,
        stride: int = 1,
        classes: int | None = None,
        offered: Mapping[str, Reference] | None = None,
    ) -> Call | None:
        c = self.flow.type(run.entry if kind == HEAD else run.exit).channels
        sizes = Sizes(self.flow.type(run.entry), c, stride, classes)
        colours = self.fitter.trials.colours
        said = tuple(sorted((offered or {}).items(), key=lambda pair: pair[0]))
        key = name, home, run.key(colours), kind, sizes, said
        if key not in self._fitted:
            wanted = Wanted.of(run, sizes, colours)
            self._fitted[key] = self.fitter.fit(name, home, wanted, kind, offered)
        return self._fitted[key]

    def _shape(self, name: str, home: Home) -> Shape:
        if (name, home) not in self._shapes:
            definition = self.library.find(name, home)
            assert definition is not None
            self._shapes[name, home] = shape(definition, self.words, self.library)
        return self._shapes[name, home]
