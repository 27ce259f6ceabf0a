"""Expressions, words and names of options, wherever a block has them as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archcompiler.config.located import Located
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics import Diagnostic, error
from archcompiler.language.collecting import columns
from archcompiler.language.definition import Definition, Option
from archcompiler.language.expression import (
    Expression,
    ExpressionError,
    InexactDivision,
    parse_expression,
)
from archcompiler.language.kinds import Kind, Name, kind_of_expression, mistakes
from archcompiler.language.values import (
    EXPECTED,
    is_of,
    out_of_bounds,
    unknown_choice,
    wrong_value,
)
from archcompiler.ops.argument import Argument


class Texts:
    """Checks values by the names that a block has."""

    def __init__(self, definition: Definition, table: Located) -> None:
        self.definition = definition
        self.names = self._names(table)

    def _names(self, table: Located) -> Mapping[str, Name]:
        """What an expression can read; also what the form of the block left out of it."""
        names = {name: Name("number") for name in ("c", "cin", "stride", "classes")}
        for key in ("options", "let"):
            node = table.child(key)
            for name in node.value if node is not None and isinstance(node.value, dict) else ():
                names[name] = Name()
        kinds: dict[str, Kind] = {"int": "number", "float": "number", "bool": "truth"}
        for name, option in self.definition.options.items():
            names[name] = Name(kinds.get(option.type, "word"), option.choices)
            if option.type == "slot":
                names[f"{name}.preactivation"] = Name("truth")
        for name, expression in self.definition.lets.items():
            names[name] = Name(kind_of_expression(expression, names))
        return names

    def value(
        self, node: Located, rule: Argument | Option, what: str | None = None
    ) -> Iterator[Diagnostic]:
        """A value, an expression or the name of an option, for an argument of a call."""
        value = node.value
        what = what or f"`{node.path[-1]}`"
        if rule.type == "word":
            option = self.definition.options.get(value) if isinstance(value, str) else None
            if option is None or option.type != "word":
                yield from wrong_value(node, rule)
                return
            strange = [c for c in option.choices if rule.choices and c not in rule.choices]
            if strange:
                what = f"option `{value}` may be a word that `{node.path[-1]}` cannot be:"
                yield unknown_choice(what, strange[0], node.span(), rule.choices)
        elif isinstance(value, list) and rule.type == "ints":
            if not value:
                yield from wrong_value(node, rule)
            for entry in value:
                bounds = Argument("int", least=rule.least, most=rule.most)
                yield from self.value(entry, bounds, f"an entry of {what}")
        elif isinstance(value, str):
            kind: Kind = "truth" if rule.type == "bool" else "number"
            yield from self.expression(node, kind, rule, what)
        elif not is_of(value, rule.type) and isinstance(value, bool | dict | list | None):
            message = f"{what} must be {EXPECTED[rule.type]} or an expression"
            yield error("E203", f"{message}, not {kind_of(value)}", node.span())
        else:
            yield from wrong_value(node, rule, what)

    def expression(
        self,
        node: Located,
        wanted: Kind | None,
        rule: Argument | Option | None = None,
        what: str = "",
    ) -> Iterator[Diagnostic]:
        """What is wrong with a text as an expression; with a `rule`, also its bounds."""
        text = repr(node.value) if isinstance(node.value, bool | int | float) else node.value
        if not isinstance(text, str):
            return
        try:
            expression = parse_expression(text)
        except ExpressionError as problem:
            span = columns(node, problem.start, problem.end)
            yield error("E220", problem.message, span, help=problem.help)
            return
        kind = wanted or kind_of_expression(expression, self.names)
        wrong = mistakes(expression, self.names, kind or "number")
        for found in wrong:
            span = columns(node, found.start, found.end)
            yield error("E220", found.message, span, notes=found.notes, help=found.help)
        if rule is not None and not wrong and not any(expression.names):
            yield from _constant(node, expression, rule, what)


def _constant(
    node: Located, expression: Expression, rule: Argument | Option, what: str
) -> Iterator[Diagnostic]:
    """The bounds of an expression that reads no name."""
    try:
        value = expression.evaluate({}, exact=rule.type != "float")
    except ExpressionError as problem:
        code = "E307" if isinstance(problem, InexactDivision) else "E220"
        yield error(code, problem.message, columns(node, problem.start, problem.end))
        return
    if isinstance(value, int | float) and not isinstance(value, bool):
        message = out_of_bounds(value, rule)
        if message is not None:
            yield error("E204", f"{what} {message}", node.span())
