"""A block as it is written: its options, its named widths and its steps."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.language.expression import Expression

OptionType = Literal["int", "float", "bool", "word", "slot"]

X: Final = "x"
"""What the steps of a block call its input."""
NONE: Final = "none"
"""What a slot holds that is left empty."""

SIZES: Final = ("c", "cin", "stride", "classes")
"""Numbers that a block is given: channels out and in, the stride, and, in a head, the classes."""
WIRING: Final = ("op", "from", "when", "else", "repeat")
"""Keys of a step that are no arguments."""


class Option(NamedTuple):
    """One option of a block."""

    name: str
    type: OptionType
    default: Any = None
    """A value, an `Expression` for one, or None where it has to be given."""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    slot: str = "block"
    """What a slot is for: `unit`, `mask`, `block` or `operator`."""
    help: str = ""
    spare: bool = False
    """Whether the emitted class has it as an argument only where a spec sets it."""

    @property
    def required(self) -> bool:
        return self.default is None

    @property
    def static(self) -> bool:
        """Whether it decides which class is emitted, instead of being an argument of the class."""
        return self.type in ("bool", "word", "slot")


class Rule(NamedTuple):
    """One step of a block, as written."""

    name: str
    op: str
    inputs: tuple[str, ...]
    arguments: Mapping[str, Any]
    """Numbers, truth values, words, arrays of numbers; expressions and names are strings."""
    when: Expression | None = None
    otherwise: str = X
    """What its name stands for where the condition does not hold."""
    repeat: Expression | None = None

    @property
    def condition(self) -> str | None:
        """The text of what has to hold for it to be there; None where it always is."""
        return None if self.when is None else self.when.text

    def reading(self, new: str, old: str) -> Rule:
        """The step that reads `new` in place of `old`."""
        inputs = tuple(new if name == old else name for name in self.inputs)
        otherwise = new if self.otherwise == old else self.otherwise
        return self._replace(inputs=inputs, otherwise=otherwise)


class Fold(NamedTuple):
    """A layer that has taken in the batch norm after it, both as they were written."""

    layer: Rule
    norm: Rule


class Branch(NamedTuple):
    """What a convolution has in its weights of another branch of a sum, as it was written: that of
    another convolution, or of the map that both get, through a batch norm or as it is.
    """

    layer: Rule | None
    norm: Rule | None
    when: Expression | None
    """Where it is there."""


@dataclass(frozen=True, eq=False)
class Definition:
    """A block. Made by `read_definition` from a table of a spec or of the library."""

    name: str
    steps: tuple[Rule, ...]
    options: Mapping[str, Option] = field(default_factory=dict)
    lets: Mapping[str, Expression] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    own_class_name: str = ""
    preactivation: bool = False
    """True if its output is a bare sum, so that whatever reads it has to normalise and activate."""
    channels: int | None = None
    stride: int | None = None
    """For stems: what they have where the spec names none."""
    home: str = "blocks"
    """The folder of the library that it stands in: what it is meant for."""
    origin: SpecPath | None = None
    """Where it is written in the spec; None for a block of the library."""
    folds: Mapping[str, Fold] = field(default_factory=dict)
    """For inference, the layers that have taken in a batch norm, by the names of their steps."""
    branches: Mapping[str, tuple[Branch, ...]] = field(default_factory=dict)
    """For inference, what convolutions have in of sums, by the names of their steps."""
    sum_folds: Mapping[str, Fold] = field(default_factory=dict)
    """Those of them that have taken in the batch norm after their sum, too."""

    @property
    def class_name(self) -> str:
        """The emitted class."""
        return self.own_class_name or "".join(
            word[:1].upper() + word[1:] for word in self.name.split("_")
        )

    @cached_property
    def slots(self) -> frozenset[str]:
        return frozenset(name for name, option in self.options.items() if option.type == "slot")

    def runs(self, rule: Rule, operators: Container[str]) -> bool:
        """Whether a step is one of these operators, and no slot of that name."""
        return rule.op in operators and rule.op not in self.slots

    def varies(self, name: str) -> bool:
        """Whether a number may be another in another call, and is a symbol in the emitted class."""
        if name in self.lets:
            return any(self.varies(inner) for inner, _, _ in self.lets[name].names)
        option = self.options.get(name)
        return name in SIZES if option is None else option.type in ("int", "float")

    @cached_property
    def reads(self) -> frozenset[str]:
        """Names that its expressions and arguments mention."""
        found: set[str] = set()
        for expression in self.lets.values():
            found.update(name for name, _, _ in expression.names)
        for rule in self.steps:
            for condition in (rule.when, rule.repeat):
                if condition is not None:
                    found.update(name for name, _, _ in condition.names)
            for value in rule.arguments.values():
                for text in value if isinstance(value, tuple) else (value,):
                    if isinstance(text, str):
                        found.update(_words(text))
        return frozenset(found)

    def place(self, *keys: str) -> SpecPath:
        """Path of a part of it in the spec; () for a block of the library."""
        return () if self.origin is None else (*self.origin, *keys)


def _words(text: str) -> set[str]:
    from archcompiler.language.expression import ExpressionError, parse_expression

    try:
        return {name for name, _, _ in parse_expression(text).names}
    except ExpressionError:
        return set()
