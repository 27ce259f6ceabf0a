"""From a table of a spec to a `Definition`, with every mistake of its form told at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.config.path import SpecPath
from archcompiler.language.definition import (
    NONE,
    WIRING,
    X,
    Definition,
    Option,
    OptionType,
    Rule,
)
from archcompiler.language.expression import Expression, ExpressionError, parse_expression
from archcompiler.language.reserved import Part, reserved
from archcompiler.diagnostics import Span
from archcompiler.config.located import Located
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics.suggest import did_you_mean

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
MAX_STEPS = 200

_KEYS = (
    *("title", "source", "class_name", "preactivation", "channels", "stride"),
    *("options", "let", "steps"),
)
_OPTION_KEYS = ("type", "default", "least", "most", "choices", "slot", "help")
_TYPES: dict[type, OptionType] = {bool: "bool", int: "int", float: "float", str: "word"}


def read_definition(
    name: str, table: Located, home: str = "blocks", origin: SpecPath | None = None
) -> Definition:
    """The block called `name`. Raises CompileError with everything that is wrong with its form."""
    return _Reading(name, table, home, origin).definition()


class _Reading:
    """Collects the mistakes of one table."""

    def __init__(self, name: str, table: Located, home: str, origin: SpecPath | None) -> None:
        self.name, self.table, self.home, self.origin = name, table, home, origin
        self.problems: list[Diagnostic] = []

    def definition(self) -> Definition:
        table = self.table
        if not isinstance(table.value, dict):
            raise CompileError(_wrong(f"block `{self.name}`", table, "a table"))
        self._known(table, _KEYS, f"block `{self.name}`")
        options = self._options()
        lets = self._lets()
        steps = self._steps()
        words = {key: self._scalar(key, str, "a string") for key in ("title", "source")}
        class_name = self._scalar("class_name", str, "a string")
        if class_name and not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,63}", class_name):
            node = table.child("class_name")
            assert node is not None
            message = "`class_name` must be letters and digits, and start with a capital"
            self._say("E205", message, node.span())
        definition = Definition(
            name=self.name,
            steps=steps,
            options=options,
            lets=lets,
            title=words["title"] or "",
            source=words["source"] or "",
            own_class_name=class_name or "",
            preactivation=bool(self._scalar("preactivation", bool, "true or false")),
            channels=self._scalar("channels", int, "a whole number"),
            stride=self._scalar("stride", int, "a whole number"),
            home=self.home,
            origin=self.origin,
        )
        if self.problems:
            raise CompileError(*self.problems)
        return definition

    def _options(self) -> dict[str, Option]:
        found: dict[str, Option] = {}
        for name, node in self._entries("options"):
            if name in WIRING:
                self._say("E205", f"an option cannot be called `{name}`", node.span("key"))
                continue
            option = self._option(name, node)
            if option is not None:
                found[name] = option
        return found

    def _option(self, name: str, node: Located) -> Option | None:
        value = node.value
        if isinstance(value, list):
            self.problems.append(_wrong(f"option `{name}`", node, "a value or a table"))
            return None
        if not isinstance(value, dict):
            return Option(name, _TYPES[type(value)], value)
        self._known(node, _OPTION_KEYS, f"option `{name}`")
        plain = node.plain()
        default = plain.get("default")
        type_: Any = plain.get("type")
        if type_ is None:
            type_ = "slot" if "slot" in plain else _TYPES.get(type(default))
        if type_ not in ("int", "float", "bool", "word", "slot"):
            known = "`int`, `float`, `bool`, `word` or a `slot`"
            self._say("E202", f"option `{name}` needs a `type`: {known}", node.span())
            return None
        if isinstance(default, str) and type_ in ("int", "float", "bool"):
            child = node.child("default")
            assert child is not None
            default = self._expression(child)
        return Option(
            name,
            type_,
            default,
            plain.get("least"),
            plain.get("most"),
            tuple(plain.get("choices", ())),
            str(plain.get("slot", "block")),
            " ".join(str(plain.get("help", "")).split()),
        )

    def _lets(self) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for name, node in self._entries("let"):
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
            self._say("E204", f"a block has at most {MAX_STEPS} steps", entries[MAX_STEPS][1].span("key"))
            return ()
        every = {name for name, _ in entries}
        for name, step in entries:
            if name == X:
                self._say("E205", "a step cannot be called `x`: that is the input", step.span("key"))
                continue
            rule = self._step(name, step, names, every)
            if rule is not None:
                steps.append(rule)
            names.append(name)
        return tuple(steps)

    def _step(
        self, name: str, node: Located, before: list[str], every: set[str]
    ) -> Rule | None:
        if not isinstance(node.value, dict):
            help = f'write `{name} = {{ op = "{node.value}" }}`' if isinstance(node.value, str) else None
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
        arguments = {
            key: child.plain() for key, child in node.value.items() if key not in WIRING
        }
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
            help = "steps are written in the order in which they are computed"
            self._say("E221", f"step `{name}` is not computed yet", node.span(), help=help)
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

    def _entries(self, key: Part) -> Iterable[tuple[str, Located]]:
        node = self.table.child(key)
        if node is None:
            return
        if not isinstance(node.value, dict):
            self.problems.append(_wrong(f"`{key}`", node, "a table"))
            return
        for name, child in node.value.items():
            why: str | None = "it becomes an identifier in the emitted code"
            if IDENTIFIER.fullmatch(name) and len(name) <= 64:
                why = reserved(name, key)
            if why is None:
                yield name, child
            else:
                message = f"`{name}` cannot be a name in a block"
                self._say("E205", message, child.span("key"), (why,))

    def _known(self, node: Located, keys: tuple[str, ...], what: str) -> None:
        for key, child in node.value.items():
            if key not in keys:
                guess = did_you_mean(key, keys)
                notes = () if guess else (f"known: {', '.join(keys)}",)
                help = f"did you mean `{guess}`?" if guess else None
                self._say("E201", f"unknown key `{key}` in {what}", child.span("key"), notes, help)

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
    return error(code, mistake.message, columns(node, mistake.start, mistake.end), help=mistake.help)


def columns(node: Located, start: int, end: int) -> Span:
    """The columns of a string value in its file; the whole value where it is written otherwise."""
    span = node.span()
    text, value = span.text, node.value
    if isinstance(value, str) and text[1:-1] == value:
        return Span(span.source, span.start + 1 + start, span.start + 1 + max(end, start + 1))
    return span


def _wrong(what: str, node: Located, expected: str, help: str | None = None) -> Diagnostic:
    message = f"{what} must be {expected}, not {kind_of(node.value)}"
    return error("E203", message, node.span(), help=help)
