"""What lowering carries along: the meaning of words, the operator budget, blocks made so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcompiler.builder import BlockBuilder, Value
from archcompiler.config.path import SpecPath
from archcompiler.ir import Block, Problem, TensorType
from archcompiler.ir.kinds import UNITS
from archcompiler.language.definition import Rule, X
from archcompiler.language.expression import (
    Expression,
    ExpressionError,
    InexactDivision,
    parse_expression,
)
from archcompiler.language.target import BlockTarget, Dialect, OperatorTarget, target
from archcompiler.language.use import MissingOption, Use, frozen
from archcompiler.ops import ArgumentError, Operator, ShapeError

MAX_STEPS = 20_000
"""Different blocks and all of their steps, a unit or module of a row being one each.

Time and memory grow with these and not with operators: equal blocks are made once.
"""
MAX_NESTING = 40
"""A block that is called inside itself more often than this does not end."""


class TooLarge(Exception):
    """A spec asks for more than the stated bound; `wanted` is what was counted so far.

    The first of `origins` that is written in the spec is to blame.
    """

    def __init__(self, what: str, wanted: int, bound: int, *origins: SpecPath) -> None:
        super().__init__(what, wanted, bound, origins)
        self.what = what
        self.wanted = wanted
        self.bound = bound
        self.origins = origins


class EndlessBlocks(Exception):
    """Blocks call one another without end, or nearly so."""

    def __init__(self, message: str, origin: SpecPath) -> None:
        super().__init__(message, origin)
        self.message = message
        self.origin = origin


class Context:
    """Shared by the lowering of all scopes of one network."""

    def __init__(self, dialect: Dialect, max_operators: int) -> None:
        self.dialect = dialect
        self.max_operators = max_operators
        self._operators = 0
        self.made = 0
        """Steps so far."""
        self.named = 0
        """The same, had nothing been made before: a block that is there already counts again."""
        self._blocks: dict[tuple[Any, ...], Block] = {}
        self._steps_of: dict[Block, int] = {}
        self._nesting = 0

    def spend(self, operators: int, *origins: SpecPath) -> None:
        """Count operators before they are made. Raises TooLarge beyond the bound.

        Everything that a spec can ask for a number of passes here, wherever it is nested, so that
        what is made in all stays within the bound.
        """
        self._operators += operators
        if self._operators > self.max_operators:
            raise TooLarge("operators", self._operators, self.max_operators, *origins)

    def enter(self, steps: int, *origins: SpecPath) -> None:
        """Count steps before there is a list of them. Raises TooLarge beyond the bound."""
        self.made += steps
        self.named += steps
        if self.made > MAX_STEPS:
            raise TooLarge("different steps", self.made, MAX_STEPS, *origins)

    def repeat(
        self, block: BlockBuilder, name: str, count: int, body: Block, x: Value, origin: SpecPath
    ) -> Value:
        """Append `body`, which keeps its input's type, as steps `name1` to `name{count}`.

        The operators of one `body` are taken to have been spent when it was lowered.
        """
        self.enter(count, origin)
        self.spend((count - 1) * body.operator_count, origin)
        for i in range(1, count + 1):
            x = block.add(f"{name}{i}", body, x)
        return x

    def block(self, use: Use, input: TensorType) -> Block:
        """The scope of a block; equal ones are one."""
        key = (
            use.definition.name,
            use.definition.home,
            use.kind,
            frozen(use.given),
            input,
            use.c,
            use.stride,
            use.classes,
            use.origin,
        )
        if key in self._blocks:
            self.named += self._steps_of[self._blocks[key]]
            return self._blocks[key]
        before = self.named
        self._blocks[key] = block = self._lower(use, input)
        self._steps_of[block] = self.named - before
        return block

    def restart(self) -> None:
        """Count anew, for another network of the same blocks."""
        self.made = self.named = self._operators = 0

    def row(
        self,
        call: BlockTarget,
        input: TensorType,
        channels: list[int],
        *,
        origin: SpecPath,
        row_origin: SpecPath | None = None,
        count_origins: tuple[SpecPath, ...],
    ) -> Block:
        """A row of units, the first of which may have a stride.

        Their output channels are equal or change by equal steps.
        """
        builder = BlockBuilder(UNITS, input, origin=origin if row_origin is None else row_origin)
        x = builder.x
        made: tuple[object, Block] | None = None
        for i, c in enumerate(channels):
            wanted = x.type, c, 1 if i else call.stride
            if made is None or made[0] != wanted:
                use = call.use(x.type.channels, self.dialect.library, origin, *wanted[1:])
                unit = self.block(use, x.type)
                made = wanted, unit
                # Equal units are counted before the first of them is made.
                keeps = wanted[2] == 1 and unit.output_type == x.type
                count = len(channels) - i if keeps and channels[i] == channels[-1] else 1
                self.spend(count * unit.operator_count, *count_origins)
            elif count == 1:
                self.spend(unit.operator_count, *count_origins)
            x = builder.add(f"unit{i + 1}", unit, x)
        return builder.build(x)

    def _lower(self, use: Use, input: TensorType) -> Block:
        builder = BlockBuilder(
            use.kind,
            input,
            name=use.definition.name,
            options=use.values,
            use=use,
            origin=use.origin,
        )
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise EndlessBlocks("blocks that call one another without end", use.origin)
        try:
            block = builder.build(self._steps(builder, use))
        finally:
            self._nesting -= 1
        # To make a block takes time beside its steps, also where it has none.
        self.enter(1 + len(block.steps), use.origin)
        return block

    def _steps(self, builder: BlockBuilder, use: Use) -> Value:
        values = {X: builder.x}
        value = builder.x
        for rule in use.definition.steps:
            inputs = [values[name] for name in rule.inputs]
            try:
                if rule.when is not None and not _holds(use, rule):
                    value = values[rule.otherwise]
                else:
                    value = self._step(builder, use, rule, inputs)
            except (ExpressionError, MissingOption) as mistake:
                builder.problem(_problem(use, rule, mistake))
                value = inputs[0]
            except ArgumentError as mistake:
                builder.problem(_argument_problem(use, rule, mistake))
                value = inputs[0]
            values[rule.name] = value
        return value

    def _step(self, builder: BlockBuilder, use: Use, rule: Rule, inputs: list[Value]) -> Value:
        called = target(use, rule, self.dialect)
        origin = use.definition.place("steps", rule.name) or use.origin
        if called is None:
            return inputs[0]
        x = inputs[0].type
        if isinstance(called, OperatorTarget):
            op = self.dialect.kept(
                called.make(tuple(value.type.channels for value in inputs), x.dims)
            )
            kept = None if op is None else _plainest(op, tuple(value.type for value in inputs))
            if kept is None:
                return inputs[0]
            return builder.add(rule.name, kept, *inputs, origin=origin)
        if rule.repeat is not None:
            count = rule.repeat.evaluate(use.names)
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise ExpressionError(f"{count} is no number of blocks", 0, len(rule.repeat.text))
            origins = (*_count_origins(use, rule.repeat), origin)
            self.enter(count, *origins)
            channels = x.channels if called.channels is None else called.channels
            row = self.row(
                called,
                x,
                _same(channels, count),
                origin=called.reference.origin or origin,
                row_origin=origin,
                count_origins=origins,
            )
            return builder.add(rule.name, row, *inputs, origin=origin)
        block = self.block(called.use(x.channels, self.dialect.library, origin), x)
        return builder.add(rule.name, block, *inputs, origin=origin)


def _plainest(op: Operator, inputs: tuple[TensorType, ...]) -> Operator | None:
    """What does the same for these inputs; None where that is nothing, whatever their size.

    What they do not fit stays as it is, or nobody would see that they do not.
    """
    simplified = op.simplified
    if simplified is None and not op.keeps_size:
        return op
    if simplified is not op:
        try:
            op.shape(inputs)
        except ShapeError:
            return op
    return simplified


def _same(channels: int, count: int) -> list[int]:
    return [channels] * count


def _count_origins(use: Use, repeat: Expression) -> Iterator[SpecPath]:
    """Where the numbers may be set that say how often a step is repeated: here or further out."""
    outermost = 2 if use.origin[:1] == ("stages",) else 1
    numbers = {name: use.number(name) for name in sorted(_options_in(use, repeat.text))}
    for name in sorted(numbers, key=lambda name: -numbers[name]):
        for length in range(len(use.origin), outermost - 1, -1):
            yield (*use.origin[:length], name)


def _holds(use: Use, rule: Rule) -> bool:
    assert rule.when is not None
    value = rule.when.evaluate(use.names)
    if not isinstance(value, bool):
        raise ExpressionError("a condition is needed", 0, len(rule.when.text))
    return value


def _problem(use: Use, rule: Rule, mistake: ExpressionError | MissingOption) -> Problem:
    """What is wrong with one step, and which values of the spec may be to blame."""
    if isinstance(mistake, MissingOption):
        option = mistake.option
        help = use.definition.options[option].help if option in use.definition.options else ""
        return Problem(
            "E212",
            f"block `{mistake.use.definition.name}` needs `{option}`",
            (mistake.use.origin,),
            help=f"`{option}`: {help[:1].lower()}{help[1:]}" if help else None,
        )
    code = "E307" if isinstance(mistake, InexactDivision) else "E220"
    texts = _texts(rule)
    written = use.definition.origin is not None
    # What a step reads is wrong before the step is.
    own = [(use.definition.place("let", name), name) for name in use.definition.lets]
    own += [(use.definition.place("steps", rule.name, key), text) for key, text in texts]
    blamed = [path for path, text in own if written and _raises(use, text, mistake)]
    if blamed:
        return Problem(code, mistake.message, tuple(blamed), (mistake.start, mistake.end))
    return Problem(code, mistake.message, tuple(option_origins(use, rule)))


def _argument_problem(use: Use, rule: Rule, mistake: ArgumentError) -> Problem:
    """An operator that cannot have an argument, by the step or by what is in its slot."""
    places = [use.definition.place("steps", rule.name, mistake.argument)]
    if rule.op in use.definition.slots:
        slot = use.slot(rule.op)
        offered = mistake.argument in rule.arguments and mistake.argument not in slot.options
        places = [*(places if offered else ()), (*slot.origin, mistake.argument), slot.origin]
    places += [use.definition.place("steps", rule.name), use.origin]
    return Problem("E204", str(mistake), tuple(place for place in places if place))


def _raises(use: Use, text: str, mistake: ExpressionError) -> bool:
    try:
        parse_expression(text).evaluate(use.names)
    except ExpressionError as other:
        return other.message == mistake.message
    except MissingOption:
        return False
    return False


def _texts(rule: Rule) -> Iterator[tuple[str, str]]:
    for key, condition in (("when", rule.when), ("repeat", rule.repeat)):
        if condition is not None:
            yield key, condition.text
    for key, value in rule.arguments.items():
        if isinstance(value, str):
            yield key, value


def option_origins(use: Use, rule: Rule, only: str | None = None) -> Iterator[SpecPath]:
    """Where the options stand that a step depends on, and the channels that they do not fit."""
    names: set[str] = set()
    for key, text in _texts(rule):
        if only is None or key == only:
            names |= _options_in(use, text)
    for name in use.definition.options:
        if name in names:
            yield (*use.origin, name)
    if use.origin[:1] == ("stages",):
        yield (*use.origin[:2], "channels")
    yield use.origin


def _options_in(use: Use, text: str) -> set[str]:
    """Options that an expression reads, by way of lets as well."""
    try:
        names = {name for name, _, _ in parse_expression(text).names}
    except ExpressionError:
        return set()
    found = names & set(use.definition.options)
    for name in names & set(use.definition.lets):
        found |= _options_in(use, use.definition.lets[name].text)
    return found
