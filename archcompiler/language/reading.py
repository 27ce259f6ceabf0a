"""From a table of a spec to a `Definition`, with every mistake of its form told at its place."""

from __future__ import annotations

import re
from typing import Any

from archcompiler.config.located import Located, meant_as
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.collecting import wrong_type
from archcompiler.language.definition import (
    SIZES,
    WIRING,
    Definition,
    Rule,
    X,
)
from archcompiler.language.expression import (
    Expression,
)
from archcompiler.language.options import CALLED, OptionReader
from archcompiler.language.values import unknown_key

_KEYS = (
    *("title", "source", "class_name", "preactivation", "channels", "stride"),
    *("options", "let", "steps"),
)


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
        return None, (wrong_type(f"block `{name}`", table, "a table"),)
    reading = _Reading(name, table, home, origin)
    return reading.definition(), tuple(reading.problems)


class _Reading(OptionReader):
    """Collects the mistakes of one table."""

    def __init__(self, name: str, table: Located, home: str, origin: SpecPath | None) -> None:
        super().__init__(table)
        self.name, self.home, self.origin = name, home, origin

    def definition(self) -> Definition:
        self.known(self.table, _KEYS, f"block `{self.name}`")
        options = self.options()
        lets = self._lets()
        steps = self._steps()
        words = {key: self._scalar(key, str, "a string") for key in ("title", "source")}
        class_name = self._scalar("class_name", str, "a string")
        if class_name and not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,63}", class_name):
            node = self.table.child("class_name")
            assert node is not None
            message = "`class_name` must be letters and digits, and start with a capital"
            self.say("E205", message, node.span())
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

    def _option_names(self) -> tuple[str, ...]:
        node = self.table.child("options")
        return tuple(node.value) if node is not None and isinstance(node.value, dict) else ()

    def _lets(self) -> dict[str, Expression]:
        found: dict[str, Expression] = {}
        for name, node in self.entries("let"):
            if name in (*SIZES, *CALLED, X) or name in self._option_names():
                what = "an option" if name in self._option_names() else "given"
                message = f"a named width cannot be called `{name}`: that is {what} already"
                self.say("E205", message, node.span("key"))
                continue
            expression = self.expression(node)
            if expression is not None:
                found[name] = expression
        return found

    def _steps(self) -> tuple[Rule, ...]:
        steps: list[Rule] = []
        names = [X]
        node = self.table.child("steps")
        if node is None and meant_as(self.table, "steps", _KEYS) is not None:
            return ()
        if node is None or not node.value:
            message = f"block `{self.name}` has no steps"
            where = self.table.span("table") if node is None else node.span()
            self.say("E202", message, where)
        entries = list(self.entries("steps"))
        node = self.table.child("steps")
        every = set(node.value) if node is not None and isinstance(node.value, dict) else set()
        # A step whose name is refused is told once, and not where it is read.
        names += every - {name for name, _ in entries}
        for name, step in entries:
            if name == X:
                self.say("E205", "a step cannot be called `x`: that is the input", step.span("key"))
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
            self.problems.append(wrong_type(f"step `{name}`", node, "a table", help))
            return None
        op = node.child("op")
        if op is None:
            slip = meant_as(node, "op", ("op",))
            if slip is not None:
                self.problems.append(unknown_key(slip, f"step `{name}`", ("op",)))
                return None
            self.say("E202", f"step `{name}` has no `op`", node.span("table"))
            return None
        if not isinstance(op.value, str):
            self.problems.append(wrong_type("`op`", op, "the name of an operator or a block"))
            return None
        inputs = self._inputs(node, before, every)
        when, repeat = (self._condition(node, key) for key in ("when", "repeat"))
        otherwise = inputs[0] if inputs else X
        if (other := node.child("else")) is not None:
            if when is None:
                self.say("E221", "`else` without a `when`", other.span("key"))
            otherwise = self._reads(other, before, every) or X
        arguments = {key: child.plain() for key, child in node.value.items() if key not in WIRING}
        return Rule(name, op.value, inputs, arguments, when, otherwise, repeat)

    def _inputs(self, node: Located, before: list[str], every: set[str]) -> tuple[str, ...]:
        given = node.child("from")
        if given is None:
            return (before[-1],)
        entries = given.value if isinstance(given.value, list) else [given]
        if not entries:
            self.say("E204", "`from` must name at least one step", given.span())
        return tuple(self._reads(entry, before, every) or X for entry in entries)

    def _reads(self, node: Located, before: list[str], every: set[str]) -> str | None:
        """The step that is read, which has to stand before."""
        name = node.value
        if not isinstance(name, str):
            self.problems.append(wrong_type("`from`", node, "the name of a step"))
            return None
        if name in before:
            return name
        if name in every:
            order = "steps are written in the order in which they are computed"
            self.say("E221", f"step `{name}` is not computed yet", node.span(), help=order)
            return None
        guess = did_you_mean(name, before)
        notes = () if guess else (f"before it: {', '.join(before)}",)
        help = f"did you mean `{guess}`?" if guess else None
        self.say("E221", f"no step is called `{name}`", node.span(), notes, help)
        return None

    def _condition(self, node: Located, key: str) -> Expression | None:
        child = node.child(key)
        return None if child is None else self.expression(child)

    def _number(self, key: str, most: int) -> int | None:
        value: int | None = self._scalar(key, int, "a whole number")
        if value is None or 1 <= value <= most:
            return value
        node = self.table.child(key)
        assert node is not None
        bound = f"at least 1, not {value:,}" if value < 1 else f"at most {most:,}, not {value:,}"
        self.say("E204", f"`{key}` must be {bound}", node.span())
        return None

    def _scalar(self, key: str, kind: type, expected: str) -> Any:
        node = self.table.child(key)
        if node is None:
            return None
        if not isinstance(node.value, kind) or (kind is int and isinstance(node.value, bool)):
            self.problems.append(wrong_type(f"`{key}`", node, expected))
            return None
        return node.value
