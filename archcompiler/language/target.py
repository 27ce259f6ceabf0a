"""What a step of a block stands for, once the options of the block have values.

Lowering and printing ask the same question here: which operator or block a step is, and with which
arguments. With numbers the answer is exact, with symbols it is source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.language import symbol
from archcompiler.language.definition import NONE, Definition, Option, Rule
from archcompiler.language.expression import ExpressionError, parse_expression
from archcompiler.language.library import Library
from archcompiler.language.symbol import Symbol
from archcompiler.language.use import MissingOption, Reference, Use, bind, reference
from archcompiler.language.values import is_word, out_of_bounds
from archcompiler.ops import Argument, ArgumentError, Operator

NORM: Final = "norm"
ACT: Final = "act"
CALL: Final = ("channels", "stride")
"""Arguments of every call of a block."""
SIZE: Final = Argument("int", least=1)
"""What they are."""


@dataclass(frozen=True, eq=False)
class Dialect:
    """What the words of a block mean in one network."""

    library: Library
    dims: int
    norm: Reference
    activation: Reference
    meanings: dict[str, Reference] = field(init=False)

    def __post_init__(self) -> None:
        meanings = {NORM: self.norm, ACT: self.activation}
        object.__setattr__(self, "meanings", meanings)

    def kept(self, op: Operator) -> Operator | None:
        """What an operator is in this network; None for one that does nothing in inference."""
        return op if self.library.words is None else op.inference


class BlockTarget(NamedTuple):
    """A call of a block."""

    definition: Definition
    reference: Reference
    kind: str
    offered: Mapping[str, Any]
    channels: Any = None
    """Channels out; None for those of the input."""
    stride: Any = 1

    def use(
        self,
        cin: Any,
        library: Library,
        origin: SpecPath,
        c: Any = None,
        stride: Any = None,
    ) -> Use:
        """The block, called on a map of `cin` channels; `c` and `stride` stand for the call's."""
        channels = self.channels if c is None else c
        return bind(
            self.definition,
            self.kind,
            self.reference,
            self.offered,
            library=library,
            cin=cin,
            c=cin if channels is None else channels,
            stride=self.stride if stride is None else stride,
            origin=self.reference.origin or origin,
        )


class OperatorTarget(NamedTuple):
    """An operator with its arguments."""

    operator: type[Operator]
    arguments: Mapping[str, Any]

    def make(self, channels: tuple[Any, ...], dims: int) -> Operator:
        """The operator for inputs of these channels, which may be symbols."""
        return self.operator.make(channels, dims, **self.arguments)


Target = BlockTarget | OperatorTarget | None
"""None for an empty slot: the step hands its first input on."""


def named(name: str, library: Library) -> type[Operator] | Definition | None:
    """The operator or the block of a name; None if there is neither.

    Raises CompileError for one of an installed package that cannot be used.
    """
    return library.operator(name) or library.find(name)


def target(use: Use, rule: Rule, dialect: Dialect) -> Target:
    """What a step stands for.

    Raises ExpressionError, and MissingOption for an option that has to be given.
    """
    slot = use.definition.options.get(rule.op)
    if slot is not None and slot.type == "slot":
        given = use.slot(rule.op)
        if given.type in dialect.meanings:
            given = dialect.meanings[given.type]
        kind = slot.slot if slot.slot in ("unit", "mask") else "block"
    else:
        slot = None
        given = dialect.meanings.get(rule.op) or Reference(rule.op)
        kind = "block"
    if given.type == NONE:
        return None
    definition = named(given.type, dialect.library)
    if definition is None:
        raise ExpressionError(f"no block or operator is called `{given.type}`", 0, len(given.type))
    if not isinstance(definition, Definition):
        return OperatorTarget(definition, _operator_arguments(use, rule, definition, given, slot))
    offered = _block_arguments(use, rule, definition, given, slot)
    sizes = {name: _number(use, rule.arguments[name]) for name in CALL if name in rule.arguments}
    for name, value in sizes.items():
        _bounded(name, value, SIZE)
    if rule.repeat is not None:
        kind = "unit"
    channels, stride = sizes.get("channels"), sizes.get("stride", 1)
    return BlockTarget(definition, given, kind, offered, channels, stride)


def _operator_arguments(
    use: Use, rule: Rule, operator: type[Operator], given: Reference, slot: Option | None
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, value in rule.arguments.items():
        if name in operator.arguments and name not in given.options:
            _take(arguments, name, slot, partial(_argument, use, operator.arguments[name], value))
    for name, value in arguments.items():
        _bounded(name, value, operator.arguments[name])
    arguments.update(given.options)
    return arguments


def _block_arguments(
    use: Use, rule: Rule, definition: Definition, given: Reference, slot: Option | None
) -> dict[str, Any]:
    offered: dict[str, Any] = {}
    for name, value in rule.arguments.items():
        option = definition.options.get(name)
        if option is not None and (name not in given.options or option.type == "slot"):
            _take(offered, name, slot, partial(_option, use, option, value))
            _bounded(name, offered.get(name), option)
    return offered


def _bounded(name: str, value: Any, rule: Argument | Option) -> None:
    """Refuse a number that is computed too small or too large, and a word that cannot be.

    Raises ArgumentError.
    """
    if isinstance(value, str) and rule.type == "word":
        if value not in rule.choices if rule.choices else not is_word(value):
            raise ArgumentError(name, f"cannot be `{value}`")
        return
    for entry in value if isinstance(value, tuple) else (value,):
        if isinstance(entry, int | float) and not isinstance(entry, bool):
            message = out_of_bounds(entry, rule)
            if message is not None:
                raise ArgumentError(name, message)


def _take(found: dict[str, Any], name: str, slot: Option | None, value: Callable[[], Any]) -> None:
    try:
        found[name] = value()
    except MissingOption:
        # What is offered to a slot may be missing: perhaps whatever is in it does without.
        if slot is None:
            raise


def _argument(use: Use, argument: Argument, value: Any) -> Any:
    if argument.type == "word":
        return _word(use, value)
    if argument.type == "bool":
        return _truth(use, value)
    if isinstance(value, tuple | list):
        return tuple(_number(use, entry, whole=True) for entry in value)
    return _number(use, value, whole=argument.type != "float")


def _option(use: Use, option: Option, value: Any) -> Any:
    if option.type == "slot":
        if isinstance(value, str) and value in use.definition.slots:
            return use.slot(value)
        return reference(value, use.origin, option.default)
    if option.type == "word":
        return _word(use, value)
    if option.type == "bool":
        return _truth(use, value)
    return _number(use, value, whole=option.type == "int")


def _word(use: Use, value: Any) -> Any:
    """A word, or the word that an option of this name has."""
    option = use.definition.options.get(value)
    return use.number(value) if option is not None and option.type == "word" else value


def _truth(use: Use, value: Any) -> bool | Symbol:
    if isinstance(value, str):
        value = parse_expression(value).evaluate(use.names)
    if not isinstance(value, bool | Symbol):
        raise ExpressionError("true or false is needed", 0, 1)
    return value


def _number(use: Use, value: Any, *, whole: bool = True) -> Any:
    """A number or a symbol for one. Raises ExpressionError if it has to be whole and is not."""
    if isinstance(value, str):
        text = value
        value = parse_expression(text).evaluate(use.names, exact=whole)
        if isinstance(value, bool | str):
            raise ExpressionError("a number is needed", 0, len(text))
        if whole and isinstance(value, float):
            if not value.is_integer():
                raise ExpressionError(f"{value:g} is not a whole number", 0, len(text))
            value = int(value)
    return symbol.rounded(value) if whole and isinstance(value, Symbol) else value
