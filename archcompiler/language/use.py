"""A block with values for its options: what lowering makes a scope of, and printing a class.

A *reference* is what a spec or a block puts into a slot. *Binding* gives every option of a block a
value: of the reference, else of what the caller offers, else by default. Numbers may be symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from archcompiler.config.path import SpecPath
from archcompiler.language import symbol
from archcompiler.language.definition import NONE, Definition, Option
from archcompiler.language.expression import Expression, ExpressionError
from archcompiler.language.library import Library
from archcompiler.language.symbol import Symbol

EMPTY: Final[Mapping[str, Any]] = {}
"""Read-only by its type: a `MappingProxyType` could not be pickled."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A block or an operator by name, with the options that are set where it is named."""

    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    origin: SpecPath = ()

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What it means, wherever it is written."""
        return self.type, frozen(self.options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def reference(value: Any, origin: SpecPath = (), default: Any = None) -> Reference:
    """What a spec says in a slot: a name, a table with a `type`, or changes to the `default`."""
    if isinstance(value, Reference):
        return value
    if value is None:
        value = default
    if isinstance(value, str):
        return Reference(value, EMPTY, origin)
    table = dict(value)
    if "type" not in table and default is not None:
        base = {"type": default} if isinstance(default, str) else dict(default)
        table = base | table
    return Reference(table.pop("type"), table, origin)


class MissingOption(Exception):
    """An option that has to be given was not."""

    def __init__(self, use: Use, option: str) -> None:
        super().__init__(option)
        self.use, self.option = use, option


class Names(dict[str, Any]):
    """Values by name for expressions, each computed when it is first read."""

    def __init__(self, use: Use) -> None:
        super().__init__(use.known)
        self.use = use

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.use.lazy or self._slot(name) is not None

    def __missing__(self, name: str) -> Any:
        slot = self._slot(name)
        if slot is not None:
            value = self.use.property(slot) if "." in name else self.use.slot(slot).type
        else:
            value = self.use.lazy[name]
        if isinstance(value, Expression):
            option = self.use.definition.options.get(name)
            text = value.text
            value = value.evaluate(self, exact=option is None or option.type != "float")
            if name in self.use.definition.lets:
                value = symbol.rounded(value)
                if _is_fraction(value) and self.use.definition.varies(name):
                    message = f"`let` names whole numbers, not {value:g}"
                    raise ExpressionError(message, 0, len(text))
        if value is None:
            raise MissingOption(self.use, name)
        self[name] = value
        return value

    def _slot(self, name: object) -> str | None:
        """The slot that `gate` or `gate.preactivation` is about."""
        front, _, property = str(name).partition(".")
        known = front in self.use.definition.slots and property in ("", "preactivation")
        return front if known else None


def _is_fraction(value: Any) -> bool:
    return isinstance(value, float) and not value.is_integer()


@dataclass(frozen=True, eq=False)
class Use:
    """A definition with its channels, stride and options."""

    definition: Definition
    kind: str
    """What it is in the network: `unit`, `mask`, `stem`, `head`, `attention` or `block`."""
    given: Mapping[str, Any]
    """Options that somebody set: numbers, symbols, words, truth values, references."""
    cin: Any
    c: Any
    library: Library
    stride: Any = 1
    classes: Any = None
    origin: SpecPath = ()

    def property(self, slot: str) -> bool:
        """Whether what is in a slot returns a bare sum."""
        definition = self.library.find(self.slot(slot).type)
        return definition is not None and definition.preactivation

    @cached_property
    def known(self) -> dict[str, Any]:
        sizes = {"c": self.c, "cin": self.cin, "stride": self.stride}
        if self.classes is not None:
            sizes["classes"] = self.classes
        return sizes | {k: v for k, v in self.given.items() if not isinstance(v, Reference)}

    @cached_property
    def lazy(self) -> dict[str, Any]:
        """Defaults, lets and properties of slots, which may depend on one another."""
        found: dict[str, Any] = dict(self.definition.lets)
        for option in self.definition.options.values():
            if option.name not in self.given and option.type != "slot":
                found[option.name] = option.default
        return found

    @cached_property
    def names(self) -> Names:
        """What an expression of the block may read."""
        return Names(self)

    def number(self, option: str) -> Any:
        """Value of an option that is no slot. Raises MissingOption, ExpressionError."""
        return self.names[option]

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every option with its default, slots by the name of what fills them.

        An option whose default cannot be told is left out: its reader reports it.
        """
        found: dict[str, Any] = {}
        for name in self.definition.options:
            with suppress(MissingOption, ExpressionError):
                found[name] = self.names[name]
        return found

    def slot(self, name: str) -> Reference:
        """What is in a slot. Raises MissingOption."""
        option = self.definition.options[name]
        value = self.given.get(name)
        if isinstance(value, Reference):
            return value
        if value is None and option.default is None:
            raise MissingOption(self, name)
        return reference(value, self.origin, option.default)


def frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, frozen(child)) for key, child in value.items()))
    if isinstance(value, list | tuple):
        return tuple(frozen(child) for child in value)
    if isinstance(value, Reference):
        return value.key
    if isinstance(value, Symbol):
        return value.text
    return type(value).__name__, value


def bind(
    definition: Definition,
    kind: str,
    given: Reference,
    offered: Mapping[str, Any],
    *,
    library: Library,
    cin: Any,
    c: Any,
    stride: Any = 1,
    classes: Any = None,
    origin: SpecPath = (),
) -> Use:
    """The use of a block by a reference; where that is silent, by what its caller offers."""
    values: dict[str, Any] = {}
    for name, option in definition.options.items():
        if name in given.options:
            values[name] = _value(option, given.options[name], (*given.origin, name), offered)
        elif name in offered:
            values[name] = offered[name]
    return Use(definition, kind, values, cin, c, library, stride, classes, origin)


def _value(option: Option, value: Any, origin: SpecPath, offered: Mapping[str, Any]) -> Any:
    if option.type != "slot":
        return value
    default = offered.get(option.name) or option.default
    if isinstance(default, Reference):
        default = {"type": default.type, **default.options}
    return reference(value, origin, default)


def is_empty(given: Reference) -> bool:
    return given.type == NONE
