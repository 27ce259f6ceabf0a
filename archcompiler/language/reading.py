"""From a table of a spec to a `Definition`, with every mistake of its form told at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.definition import (
    SIZES,
    WIRING,
    Definition,
    Option,
    OptionType,
    Rule,
    X,
)
from archcompiler.language.expression import (
    Expression,
    ExpressionError,
    parse_expression,
)
from archcompiler.language.reserved import MODULE, is_reserved
from archcompiler.language.values import is_word, no_word, unknown_choice, unknown_key

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
MAX_STEPS = 200

_KEYS = (
    *("title", "source", "class_name", "preactivation", "channels", "stride"),
    *("options", "let", "steps"),
)
OPTION_TYPES = ("int", "float", "bool", "word", "slot")
"""What an option can be."""
SLOTS = ("unit", "mask", "block", "operator")
"""What a slot can be for."""
CALLED = ("channels", "in_channels", "num_classes")
"""Arguments that emitted classes have of their own."""
_OPTION_KEYS = ("type", "default", "least", "most", "choices", "slot", "help", "spare")
_TYPES: dict[type, OptionType] = {bool: "bool", int: "int", float: "float", str: "word"}


def read_definition(
    name: str, table: Located, home: str = "blocks", origin: SpecPath | None = None
) -> Definition:
    """The block called `name`. Raises CompileError with everything that is wrong with its form."""
    definition, problems = read_block(name, table, home, origin)
    if definition is None or problems:
        raise CompileError(*problems)
    return definition


def read_block(
    name: str, table: Located, home: str = "blocks", origin: SpecPath | None = None
) -> tuple[Definition | None, tuple[Diagnostic, ...]]:
    """What can be read of a block, None if it is no table, and what is wrong with its form."""
    if not isinstance(table.value, dict):
        return None, (_wrong(f"block `{name}`", table, "a table"),)
    reading = _Reading(name, table, home, origin)
    return reading.definition(), tuple(reading.problems)


class _Reading:
    """Collects the mistakes of one table."""

    def __init__(self, name: str, table: Located, home: str, origin: SpecPath | None) -> None:
        self.name, self.table, self.home, self.origin = name, table, home, origin
        self.problems: list[Diagnostic] = []

    def definition(self) -> Definition:
        self._known(self.table, _KEYS, f"block `{self.name}`")
        options = self._options()
        lets = self._lets()
        steps = self._steps()
        words = {key: self._scalar(key, str, "a string") for key in ("title", "source")}
        class_name = self._scalar("class_name", str, "a string")
        if class_name and not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,63}", class_name):
            node = self.table.child("class_name")
            assert node is not None
            message = "`class_name` must be letters and digits, and start with a capital"
            self._say("E205", message, node.span())
        return Definition(
            name=self.name,
            steps=steps,
            options=options,
            lets=lets,
            title=words["title"] or "",
            source=words["source"] or "",
            own_class_name=class_name or "",
            preactivation=bool(self._scalar("preactivation", bool, "true or false")),
            channels=self._number("channels", 65_536),
            stride=self._number("stride", 16),
            home=self.home,
            origin=self.origin,
        )

    def _options(self) -> dict[str, Option]:
        found: dict[str, Option] = {}
        for name, node in self._entries("options"):
            if name in (*SIZES, *WIRING, *CALLED, X, "type"):
                self._say("E205", f"an option cannot be called `{name}`", node.span("key"))
                continue
            option = self._option(name, node)
            if option is not None:
                found[name] = option
        return found

    def _option(self, name: str, node: Located) -> Option | None:
        value = node.value
        if not isinstance(value, dict):
            if type(value) in _TYPES:
                return Option(name, _TYPES[type(value)], value)
            self.problems.append(_wrong(f"option `{name}`", node, "a value or a table"))
            return None
        self._known(node, _OPTION_KEYS, f"option `{name}`")
        plain = node.plain()
        default = plain.get("default")
        type_ = plain.get("type", "slot" if "slot" in plain else _TYPES.get(type(default)))
        if type_ not in OPTION_TYPES:
            self._no_type(name, node, type_)
            return None
        if type_ not in ("word", "slot") and isinstance(default, str):
            child = node.child("default")
            assert child is not None
            default = self._expression(child)
        least, most = (self._entry(node, key, int | float, "a number") for key in ("least", "most"))
        return Option(
            name,
            type_,
            default,
            least,
            most,
            self._choices(node),
            self._slot(node),
            " ".join((self._entry(node, "help", str, "a string") or "").split()),
            bool(self._entry(node, "spare", bool, "true or false")),
        )

    def _no_type(self, name: str, node: Located, type_: object) -> None:
        known = f"known: {', '.join(OPTION_TYPES)}"
        child = node.child("type")
        if child is None:
            help = "give it a `default`, or a `type`"
            message = f"option `{name}` has neither a type nor a default"
            self._say("E202", message, node.span("table"), (known,), help)
        elif not isinstance(type_, str):
            self.problems.append(_wrong("`type`", child, "a string"))
        else:
            self.problems.append(
                unknown_choice(f"option `{name}` has no type", type_, child.span(), OPTION_TYPES)
            )

    def _choices(self, node: Located) -> tuple[str, ...]:
        entries = self._entry(node, "choices", list, "an array of strings") or ()
        for entry in entries:
            if not isinstance(entry.value, str):
                self.problems.append(_wrong("an entry of `choices`", entry, "a string"))
            elif not is_word(entry.value):
                self.problems.append(no_word("an entry of `choices`", entry.span()))
        return tuple(entry.value for entry in entries if isinstance(entry.value, str))

    def _slot(self, node: Located) -> str:
        kind = self._entry(node, "slot", str, "a string")
        if kind is not None and kind not in SLOTS:
            child = node.child("slot")
            assert child is not None
            self.problems.append(unknown_choice("`slot` cannot be", kind, child.span(), SLOTS))
        return kind if kind in SLOTS else "block"

    def _entry(self, node: Located, key: str, kind: Any, expected: str) -> Any:
        """The value of a key, None where it is not there or of another type."""
        child = node.child(key)
        if child is None:
            return None
        if not isinstance(child.value, kind) or (
            isinstance(child.value, bool) and kind is not bool
        ):
            self.problems.append(_wrong(f"`{key}`", child, expected))
            return None
        return child.value

    def _option_names(self) -> tuple[str, ...]:
        node = self.table.child("options")
        return tuple(node.value) if node is not None and isinstance(node.value, dict) else ()

    def _lets(self) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for name, node in self._entries("let"):
            if name in (*SIZES, *CALLED, X) or name in self._option_names():
                what = "an option" if name in self._option_names() else "given"
                message = f"a named width cannot be called `{name}`: that is {what} already"
                self._say("E205", message, node.span("key"))
                continue
            expression = self._expression(node)
            if expression is not None:
                found[name] = expression
        return found

    def _steps(self) -> tuple[Rule, ...]:
        steps: list[Rule] = []
        names = [X]
        node = self.table.child("steps")
        if node is None or not node.value:
            message = f"block `{self.name}` has no steps"
            where = self.table.span("table") if node is None else node.span()
            self._say("E202", message, where)
        entries = list(self._entries("steps"))
        if len(entries) > MAX_STEPS:
            self._say(
                "E204", f"a block has at most {MAX_STEPS} steps", entries[MAX_STEPS][1].span("key")
            )
            return ()
        node = self.table.child("steps")
        every = set(node.value) if node is not None and isinstance(node.value, dict) else set()
        # A step whose name is refused is told once, and not where it is read.
        names += every - {name for name, _ in entries}
        for name, step in entries:
            if name == X:
                self._say(
                    "E205", "a step cannot be called `x`: that is the input", step.span("key")
                )
                continue
            rule = self._step(name, step, names, every)
            if rule is not None:
                steps.append(rule)
            names.append(name)
        return tuple(steps)

    def _step(self, name: str, node: Located, before: list[str], every: set[str]) -> Rule | None:
        if not isinstance(node.value, dict):
            help = (
                f'write `{name} = {{ op = "{node.value}" }}`'
                if isinstance(node.value, str)
                else None
            )
            self.problems.append(_wrong(f"step `{name}`", node, "a table", help))
            return None
        op = node.child("op")
        if op is None:
            self._say("E202", f"step `{name}` has no `op`", node.span("table"))
            return None
        if not isinstance(op.value, str):
            self.problems.append(_wrong("`op`", op, "the name of an operator or a block"))
            return None
        inputs = self._inputs(node, before, every)
        when, repeat = (self._condition(node, key) for key in ("when", "repeat"))
        otherwise = inputs[0] if inputs else X
        if (other := node.child("else")) is not None:
            if when is None:
                self._say("E221", "`else` without a `when`", other.span("key"))
            otherwise = self._reads(other, before, every) or X
        arguments = {key: child.plain() for key, child in node.value.items() if key not in WIRING}
        return Rule(name, op.value, inputs, arguments, when, otherwise, repeat)

    def _inputs(self, node: Located, before: list[str], every: set[str]) -> tuple[str, ...]:
        given = node.child("from")
        if given is None:
            return (before[-1],)
        entries = given.value if isinstance(given.value, list) else [given]
        if not entries:
            self._say("E204", "`from` must name at least one step", given.span())
        return tuple(self._reads(entry, before, every) or X for entry in entries)

    def _reads(self, node: Located, before: list[str], every: set[str]) -> str | None:
        """The step that is read, which has to stand before."""
        name = node.value
        if not isinstance(name, str):
            self.problems.append(_wrong("`from`", node, "the name of a step"))
            return None
        if name in before:
            return name
        if name in every:
            order = "steps are written in the order in which they are computed"
            self._say("E221", f"step `{name}` is not computed yet", node.span(), help=order)
            return None
        guess = did_you_mean(name, before)
        notes = () if guess else (f"before it: {', '.join(before)}",)
        help = f"did you mean `{guess}`?" if guess else None
        self._say("E221", f"no step is called `{name}`", node.span(), notes, help)
        return None

    def _condition(self, node: Located, key: str) -> Expression | None:
        child = node.child(key)
        return None if child is None else self._expression(child)

    def _expression(self, node: Located) -> Expression | None:
        value = node.value
        if isinstance(value, bool | int | float):
            value = repr(value)
        if not isinstance(value, str):
            self.problems.append(_wrong(f"`{node.path[-1]}`", node, "a number or an expression"))
            return None
        try:
            return parse_expression(value)
        except ExpressionError as mistake:
            self.problems.append(at_columns(node, mistake))
            return None

    def _entries(self, key: str) -> Iterable[tuple[str, Located]]:
        node = self.table.child(key)
        if node is None:
            return
        if not isinstance(node.value, dict):
            self.problems.append(_wrong(f"`{key}`", node, "a table"))
            return
        for name, child in node.value.items():
            if IDENTIFIER.fullmatch(name) and len(name) <= 64 and not is_reserved(name):
                yield name, child
            else:
                message = f"`{name}` cannot be a name in a block"
                notes = ("it becomes an identifier in the emitted code",)
                if name in MODULE:
                    notes = ("modules of PyTorch have an attribute of that name",)
                self._say("E205", message, child.span("key"), notes)

    def _known(self, node: Located, keys: tuple[str, ...], what: str) -> None:
        for key, child in node.value.items():
            if key not in keys:
                self.problems.append(unknown_key(child, what, keys))

    def _number(self, key: str, most: int) -> int | None:
        value: int | None = self._scalar(key, int, "a whole number")
        if value is None or 1 <= value <= most:
            return value
        node = self.table.child(key)
        assert node is not None
        bound = f"at least 1, not {value:,}" if value < 1 else f"at most {most:,}, not {value:,}"
        self._say("E204", f"`{key}` must be {bound}", node.span())
        return None

    def _scalar(self, key: str, kind: type, expected: str) -> Any:
        node = self.table.child(key)
        if node is None:
            return None
        if not isinstance(node.value, kind) or (kind is int and isinstance(node.value, bool)):
            self.problems.append(_wrong(f"`{key}`", node, expected))
            return None
        return node.value

    def _say(
        self,
        code: str,
        message: str,
        span: Span,
        notes: Iterable[str] = (),
        help: str | None = None,
    ) -> None:
        self.problems.append(error(code, message, span, notes=notes, help=help))


def at_columns(node: Located, mistake: ExpressionError, code: str = "E220") -> Diagnostic:
    """A mistake in an expression, at the characters of it that are to blame."""
    return error(
        code, mistake.message, columns(node, mistake.start, mistake.end), help=mistake.help
    )


def columns(node: Located, start: int, end: int) -> Span:
    """The columns of a string value in its file; the whole value where it is written otherwise."""
    span = node.span()
    text, value = span.text, node.value
    # A setting has its text bare, a file in quotes.
    quotes = next((n for n in (0, 1) if text[n : len(text) - n] == value and value), None)
    if quotes is None or start >= len(value):
        return span
    at = span.start + quotes
    return Span(span.source, at + start, at + min(max(end, start + 1), len(value)))


def _wrong(what: str, node: Located, expected: str, help: str | None = None) -> Diagnostic:
    message = f"{what} must be {expected}, not {kind_of(node.value)}"
    return error("E203", message, node.span(), help=help)
