"""What is wrong with a block beyond its form: names, arguments, inputs, expressions, endless calls.

Told at the smallest text to blame, all at once, and before the block is used with any numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from archcompiler.config.located import Located, meant_as
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import kind_of
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.language.collecting import columns
from archcompiler.language.definition import WIRING, Definition, Option, Rule
from archcompiler.language.elsewhere import KEYS, OPERATORS
from archcompiler.language.ending import circular, endless, endless_slot
from archcompiler.language.expression import (
    Expression,
)
from archcompiler.language.kinds import kind_of_expression
from archcompiler.language.library import Library
from archcompiler.language.naming import (
    MEANT,
    Naming,
    at_name,
    meant,
    slot_place,
    wrong_inputs,
    wrong_padding,
)
from archcompiler.language.reading import read_block
from archcompiler.language.target import CALL, SIZE
from archcompiler.language.texts import Texts
from archcompiler.language.values import (
    missing_key,
    unknown_key,
    wrong_value,
)
from archcompiler.ops import Operator
from archcompiler.ops.argument import Argument
from archcompiler.ops.registry import operator_names


def check_block(
    name: str,
    table: Located,
    library: Library,
    wording: Wording,
    home: str = "blocks",
    origin: SpecPath | None = None,
) -> Iterator[Diagnostic]:
    """Everything that is wrong with one block, its form included: E2xx, and E307."""
    definition, problems = read_block(name, table, home, origin)
    yield from problems
    if definition is not None:
        check = _Check(definition, table, library, wording)
        # What is wrong with a form and with what it says is one cause.
        formal = {d.span for d in problems}
        seen: set[Diagnostic] = set()
        for problem in check.everything():
            if problem.span not in formal and problem not in seen:
                seen.add(problem)
                yield problem


class _Check:
    def __init__(
        self, definition: Definition, table: Located, library: Library, wording: Wording
    ) -> None:
        self.definition, self.table = definition, table
        self.library, self.naming = library, Naming(library, wording)
        self.wording = wording
        self.texts = Texts(definition, table)

    def everything(self) -> Iterator[Diagnostic]:
        for name, option in self.definition.options.items():
            yield from self._option(self.table.child("options"), name, option)
        lets = self.table.child("let")
        for name, expression in self.definition.lets.items():
            node = lets.child(name) if lets is not None else None
            if node is not None:
                kind = kind_of_expression(expression, self.texts.names)
                yield from self.texts.expression(node, kind or "number")
        for keys, start, end, name in circular(self.definition):
            node = _at(self.table, keys)
            if node is not None:
                message = f"`{name}` is computed from itself"
                yield error("E220", message, columns(node, start, end))
        steps = self.table.child("steps")
        for rule in self.definition.steps:
            node = steps.child(rule.name) if steps is not None else None
            if node is not None:
                yield from self._step(node, rule)
        called = endless(self.definition, self.library)
        if called is not None and steps is not None:
            node = _at(steps, (called[0], "op"))
            if node is not None:
                notes = (f"a cycle: {' → '.join(called[1])}",)
                help = "give one of the calls a `when` that ends it"
                message = "blocks that call one another without end"
                yield error("E222", message, node.span(), notes=notes, help=help)
        filled = endless_slot(self.definition, self.library)
        if filled is not None:
            node = _at(self.table, ("options", filled[0]))
            if node is not None:
                notes = (f"a cycle: {' → '.join(filled[1])}",)
                help = "say in the default what is in the slot of the block that it names"
                message = "slots that have one another as default without end"
                yield error("E222", message, node.span(), notes=notes, help=help)

    def _option(self, options: Located | None, name: str, option: Option) -> Iterator[Diagnostic]:
        node = options.child(name) if options is not None else None
        if node is None:
            return
        default = node.child("default") if isinstance(node.value, dict) else node
        if default is None:
            return
        if option.type == "slot":
            yield from self.naming.check(default, slot_place(self.definition, option))
        elif isinstance(option.default, Expression):
            yield from self.texts.expression(
                default, "truth" if option.type == "bool" else "number"
            )
        elif option.default is not None:
            yield from wrong_value(default, option)

    def _step(self, node: Located, rule: Rule) -> Iterator[Diagnostic]:
        for key, kind in (("when", "truth"), ("repeat", "number")):
            child = node.child(key)
            if child is not None:
                yield from self.texts.expression(child, "truth" if kind == "truth" else "number")
        op = node.child("op")
        assert op is not None
        slot = self.definition.options.get(rule.op)
        if slot is not None and slot.type == "slot":
            yield from self._offers(node, rule, slot)
        elif rule.op in MEANT:
            yield from self._unrepeated(node, f"`{rule.op}`")
            home = {"norm": "norm", "act": "activation"}[rule.op]
            for child in _arguments(node):
                what = f"what it is for all blocks is written under `{home}` at the top"
                help = KEYS.get(str(child.path[-1]), what)
                yield unknown_key(child, self.wording.table(node.path), WIRING, help)
            yield from self._single(node, rule, f"`{rule.op}`")
        else:
            yield from self._call(node, rule, op)

    def _call(self, node: Located, rule: Rule, op: Located) -> Iterator[Diagnostic]:
        operator = definition = None
        try:
            operator = self.library.operator(rule.op)
            if operator is None:
                definition = self._definition(rule.op)
                if definition is None and rule.op in self.library.own:
                    return
        except CompileError as problem:
            yield from at_name(op, problem)
            return
        if operator is not None:
            yield from self._operator(node, rule, operator)
        elif definition is not None:
            yield from self._block(node, rule, definition)
        else:
            yield self._unknown(op, rule.op)

    def _definition(self, name: str) -> Definition | None:
        return self.definition if name == self.definition.name else self.library.glance(name)

    def _unknown(self, op: Located, name: str) -> Diagnostic:
        slots = self.definition.slots
        known = (*operator_names(), *self.library.names(), *MEANT, *slots)
        help = OPERATORS.get(name)
        notes: tuple[str, ...] = ()
        if help is None and (guess := meant(name, known)):
            help = f"did you mean `{guess}`?"
        if help is None:
            help = (
                f"a block of that name can be written under `[blocks.{name}]`, "
                "and an operator comes with a Python package"
            )
            notes = ("an `op` is an operator, a block or a slot of this block",)
        notes = (*notes, *self.library.missing())
        return error(
            "E211", f"no operator or block is called `{name}`", op.span(), notes=notes, help=help
        )

    def _operator(
        self, node: Located, rule: Rule, operator: type[Operator]
    ) -> Iterator[Diagnostic]:
        yield from self._unrepeated(node, f"`{rule.op}`")
        wrong = wrong_inputs(operator, len(rule.inputs))
        if wrong is not None:
            yield error("E221", wrong, self._wires(node))
        known = operator.arguments
        for child in _arguments(node):
            argument = known.get(str(child.path[-1]))
            if argument is None:
                yield self._unknown_key(child, node, {*known, *WIRING})
            else:
                yield from self.texts.value(child, argument)
        yield from self._missing(node, known)
        yield from wrong_padding(node, operator, rule.arguments)

    def _block(self, node: Located, rule: Rule, definition: Definition) -> Iterator[Diagnostic]:
        yield from self._single(node, rule, f"block `{rule.op}`")
        for child in _arguments(node):
            name = str(child.path[-1])
            option = definition.options.get(name)
            if name in CALL:
                yield from self.texts.value(child, SIZE)
            elif name in self.library.unreadable(definition):
                continue
            elif option is None:
                yield self._unknown_key(child, node, {*definition.options, *WIRING, *CALL})
            elif option.type == "slot":
                if not (isinstance(child.value, str) and child.value in self.definition.slots):
                    yield from self.naming.check(child, slot_place(definition, option))
            else:
                yield from self.texts.value(child, option)
        yield from self._missing(node, definition.options)

    def _unrepeated(self, node: Located, what: str) -> Iterator[Diagnostic]:
        repeat = node.child("repeat")
        if repeat is not None:
            message = f"only a block can be repeated, and {what} is an operator"
            yield error("E221", message, repeat.span("key"))

    def _unknown_key(self, child: Located, step: Located, known: Collection[str]) -> Diagnostic:
        help = KEYS.get(str(child.path[-1]))
        return unknown_key(child, self.wording.table(step.path), known, help)

    def _missing(
        self, node: Located, rules: Mapping[str, Argument] | Mapping[str, Option]
    ) -> Iterator[Diagnostic]:
        where, known = self.wording.table(node.path), (*rules, *WIRING)
        for name, rule in rules.items():
            if rule.required and meant_as(node, name, known) is None:
                yield missing_key(node, name, where, rule.help)

    def _offers(self, node: Located, rule: Rule, slot: Option) -> Iterator[Diagnostic]:
        """A step that is a slot: what is put there may have these arguments, or not."""
        repeat = node.child("repeat")
        if slot.slot == "operator" and repeat is not None:
            message = f"only a block can be repeated, and slot `{rule.op}` is for an operator"
            yield error("E221", message, repeat.span("key"))
        for child in _arguments(node):
            name, value = str(child.path[-1]), child.value
            if name in CALL:
                yield from self.texts.value(child, SIZE)
            elif isinstance(value, list):
                yield from self.texts.value(child, Argument("ints"))
            elif isinstance(value, str) and not value.isidentifier():
                # A word alone may be a choice of whatever is put there.
                yield from self.texts.expression(child, None)
            elif not isinstance(value, str | int | float | dict):
                message = f"`{name}` must be a value or a name, not {kind_of(value)}"
                yield error("E203", message, child.span())

    def _single(self, node: Located, rule: Rule, what: str) -> Iterator[Diagnostic]:
        if len(rule.inputs) != 1:
            message = f"{what} takes 1 input, but gets {len(rule.inputs)}"
            yield error("E221", message, self._wires(node))

    def _wires(self, node: Located) -> Span:
        """Where the inputs of a step are written, or would be."""
        given = node.child("from")
        op = node.child("op")
        assert op is not None
        return op.span() if given is None else given.span()


def _arguments(node: Located) -> list[Located]:
    return [child for key, child in node.value.items() if key not in WIRING]


def _at(node: Located, keys: tuple[str, ...]) -> Located | None:
    found: Located | None = node
    for key in keys:
        found = found.child(key) if found is not None else None
    return found
