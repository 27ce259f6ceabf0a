"""What operators a block may have, whatever its options are: most runs are none of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from archcompiler.foreign.decompile.rows import Run
from archcompiler.foreign.decompile.saying import Words
from archcompiler.language.definition import NONE, Definition, X
from archcompiler.language.library import Library
from archcompiler.ops.registry import FAMILIES

_SOFT: Final = frozenset(
    {
        *("dropout", "drop_path", "gate", "mul", "interpolate", "upsample", "reduce"),
        *("avg_pool", "max_pool", "global_avg_pool", "global_max_pool", "concat"),
        *("adaptive_avg_pool", "adaptive_max_pool"),
    }
)
"""Kinds that have another name in some cases, or are not there."""


def hard(kinds: Counter[str]) -> Counter[str]:
    """Kinds that are what they are in every case."""
    return Counter({kind: count for kind, count in kinds.items() if kind not in _SOFT})


class Shape(NamedTuple):
    """Operators that a block has in every case, and all that it may have."""

    least: Counter[str]
    most: Counter[str] | None
    """None where there is no bound."""
    last: frozenset[str] | None
    """Kinds that its result may have; None for any."""
    first: frozenset[str] | None
    """Kinds that may read its input."""

    def may_be(self, kinds: Counter[str], run: Run) -> bool:
        """Whether a run with operators of these kinds may be the block."""
        flow = run.flow
        if self.last is not None and not {flow.kind(run.exit)} - _SOFT <= self.last:
            return False
        kinds = hard(kinds)
        if not self.least <= kinds or not (self.most is None or kinds <= self.most):
            return False
        if self.first is None:
            return True
        readers = {flow.kind(node) for node in run.nodes if run.entry in flow.reads[node]}
        return readers - _SOFT <= self.first


def shape(definition: Definition, words: Words, library: Library, deep: bool = True) -> Shape:
    """The shape of a block in a network whose `norm` and `act` mean these words."""
    meanings = {"norm": words.norm.get("op"), "act": words.act.get("op")}
    least: Counter[str] = Counter()
    most: Counter[str] | None = Counter()
    kinds: dict[str, set[str] | None] = {X: set()}
    """What may stand at each step's end, beside what it reads."""
    first: set[str] | None = set()
    near = {X}
    """Steps that may be the input itself."""
    for rule in definition.steps:
        kind = meanings.get(rule.op, rule.op)
        slot = definition.options.get(rule.op) if rule.op in definition.slots else None
        known = kind in FAMILIES
        if rule.when is not None or slot is not None or kind is None:
            passed: set[str] | None = set()
            for name in {rule.inputs[0], rule.otherwise}:
                before = kinds[name]
                passed = None if before is None or passed is None else passed | before
        else:
            passed = set()
        if slot is not None and slot.slot == "mask" and deep:
            extra = _masks(words, library)
            most = None if most is None else most + extra
            kinds[rule.name] = None
        elif kind is None:
            kinds[rule.name] = passed
        elif not known:
            most, kinds[rule.name] = None, None
            first = None if near & set(rule.inputs) else first
        else:
            if kind not in _SOFT:
                most = None if most is None else most + Counter([kind])
                least += Counter([kind] if rule.when is None else [])
            kinds[rule.name] = None if passed is None else passed | {kind}
            if near & set(rule.inputs) and first is not None:
                first.add(kind)
        skipped = rule.when is not None or kind is None or slot is not None
        if skipped and {rule.inputs[0], rule.otherwise} & near:
            near.add(rule.name)
            first = None if slot is not None else first
    last = kinds[definition.steps[-1].name]
    return Shape(
        least,
        most,
        None if last is None else frozenset(last),
        None if first is None else frozenset(first),
    )


def _masks(words: Words, library: Library) -> Counter[str]:
    """The most of each kind that a mask without units of its own has."""
    found: Counter[str] = Counter()
    for definition in _known_masks(library):
        own = shape(definition, words, library, deep=False)
        if own.most is not None:
            found |= own.most
    return found


def _known_masks(library: Library) -> Iterator[Definition]:
    for name in library.names("blocks", "mask"):
        definition = library.find(name)
        if definition is not None and name != NONE:
            yield definition
