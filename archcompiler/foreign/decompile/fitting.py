"""The options with which a block is a run of operators: one is changed at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from archcompiler.foreign.decompile.flow import Colours, Key
from archcompiler.foreign.decompile.rows import Run
from archcompiler.foreign.decompile.saying import Table, said
from archcompiler.foreign.decompile.trial import Call, Sizes, Trials, Tried
from archcompiler.ir.kinds import ATTENTION
from archcompiler.language.definition import Definition, Option
from archcompiler.language.values import out_of_bounds
from archcompiler.ops.registry import find_operator

_FAR: Final = 10**9
_ROUNDS: Final = 8
_PATIENCE: Final = 1_000
"""How often a distance is asked for until a run is taken to be none of a block."""
_DEEP: Final = 3
"""Slots within slots whose options are looked for."""

_WIDTHS: Final = ("dims", "in_channels", "out_channels", "channels")
"""Numbers of an operator that follow from the types of its maps."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """A run of operators, and the numbers that are seen in it."""

    run: Run
    sizes: Sizes
    labels: Counter[int]
    key: Key
    numbers: tuple[float, ...]
    operators: tuple[Table, ...]
    """Its pools and resamplings, which slots may hold."""

    @classmethod
    def of(cls, run: Run, sizes: Sizes, colours: Colours) -> Wanted:
        flow = run.flow
        labels = colours.labels(flow.view, run.nodes)
        operators: dict[str, Table] = {}
        numbers: dict[float, None] = {}
        widths = {sizes.input.channels, sizes.c}
        for node in run.nodes:
            op = flow.op(node)
            assert op is not None
            widths.add(flow.type(node).channels)
            for name, value in flow.view.nodes[node]["label"][1]:
                if _is_number(value) and name not in _WIDTHS:
                    numbers[value] = None
            if op.role in ("pool", "resample"):
                table = said(flow, node)
                operators.setdefault(str(table), table)
        for width in sorted(widths):
            for whole in (sizes.c, sizes.input.channels):
                numbers.update(dict.fromkeys((whole / width, width / whole, 32 * width / whole)))
            numbers[width] = None
        plain = tuple(int(n) if float(n).is_integer() else n for n in numbers)
        return cls(run, sizes, labels, run.key(colours), plain, tuple(operators.values()))


@dataclass
class Fitter:
    """Fits the blocks of a library."""

    trials: Trials
    masks: Sequence[str] = ()
    """What a slot for a mask may hold."""
    units: Sequence[str] = ()
    """What a slot for a unit may hold, beside what is offered."""
    starts: dict[tuple[str, str], list[Mapping[str, Any]]] = field(default_factory=dict)
    """Options that have fitted before."""

    def fit(
        self,
        name: str,
        home: Any,
        wanted: Wanted,
        kind: str,
        offered: Mapping[str, Any] | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> Call | None:
        """The call of a block that computes what is wanted; None if none is found.

        Options that are `offered` are left as they are, those that are `fixed` are as given.
        """
        return next(self.fits(name, home, wanted, kind, offered, fixed), None)

    def fits(
        self,
        name: str,
        home: Any,
        wanted: Wanted,
        kind: str,
        offered: Mapping[str, Any] | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> Iterator[Call]:
        """Calls of a block that compute what is wanted, from all that has fitted before."""
        search = _Search(self, name, home, wanted, kind, offered or {}, fixed or {})
        known = self.starts.setdefault((name, kind), [])
        for start in [*known, {}]:
            found = search.descend({**start, **(fixed or {})})
            if found is None and kind == ATTENTION and not start:
                found = search.refilled(dict(fixed or {}))
            if found is not None:
                found = search.fewest(found)
                if found not in known:
                    known.insert(0, found)
                yield Call(name, home, found)


@dataclass
class _Search:
    fitter: Fitter
    name: str
    home: Any
    wanted: Wanted
    kind: str
    offered: Mapping[str, Any]
    fixed: Mapping[str, Any]
    asked: int = 0

    def tried(self, options: Mapping[str, Any]) -> Tried | None:
        call = Call(self.name, self.home, options)
        sizes = self.wanted.sizes
        return self.fitter.trials.tried(call, sizes, self.kind, self.offered, self.room)

    @property
    def room(self) -> int:
        return 2 * len(self.wanted.run.nodes)

    def distance(self, options: Mapping[str, Any]) -> int:
        """How many operators are other ones than is wanted."""
        self.asked += 1
        tried = self.tried(options) if self.asked <= _PATIENCE else None
        if tried is None:
            return _FAR
        ours, theirs = tried.labels, self.wanted.labels
        return (ours - theirs).total() + (theirs - ours).total()

    def same(self, options: Mapping[str, Any]) -> bool:
        tried = self.tried(options)
        return tried is not None and tried.key == self.wanted.key

    def refilled(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """The same for each way to fill a slot, whose own options are then looked for."""
        for path, option in list(self.paths(options)):
            for value in self.values(path, option, options) if option.type == "slot" else ():
                found = self.descend(_with(options, path, value), path)
                if found is not None:
                    return found
        return None

    def descend(self, options: dict[str, Any], first: Path = ()) -> dict[str, Any] | None:
        """Options changed one by one for as long as there is a better value for one.

        The `first` slot is left as it is.
        """
        best = self.distance(options)
        for _ in range(_ROUNDS):
            if best == 0 and self.same(options):
                return options
            before = options
            for path, option in list(self.paths(options)):
                if path == first:
                    continue
                for value in self.values(path, option, options):
                    changed = _with(options, path, value)
                    distance = self.distance(changed)
                    if distance < best:
                        options, best = changed, distance
                    if best == 0 and self.same(options):
                        return options
            if options is before:
                break
        return self.last(options) if best == 0 else None

    def last(self, options: dict[str, Any]) -> dict[str, Any] | None:
        """What has all operators, but joins them otherwise: one more option may do."""
        for path, option in list(self.paths(options)):
            for value in self.values(path, option, options):
                changed = _with(options, path, value)
                if self.distance(changed) == 0 and self.same(changed):
                    return changed
        return None

    def fewest(self, options: dict[str, Any]) -> dict[str, Any]:
        """The same without what is so by default."""
        for path, _ in list(self.paths(options))[::-1]:
            fewer = _without(options, path)
            if fewer != options and path[0] not in self.fixed and self.same(fewer):
                options = fewer
        return options

    def paths(self, options: Mapping[str, Any]) -> Iterator[tuple[Path, Option]]:
        """Options that may be changed, those of what is in a slot too."""
        definition = self.fitter.trials.library.find(self.name, self.home)
        assert definition is not None
        yield from self._paths(definition, options, ())

    def _paths(
        self, definition: Definition, options: Mapping[str, Any], path: Path
    ) -> Iterator[tuple[Path, Option]]:
        for option in definition.options.values():
            own = (*path, option.name)
            if not path and (option.name in self.offered or option.name in self.fixed):
                continue
            yield own, option
            if option.type == "slot" and len(own) < _DEEP:
                held = options.get(option.name, option.default)
                name = _type(held) or _type(option.default)
                inner = self.fitter.trials.library.find(name) if isinstance(name, str) else None
                if inner is not None and name != self.name:
                    yield from self._paths(inner, held if isinstance(held, Mapping) else {}, own)

    def values(self, path: Path, option: Option, options: Mapping[str, Any]) -> Iterator[Any]:
        """Values that an option may have, the likeliest first."""
        match option.type:
            case "bool":
                yield from (True, False)
            case "word":
                yield from option.choices
            case "slot":
                yield from self._held(option)
            case _:
                whole = option.type == "int"
                for number in self._numbers(path, options, whole):
                    if out_of_bounds(number, option) is None:
                        yield number

    def _held(self, option: Option) -> Iterator[Any]:
        if option.slot == "mask":
            yield from self.fitter.masks
        elif option.slot == "unit":
            yield from self.fitter.units
        elif option.slot == "operator":
            usual = find_operator(str(_type(option.default)))
            for table in self.wanted.operators:
                held = find_operator(table["op"])
                if usual is not None and held is not None and held.arity != usual.arity:
                    continue
                yield {"type": table["op"], **{k: v for k, v in table.items() if k != "op"}}

    def _numbers(self, path: Path, options: Mapping[str, Any], whole: bool) -> Iterator[float]:
        now = _at(options, path)
        now = now if isinstance(now, int) else 1
        if whole:
            # A number that repeats something changes the distance evenly.
            steps = [self.distance(_with(options, path, now + i)) for i in (0, 1)]
            if steps[0] < _FAR and 0 < steps[0] - steps[1] < steps[0]:
                yield now + steps[0] // (steps[0] - steps[1])
            yield from range(5)
            yield now + 1
        for number in self.wanted.numbers:
            if not whole or isinstance(number, int):
                yield number


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type(held: Any) -> Any:
    return held.get("type") if isinstance(held, Mapping) else held


def _at(options: Mapping[str, Any], path: Path) -> Any:
    for name in path:
        held: Any = options.get(name, {})
        if not isinstance(held, Mapping):
            return held
        options = held
    return options


def _with(options: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Options with one changed; a slot that is named becomes a table of its own options."""
    name, *rest = path
    if rest:
        held = options.get(name, {})
        held = {"type": held} if isinstance(held, str) else held
        value = _with(held, tuple(rest), value)
    return {**options, name: value}


def _without(options: Mapping[str, Any], path: Path) -> dict[str, Any]:
    name, *rest = path
    if name not in options:
        return dict(options)
    if not rest:
        return {key: value for key, value in options.items() if key != name}
    held = options[name]
    if not isinstance(held, Mapping):
        return dict(options)
    held = _without(held, tuple(rest))
    if set(held) == {"type"}:
        held = held["type"]
    return {**options, name: held} if held else {k: v for k, v in options.items() if k != name}
