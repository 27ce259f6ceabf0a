"""The steps of a block as lines of its class: constructors, calls, and under which condition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from archcompiler.backends.backend import Backend
from archcompiler.backends.record import TakenApart, Value
from archcompiler.emit.batch_norms import batch_norm, branch_of, folded_norm
from archcompiler.emit.constructor import constructor, reads
from archcompiler.emit.lines import Body, Call, Line, Part
from archcompiler.emit.plan import ClassPlan, ClassPlans
from archcompiler.ir import INPUT, Block
from archcompiler.language import symbol
from archcompiler.language.definition import Branch, Rule, X
from archcompiler.language.expression import Expression, ExpressionError
from archcompiler.language.symbol import Symbol
from archcompiler.language.target import BlockTarget, Dialect, OperatorTarget, target
from archcompiler.language.use import MissingOption, Use
from archcompiler.ops import ArgumentError, Operator


class Bodies:
    """Makes the lines of every class of one network."""

    def __init__(self, plans: ClassPlans, dialect: Dialect, backend: Backend) -> None:
        self.plans, self.dialect, self.backend = plans, dialect, backend
        self._used: dict[str, dict[str, Any]] = {plan.name: {} for plan in plans}
        self.bodies: dict[str, Body] = {}
        self._walked: list[ClassPlan] = []
        self._settle()

    def _settle(self) -> None:
        """Make every body, until no class has an argument that nothing in it reads.

        A class that calls itself is asked for its arguments while they are being found.
        """
        changed = True
        while changed:
            changed = False
            for plan in self.plans:
                body = self.bodies[plan.name] = self.body(plan)
                text = "\n".join(constructor(body, self.backend.frame.absent))
                used = {n: v for n, v in plan.arguments.items() if reads(text, n)}
                changed |= used != self._used[plan.name]
                self._used[plan.name] = used

    def body(self, plan: ClassPlan) -> Body:
        """The lines of one class, from its block run on symbols."""
        body, use = Body(), plan.symbolic()
        for name in use.definition.lets:
            value = use.names[name]
            if isinstance(value, Symbol) and not value.text.isidentifier():
                body.lets[name] = value.text
                use.names[name] = Symbol(name, whole=value.whole)
        alias, channels = {X: X}, {X: use.cin}
        name = X
        for rule in use.definition.steps:
            inputs = tuple(alias[i] for i in rule.inputs)
            condition = self._condition(plan, use, rule)
            line = None
            if condition is not False and not _empty(plan, rule):
                widths = tuple(channels[i] for i in inputs)
                if isinstance(condition, Symbol):
                    widths = tuple(symbol.assumed(w, condition, True) for w in widths)
                line = self._line(plan, use, rule, inputs, widths, channels, body)
            if line is None and isinstance(condition, Symbol):
                line = self._handed_on(rule, inputs[0], alias[rule.otherwise], channels)
            if line is None:
                alias[rule.name] = alias[rule.otherwise] if condition is False else inputs[0]
            else:
                alias[rule.name] = rule.name
                if isinstance(condition, Symbol):
                    other = alias[rule.otherwise]
                    line = _under(line, condition.text, other)
                    if not self._same_width(plan, rule):
                        given, instead = channels[rule.name], channels[other]
                        channels[rule.name] = symbol.choose(condition, given, instead)
                body.lines.append(line)
            name = alias[rule.name]
        body.output = name
        return body

    def _handed_on(
        self, rule: Rule, input: str, otherwise: str, channels: dict[str, Any]
    ) -> Line | None:
        """A step that does nothing where it is there, and stands for something else where not."""
        if input == otherwise:
            return None
        channels[rule.name] = channels[input]
        return Line(rule.name, (input,), lambda values: values[0], None)

    def _condition(self, plan: ClassPlan, use: Use, rule: Rule | Branch) -> bool | Symbol:
        """Whether a step or a branch is there; a symbol where that differs from use to use."""
        if rule.when is None:
            return True
        truths = {_there(u, rule) for u in plan.uses}
        if len(truths) == 1:
            return truths.pop()
        value: bool | Symbol = rule.when.evaluate(use.names)
        return value

    def _line(
        self,
        plan: ClassPlan,
        use: Use,
        rule: Rule,
        inputs: tuple[str, ...],
        widths: tuple[Any, ...],
        channels: dict[str, Any],
        body: Body,
    ) -> Line | None:
        called = target(use, rule, self.dialect)
        if called is None:
            return None
        if isinstance(called, OperatorTarget):
            written = called.make(widths, self.dialect.dims)
            op = self.dialect.kept(written)
            if op is None:
                return None
            channels[rule.name] = _out(plan, rule, op, widths)
            norm = batch_norm(use, rule, written, widths, self.dialect)
            fold = use.definition.folds.get(rule.name)
            if norm and (fold is None or self._condition(plan, use, fold.norm) is not False):
                body.batch_norms[rule.name] = norm
            after = use.definition.sum_folds.get(rule.name)
            if after and self._condition(plan, use, after.norm) is not False:
                body.sum_norms[rule.name] = folded_norm(use, after, widths, self.dialect)
            for branch in use.definition.branches.get(rule.name, ()):
                there = self._condition(plan, use, branch)
                if there is not False:
                    said, dilated = branch_of(use, branch, written, widths, self.dialect)
                    body.dilated |= dilated
                    condition = there.text if isinstance(there, Symbol) else None
                    body.branches.setdefault(rule.name, []).append((condition, said))
            return self._operator(rule.name, op, inputs, body, plan)
        inner = called.use(widths[0], self.dialect.library, ())
        channels[rule.name] = self._width(inner)
        module = self._block(called, inner, rule.repeat, use)
        if module is None:
            return None
        return Line(rule.name, inputs, self._called(rule.name), module, weighted=True)

    def _same_width(self, plan: ClassPlan, rule: Rule) -> bool:
        """Whether what stands for a step that is not there has the channels that it would give."""
        for use, block in zip(plan.uses, plan.blocks, strict=True):
            if _there(use, rule):
                continue
            widths = tuple(_given_width(use, block, name) for name in rule.inputs)
            try:
                called = target(use, rule, self.dialect)
            except (ArgumentError, ExpressionError, MissingOption):
                continue
            if isinstance(called, OperatorTarget):
                width = called.make(widths, self.dialect.dims).out(widths)
            else:
                width = widths[0] if called is None or called.channels is None else called.channels
            if width != _given_width(use, block, rule.otherwise):
                return False
        return True

    def _width(self, use: Use) -> Any:
        """Channels that a block gives: `c`, but where it gives something else, as a mask may."""
        plan = self.plans.find(use)
        outputs = [] if plan is None else zip(plan.uses, plan.shapes, strict=True)
        if plan is None or plan in self._walked or all(u.c == y.channels for u, (_, y) in outputs):
            return use.c
        self._walked.append(plan)
        widths = {X: use.cin}
        name = X
        for rule in use.definition.steps:
            inputs = tuple(widths[i] for i in rule.inputs)
            called = None
            if self._condition(plan, use, rule) is not False:
                called = None if _empty(plan, rule) else target(use, rule, self.dialect)
                widths[rule.name] = inputs[0]
            else:
                widths[rule.name] = widths[rule.otherwise]
            if isinstance(called, OperatorTarget):
                made = called.make(inputs, self.dialect.dims)
                widths[rule.name] = _out(plan, rule, made, inputs)
            elif called is not None:
                widths[rule.name] = self._width(called.use(inputs[0], self.dialect.library, ()))
            name = rule.name
        self._walked.remove(plan)
        return widths[name]

    def _operator(
        self, name: str, op: Operator, inputs: tuple[str, ...], body: Body, plan: ClassPlan
    ) -> Line:
        record, dims = self.backend.record(op), self.dialect.dims
        module = record.module(op, dims) if record.module is not None else None
        if module is None:
            op = _on_self(op, plan, body)
        helper = self.backend.helper(op, dims)
        if helper is not None:
            body.helpers[helper.name] = helper
        if plan.kind == "head" and module is not None and "num_classes" in module:
            body.classifiers.append((name, module))

        def call(values: Sequence[Value]) -> Value:
            attribute = f"self.{name}" if module else None
            return self.backend.expression(op, values, dims, module=attribute)

        part = None
        if record.parts is not None:
            part = self._part(op, record.parts, dims)
        return Line(
            name,
            inputs,
            call,
            module,
            weighted=op.role in ("conv", "linear"),
            comment=op.formula,
            part=part,
        )

    def _part(self, op: Any, whole: TakenApart, dims: int) -> Part | None:
        """The part that an operator takes; None of an unknown number of parts."""
        if not all(isinstance(number, int) for number in (op.index, op.of, op.count)):
            return None

        def parts(counts: Sequence[int], x: Value) -> Value:
            return Value(whole(counts, [self.backend.map(x, dims)], dims))

        return Part(op.index, op.of, op.count, parts)

    def _called(self, name: str) -> Call:
        """The call of a block, which takes maps."""

        def call(values: Sequence[Value]) -> Value:
            maps = (self.backend.map(value, self.dialect.dims) for value in values)
            return Value(f"self.{name}({', '.join(maps)})")

        return call

    def _block(
        self, called: BlockTarget, inner: Use, repeat: Expression | None, use: Use
    ) -> str | None:
        plan = self.plans.find(inner)
        if plan is None:
            return None
        if repeat is None:
            return self.construct(plan, inner)
        count = symbol.literal(repeat.evaluate(use.names))
        arguments = [self.factory(plan, inner), count, _text(inner.cin), _text(inner.c)]
        if inner.stride != 1:
            arguments.append(_text(inner.stride))
        return self.backend.frame.constructed(self.backend.frame.row, arguments)

    def construct(self, plan: ClassPlan, use: Use) -> str:
        """A call of a class, for a use that may have symbols."""
        arguments = [_text(use.cin)] if plan.changes_channels else []
        arguments.append(_text(use.c))
        if plan.has_stride and use.stride != 1:
            arguments.append(_text(use.stride))
        return self.backend.frame.constructed(plan.name, [*arguments, *self.options(plan, use)])

    def factory(self, plan: ClassPlan, use: Use) -> str:
        """What makes a unit of given channels and stride: its class, perhaps with options."""
        options = self.options(plan, use)
        return f"partial({plan.name}, {', '.join(options)})" if options else plan.name

    def options(self, plan: ClassPlan, use: Use) -> list[str]:
        """Arguments for the options of a class."""
        found = []
        for name, default in self.used(plan).items():
            value = use.number(name)
            if plan.changes_channels:
                if value != default:
                    found.append(f"{name}={_text(value)}")
            elif isinstance(value, Symbol) and not any("=" in a for a in found):
                found.append(_text(value))
            else:
                found.append(f"{name}={_text(value)}")
        return found

    def used(self, plan: ClassPlan) -> dict[str, Any]:
        """Options that the printed class has as arguments, with the values of its first use."""
        return self._used[plan.name]


def _on_self(op: Operator, plan: ClassPlan, body: Body) -> Operator:
    """An operator that `forward` calls: what it reads of `__init__` are attributes by then."""
    if not is_dataclass(op):
        return op
    names = {*_SIZES, *plan.arguments, *body.lets}
    steps = {rule.name for rule in plan.definition.steps}

    def attribute(match: re.Match[str]) -> str:
        name = match[0]
        if name not in names:
            return name
        kept = name
        while kept in steps:
            kept = f"given_{kept}"
        body.kept[kept] = name
        return f"self.{kept}"

    def moved(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(moved, value))
        if isinstance(value, Symbol):
            text = re.sub(r"(?<![\w.])[a-z_]\w*", attribute, value.text)
            return Symbol(text, value.level, value.whole)
        return value

    given = {f.name: getattr(op, f.name) for f in fields(op) if f.init}
    changed = {name: moved(value) for name, value in given.items()}
    return replace(op, **changed) if body.kept else op


_SIZES = ("in_channels", "channels", "stride", "num_classes", "dropout")
"""Arguments of a class that are no options of its block."""


def _out(plan: ClassPlan, rule: Rule, op: Operator, widths: tuple[Any, ...]) -> Any:
    """Channels that an operator gives. A sum or a product has those of the input with more than
    one, and whether `channels // 4` is one is not seen.
    """
    found = op.out(widths)
    if found not in widths or all(width == found for width in widths):
        return found
    there = [(u, b) for u, b in zip(plan.uses, plan.blocks, strict=True) if _there(u, rule)]

    def has_them(input: str) -> bool:
        return all(_given_width(u, b, input) == _given_width(u, b, rule.name) for u, b in there)

    if has_them(rule.inputs[widths.index(found)]):
        return found
    others = (width for name, width in zip(rule.inputs, widths, strict=True) if has_them(name))
    return next(others, symbol.apply("max", list(widths), whole=True))


def _given_width(use: Use, block: Block, name: str) -> int:
    """Channels of what a step's name stands for in one use."""
    there = {step.name for step in block.steps}
    rules = {rule.name: rule for rule in use.definition.steps}
    while name != X and name not in there:
        rule = rules[name]
        name = rule.inputs[0] if _there(use, rule) else rule.otherwise
    return block.type_of(INPUT if name == X else name).channels


def _there(use: Use, rule: Rule | Branch) -> bool:
    try:
        return rule.when is None or rule.when.evaluate(use.names) is True
    except (ExpressionError, MissingOption):
        return False


def _empty(plan: ClassPlan, rule: Rule) -> bool:
    """Whether a step is a row of blocks that has none in any use."""
    return rule.repeat is not None and not any(
        _count(use, rule) for use in plan.uses if _there(use, rule)
    )


def _count(use: Use, rule: Rule) -> int:
    assert rule.repeat is not None
    try:
        count: int = rule.repeat.evaluate(use.names)
    except (ExpressionError, MissingOption):
        return 0
    return count


def _under(line: Line, condition: str, otherwise: str) -> Line:
    return line._replace(condition=condition, otherwise=otherwise)


def _text(value: Any) -> str:
    return symbol.literal(value)
