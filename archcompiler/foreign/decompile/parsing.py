"""The cheapest way to tell a row of operators as a stem, stages and a head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

from archcompiler.foreign.decompile.found import Finder, Gated, Unit, stride_of
from archcompiler.foreign.decompile.layout import Literal, Part, Stage, Table, cost
from archcompiler.foreign.decompile.trial import Call

BARE: Final = Call("basic")
"""Stands for any unit of a spec's own where only that matters which it leaves to its reader."""
_BLOCK: Final = 40
"""Characters of a block beside its steps."""
_LAST: Final = 1_000
"""What is added for a way that is the last resort."""
_UNITS: Final = 6
"""Unit types that are tried as the network's own."""
_OUTER: Final = 4
"""Units before and after the gate that are tried."""


@dataclass(frozen=True)
class Parse:
    """A network as stem, stages and head."""

    cost: int
    unit: Part | None
    attention: Table
    stem: Part | None
    stages: tuple[Stage, ...]
    head: Part | None


class _Best(NamedTuple):
    cost: int
    stem: Part | None
    stages: tuple[Stage, ...]


@dataclass
class Parser:
    """Parses one row, with the units and modules that were found along it."""

    finder: Finder
    units: Mapping[int, list[Unit]]
    gated: Mapping[int, list[Gated]]
    classes: int
    flat: bool
    """Whether the output is one pixel, which a head promises."""
    short: bool = True
    """Whether the library is asked; else every operator is written out."""
    _heads: dict[object, list[tuple[int, Part | None]]] = field(default_factory=dict)
    _stems: dict[object, list[tuple[int, Part | None]]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return self.finder.length

    def best(self) -> Parse | None:
        """The cheapest parse; None if no stage can stand anywhere."""
        found: list[Parse] = []
        for unit in self._candidates():
            for p, post in self._outer():
                parse = self._parsed(unit, p, post)
                if parse is not None:
                    found.append(parse)
        return min(found, key=lambda parse: parse.cost, default=None)

    def _candidates(self) -> list[Call]:
        """Unit types by how often they are there."""
        calls = Counter(unit.call for own in self.units.values() for unit in own)
        return [call for call, _ in calls.most_common(_UNITS)] or [BARE]

    def _outer(self) -> Iterator[tuple[int, int]]:
        if not self.gated:
            yield 1, 1
            return
        for p in range(_OUTER):
            for post in range(_OUTER):
                yield p, post

    def _parsed(self, unit: Call, p: int, post: int) -> Parse | None:
        attention = self._attention(p, post)
        base = cost({"unit": unit.table()}) if unit.name != "preact_bottleneck" else 0
        base += cost(attention, "[attention]") if attention else 0
        best: dict[tuple[int, Part], _Best] = {}
        for start in range(self.length + 1):
            before: dict[Part | None, _Best] = {
                last: own for (end, last), own in best.items() if end == start
            }
            cheapest = min(before.values(), key=lambda b: b.cost, default=None)
            stages = list(self._stages(start, p, post))
            for stage in stages:
                table = stage.table(unit, attention, lambda _: "literal")
                own = cost({k: v for k, v in table.items() if k != "attention"}, "[[stages]]")
                if "attention" in table:
                    own += cost(table["attention"], "[stages.attention]")
                if isinstance(stage.unit, Literal):
                    own += stage.unit.cost
                options = [cheapest] if cheapest is not None else []
                for price, stem in self._stem(start, _call(stage.unit)):
                    options.append(_Best(price, stem, ()))
                for option in options:
                    total = option.cost + own
                    key = stage.end, stage.unit
                    if key not in best or best[key].cost > total:
                        best[key] = _Best(total, option.stem, (*option.stages, stage))
        found: Parse | None = None
        for (end, last), option in best.items():
            for price, head in self._head(end, _call(last)):
                total = base + option.cost + price
                if found is None or total < found.cost:
                    found = Parse(total, unit, attention, option.stem, option.stages, head)
        return found

    def _attention(self, p: int, post: int) -> Table:
        """The options that most attention modules have."""
        tables = [
            tuple(sorted(_named(self._module(g.call, p, post)).items(), key=repr))
            for own in self.gated.values()
            for g in own
        ]
        if not tables:
            return {}
        most = max(tables, key=lambda table: (tables.count(table), -len(str(table))))
        return dict(most)

    def _module(self, call: Call, p: int, post: int) -> Call:
        """A module with its outer units, said where they are not the block's default."""
        definition = self.finder.library.find(call.name, "modules")
        assert definition is not None
        options = {k: v for k, v in call.options.items() if k not in ("p", "post")}
        own = definition.options.get("p")
        outer: Table = {}
        if own is not None and p != own.default:
            outer["p"] = p
        after = definition.options.get("post")
        if after is not None:
            default = after.default if isinstance(after.default, int) else p
            if post != default:
                outer["post"] = post
        return Call(call.name, call.home, {**outer, **options})

    def _stages(self, start: int, p: int, post: int) -> Iterator[Stage]:
        """Stages that may begin at a value."""
        seen = dict.fromkeys(unit.call for unit in self.units.get(start, ()))
        for call in seen:
            yield from self._of_units(start, call, p, post)
        trunks = [gated.trunk for gated in self.gated.get(start, ())] if not p else seen
        for trunk in trunks:
            yield from self._modules(start, start, trunk, None, p, post)
        yield from self._literal[start]

    def _of_units(self, start: int, call: Call, p: int, post: int) -> Iterator[Stage]:
        first = self._unit(start, call)
        assert first is not None
        row = [first]
        while True:
            following = self._unit(row[-1].end, call)
            if following is None or following.stride != 1:
                break
            row.append(following)
        for count in range(1, len(row) + 1):
            own = row[:count]
            widths = [unit.c for unit in own]
            grow = len(set(widths)) > 1
            if grow and not _even(first.cin, widths):
                continue
            if grow and widths[0] == widths[-1]:
                continue
            stage = Stage(start, own[-1].end, call, widths[-1], first.stride, count, grow)
            yield stage
            yield from self._modules(start, stage.end, call, stage, p, post)

    def _unit(self, start: int, call: Call) -> Unit | None:
        return next((unit for unit in self.units.get(start, ()) if unit.call == call), None)

    def _modules(
        self, start: int, at: int, trunk: Call, before: Stage | None, p: int, post: int
    ) -> Iterator[Stage]:
        """Stages with attention modules after what there is `before` them."""
        for module in self._modules_at(at, trunk, p, post):
            yield from self._repeated(start, at, trunk, before, module, p, post)

    def _repeated(
        self,
        start: int,
        at: int,
        trunk: Call,
        before: Stage | None,
        module: Call,
        p: int,
        post: int,
    ) -> Iterator[Stage]:
        """Stages with one and more of a module, and units after them."""
        channels = self.finder.flow.type(self.finder.row.values[at]).channels
        base = before or Stage(start, at, trunk, channels, before=0)
        count = 0
        while (end := self._modules_at(at, trunk, p, post).get(module)) is not None:
            at, count = end, count + 1
            made = replace(base, end=at, modules=count, module=module)
            yield made
            after = 0
            while (unit := self._plain(end, trunk)) is not None:
                end, after = unit.end, after + 1
                yield replace(made, end=end, after=after)

    def _plain(self, start: int, call: Call) -> Unit | None:
        unit = self._unit(start, call)
        kept = unit is not None and unit.stride == 1 and unit.cin == unit.c
        return unit if kept else None

    def _modules_at(self, at: int, trunk: Call, p: int, post: int) -> dict[Call, int]:
        """The modules that begin at a value, and where they end."""
        for _ in range(p):
            unit = self._plain(at, trunk)
            if unit is None:
                return {}
            at = unit.end
        own = [gated for gated in self.gated.get(at, ()) if gated.trunk == trunk]
        if not own:
            return {}
        definition = self.finder.library.find(own[0].call.name, "modules")
        assert definition is not None
        same = p if "p" in definition.options else 0
        if p != same or ("post" not in definition.options and post != same):
            return {}
        at = own[0].end
        for _ in range(post):
            unit = self._plain(at, trunk)
            if unit is None:
                return {}
            at = unit.end
        return {self._module(gated.call, p, post): at for gated in own}

    @cached_property
    def _literal(self) -> dict[int, list[Stage]]:
        """Stages of one unit that is written out, by where they begin."""
        found: dict[int, list[Stage]] = {start: [] for start in range(self.length + 1)}
        for start, own in found.items():
            for end in range(start, self.length + 1):
                run = self.finder.run(start, end)
                stride = stride_of(run)
                if stride is not None:
                    channels = self.finder.flow.type(run.exit).channels
                    price = self._written(start, end) + _LAST * (start == end)
                    own.append(Stage(start, end, Literal(start, end, price), channels, stride))
        return found

    def _written(self, start: int, end: int) -> int:
        """Characters of a block of the spec's own for a run."""
        return self._prefix[end] - self._prefix[start] + _BLOCK

    @cached_property
    def _prefix(self) -> list[int]:
        costs = [0]
        for gap in range(self.length):
            costs.append(costs[-1] + self.finder.written(gap))
        return costs

    def _stem(self, end: int, unit: Call) -> list[tuple[int, Part | None]]:
        """Ways to say all up to a value before a stage of these units."""
        key = end, unit
        if key not in self._stems:
            found: list[tuple[int, Part | None]] = []
            if end == 0:
                found.append((cost({"type": "none"}, "[stem]"), None))
            else:
                found.append((self._written(0, end) + 20, Literal(0, end)))
            for call in self.finder.stems(end, unit) if self.short else ():
                found.append((cost({"type": call.name, **call.options}, "[stem]"), call))
            self._stems[key] = [min(found, key=lambda pair: pair[0])]
        return self._stems[key]

    def _head(self, start: int, unit: Call) -> list[tuple[int, Part | None]]:
        """Ways to say all after a value behind a stage of these units."""
        key = start, unit
        if key not in self._heads:
            found: list[tuple[int, Part | None]] = []
            if start == self.length:
                found.append((cost({"head": "none"}) + _LAST * self.flat, None))
            elif self.flat:
                found.append((self._written(start, self.length) + 20, Literal(start, self.length)))
                for call in self.finder.heads(start, unit, self.classes) if self.short else ():
                    plain = call.name == "linear" and not call.options
                    table = {"type": call.name, **call.options}
                    found.append((0 if plain else cost(table, "[head]"), call))
            self._heads[key] = [min(found, key=lambda pair: pair[0])] if found else []
        return self._heads[key]


def _even(cin: int, widths: list[int]) -> bool:
    """Whether widths grow by equal steps, as a stage has them."""
    wider, count = widths[-1] - cin, len(widths)
    return wider % count == 0 and widths == [cin + wider * i // count for i in range(1, count + 1)]


def _call(part: Part) -> Call:
    return BARE if isinstance(part, Literal) else part


def _named(call: Call) -> Table:
    kind = {} if call.name == "attention" else {"type": call.name}
    return {**kind, **{key: value for key, value in call.options.items() if key != "depth"}}
