"""Which classes an emitted file needs: one for each structure of a block that the graph uses.

Uses that differ only in numbers share a class, with the numbers as arguments. What decides the
code, a word, a truth value or what is in a slot, makes a class of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archcompiler.ir import Block, Graph, TensorType
from archcompiler.ir.kinds import HEAD, STEM, UNIT
from archcompiler.language.definition import SIZES, Definition, Option
from archcompiler.language.expression import Expression, parse_expression
from archcompiler.language.symbol import Symbol
from archcompiler.language.use import MissingOption, Reference, Use, frozen

Structure = tuple[Any, ...]
Computed = frozenset[tuple[Definition, str]]
"""Truth values of blocks that a caller computes from numbers: arguments, like the numbers."""


def computed_truths(uses: Iterable[Use]) -> Computed:
    """Every truth value that some step of these blocks computes from numbers."""
    calls = {(use.definition, *call) for use in uses for call in _given_truths(use)}
    found: Computed = frozenset()
    while True:
        more = frozenset(
            (inner, name)
            for definition, inner, name, text in calls
            if varies(definition, parse_expression(text), found)
        )
        if more <= found:
            return found
        found |= more


def _given_truths(use: Use) -> Iterator[tuple[Definition, str, str]]:
    """Truth values that steps give to the blocks that they call, as expressions."""
    for rule in use.definition.steps:
        texts = {name: value for name, value in rule.arguments.items() if isinstance(value, str)}
        try:
            called = use.slot(rule.op).type if rule.op in use.definition.slots else rule.op
        except MissingOption:
            continue
        inner = use.library.find(called) if texts and use.library.operator(called) is None else None
        for name, text in texts.items():
            if inner is not None and name in inner.options and inner.options[name].type == "bool":
                yield inner, name, text


def varies(definition: Definition, expression: Expression, computed: Computed) -> bool:
    """Whether an expression of a block depends on what is an argument of its class."""
    for name, _, _ in expression.names:
        option = definition.options.get(name)
        if name in SIZES or (definition, name) in computed:
            return True
        if option is not None and option.type in ("int", "float"):
            return True
        inner = definition.lets.get(name) if option is None else option.default
        if isinstance(inner, Expression) and varies(definition, inner, computed):
            return True
    return False


def structure(use: Use, computed: Computed = frozenset()) -> Structure:
    """What no argument of a class can change."""
    statics = []
    for option in use.definition.options.values():
        if option.static and (use.definition, option.name) not in computed:
            default = option.default if option.name not in use.given else None
            try:
                if isinstance(default, Expression) and varies(use.definition, default, computed):
                    continue
                value = (
                    use.slot(option.name).key if option.type == "slot" else use.number(option.name)
                )
            except MissingOption:
                value = None
            statics.append((option.name, frozen(value)))
    return use.definition.home, use.definition.name, tuple(statics)


@dataclass(eq=False)
class ClassPlan:
    """One class to be printed, and every use of it in the graph."""

    name: str
    definition: Definition
    uses: list[Use] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    """What each use became in the graph."""
    computed: Computed = frozenset()
    choices: dict[str, Any] = field(default_factory=dict)
    """The options that another class of the same block has otherwise."""

    @property
    def kind(self) -> str:
        return self.uses[0].kind

    @property
    def shapes(self) -> list[tuple[TensorType, TensorType]]:
        """Input and output of each use."""
        return [(block.input, block.output_type) for block in self.blocks]

    @cached_property
    def once(self) -> bool:
        """Whether there is exactly one, so that its numbers are printed as they are."""
        return self.kind in (STEM, HEAD)

    @cached_property
    def changes_channels(self) -> bool:
        """Whether it takes its input's channels beside its own, as every unit does."""
        return any(use.kind == UNIT or use.cin != use.c for use in self.uses)

    @cached_property
    def has_stride(self) -> bool:
        return any(use.kind == UNIT or use.stride != 1 for use in self.uses)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Options that are arguments of the class, with the value that most of its uses have."""
        found = {}
        for option in self.definition.options.values():
            if self.is_static(option) or self._derived(option.name):
                continue
            try:
                values = [use.number(option.name) for use in self.uses]
            except MissingOption:
                continue
            found[option.name] = max(values, key=values.count)
        return found

    def is_static(self, option: Option) -> bool:
        return option.static and (self.definition, option.name) not in self.computed

    def _derived(self, name: str) -> bool:
        """Whether nobody sets it, and its default is computed from other options, or is spared."""
        option = self.definition.options[name]
        computed = option.spare or isinstance(option.default, Expression)
        return computed and not any(name in use.given for use in self.uses)

    def type_of(self, option: str) -> str:
        """The type of an argument: bool, int or float."""
        if self.definition.options[option].type == "bool":
            return "bool"
        return "int" if self.whole(option) else "float"

    def whole(self, option: str) -> bool:
        return all(isinstance(use.number(option), int) for use in self.uses)

    def symbolic(self) -> Use:
        """The block with symbols for what its class takes as arguments."""
        first = self.uses[0]
        options = self.definition.options
        given = {k: v for k, v in first.given.items() if self.is_static(options[k])}
        if self.once:
            given |= {k: v for k, v in first.given.items() if k not in given}
            for name in ("dropout",):
                if first.kind == HEAD and name in self.definition.options:
                    given[name] = Symbol(name, whole=False)
            cin: Any = Symbol("in_channels") if first.kind == STEM else first.cin
            classes = Symbol("num_classes") if first.kind == HEAD else None
            return Use(
                self.definition,
                first.kind,
                given,
                cin,
                first.c,
                first.library,
                first.stride,
                classes,
            )
        given |= {name: Symbol(name, whole=self.whole(name)) for name in self.arguments}
        channels = Symbol("channels")
        return Use(
            self.definition,
            first.kind,
            given,
            Symbol("in_channels") if self.changes_channels else channels,
            channels,
            first.library,
            Symbol("stride") if self.has_stride else 1,
        )


class ClassPlans:
    """The classes of one graph, in the order in which they are printed: parts before wholes."""

    def __init__(self, graph: Graph, taken: Set[str] = frozenset()) -> None:
        """No class is called as anything that is `taken`."""
        self._plans: dict[Structure, ClassPlan] = {}
        blocks = list(_inner_first(graph))
        self._computed = computed_truths(use for use, _ in blocks)
        for use, block in blocks:
            key = structure(use, self._computed)
            if key not in self._plans:
                self._plans[key] = ClassPlan(
                    use.definition.class_name, use.definition, computed=self._computed
                )
            plan = self._plans[key]
            plan.uses.append(use)
            plan.blocks.append(block)
        self._name(taken)

    def __iter__(self) -> Iterator[ClassPlan]:
        return iter(self._plans.values())

    def find(self, use: Use) -> ClassPlan | None:
        """The class of a use; None for a block that is nowhere in the graph."""
        return self._plans.get(structure(use, self._computed))

    def _name(self, taken: Set[str]) -> None:
        """Class names: that of the block, and where it has several structures, what is special.

        Those that are not told apart by that, or would be called as another block, have a number.
        Each keeps what is special of it, to say so.
        """
        by_name: dict[str, list[ClassPlan]] = {}
        for plan in self._plans.values():
            by_name.setdefault(plan.name, []).append(plan)
        of_others = {*by_name, *taken}
        for plans in by_name.values():
            if len(plans) > 1:
                rows = _specialities(plans)
                for plan, row, adjective in zip(plans, rows, _adjectives(rows), strict=True):
                    plan.choices = row
                    plan.name = adjective + plan.name
        used: set[str] = set()
        for plan in self._plans.values():
            own, name, number = plan.definition.class_name, plan.name, 1
            while plan.name in used or (plan.name != own and plan.name in of_others):
                number += 1
                plan.name = f"{name}{number}"
            used.add(plan.name)


def _inner_first(graph: Graph) -> Iterator[tuple[Use, Block]]:
    """Each distinct block of the language, after all that are inside it."""
    seen: set[Block] = set()

    def visit(block: Block) -> Iterator[tuple[Use, Block]]:
        if block in seen:
            return
        seen.add(block)
        for step in block.steps:
            if isinstance(step.body, Block):
                yield from visit(step.body)
        if isinstance(block.use, Use):
            yield block.use, block

    yield from visit(graph.root)


def _specialities(plans: list[ClassPlan]) -> list[dict[str, Any]]:
    """The values of options, and what is in the slots, that tell structures of one block apart."""
    rows = []
    for plan in plans:
        use = plan.uses[0]
        row = {}
        for name in (o.name for o in plan.definition.options.values() if plan.is_static(o)):
            with suppress(MissingOption):
                is_slot = name in plan.definition.slots
                row[name] = use.slot(name) if is_slot else use.number(name)
        rows.append(row)
    return [
        {k: v for k, v in row.items() if any(other.get(k) != v for other in rows)} for row in rows
    ]


def _adjectives(rows: list[dict[str, Any]]) -> list[str]:
    """The words that these have otherwise, as class names begin: letters and digits."""
    names = []
    words = [{k: v.type if isinstance(v, Reference) else v for k, v in r.items()} for r in rows]
    for row in words:
        special = [
            word
            for name, word in row.items()
            if isinstance(word, str)
            and word != "none"
            and any(other.get(name) != word for other in words)
        ]
        parts = (part for word in special for part in re.findall("[A-Za-z0-9]+", word))
        names.append("".join(part.capitalize() for part in parts).lstrip("0123456789"))
    return names
