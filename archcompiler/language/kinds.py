"""What an expression gives, a number, a truth value or a word, told without its values."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.expression import Expression

Kind = Literal["number", "truth", "word"]

WORDS: Final[dict[str, str]] = {
    "number": "a number",
    "truth": "true or false",
    "word": "a word",
}


@dataclass(frozen=True, slots=True)
class Name:
    """What is known of a name: its kind, and of a word which ones it can be."""

    kind: Kind | None = None
    """None where only the use of a block can tell."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with the columns from `start` to `end` of an expression."""

    message: str
    start: int
    end: int
    notes: tuple[str, ...] = ()
    help: str | None = None


def mistakes(expression: Expression, names: Mapping[str, Name], wanted: Kind) -> list[Mistake]:
    """Unknown names, and values that are not of the kind that their place wants."""
    checker = _Checker(names)
    checker.wants(expression.tree, wanted)
    return checker.found


def kind_of_expression(expression: Expression, names: Mapping[str, Name]) -> Kind | None:
    """What it gives; None if that cannot be told."""
    return _Checker(names).kind(expression.tree)


class _Checker:
    def __init__(self, names: Mapping[str, Name]) -> None:
        self.names = names
        self.found: list[Mistake] = []

    def wants(self, node: ast.expr, wanted: Kind) -> None:
        """Check a part, and that it is of a kind."""
        before = len(self.found)
        kind = self.kind(node)
        # What is wrong inside of a part is the cause of what is wrong with the whole.
        if kind is not None and kind != wanted and len(self.found) == before:
            what = WORDS[kind]
            if kind == "word":
                what = f"the word `{ast.unparse(node)}`".replace("'", "")
            self._say(node, f"{WORDS[wanted]} is needed, not {what}")

    def kind(self, node: ast.expr) -> Kind | None:
        match node:
            case ast.Constant(value=bool()):
                return "truth"
            case ast.Constant(value=str()):
                return "word"
            case ast.Constant():
                return "number"
            case ast.Name() | ast.Attribute():
                return self._named(node).kind
            case ast.BinOp(left=left, right=right):
                self.wants(left, "number")
                self.wants(right, "number")
                return "number"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.wants(operand, "truth")
                return "truth"
            case ast.UnaryOp(operand=operand):
                self.wants(operand, "number")
                return "number"
            case ast.BoolOp(values=values):
                before = len(self.found)
                for value in values:
                    if len(self.found) == before:
                        self.wants(value, "truth")
                return "truth"
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                for op, a, b in zip(ops, [left, *comparators], comparators, strict=False):
                    self._compared(op, a, b)
                return "truth"
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.wants(test, "truth")
                kind = self.kind(body)
                if kind is None:
                    return self.kind(orelse)
                self.wants(orelse, kind)
                return kind
            case ast.Call(args=args):
                for argument in args:
                    self.wants(argument, "number")
                return "number"
        return None

    def _compared(self, op: ast.cmpop, a: ast.expr, b: ast.expr) -> None:
        if not isinstance(op, ast.Eq | ast.NotEq):
            self.wants(a, "number")
            self.wants(b, "number")
            return
        kind = self.kind(a)
        if kind is None:
            self.kind(b)
            return
        self.wants(b, kind)
        if kind == "word":
            self._choice(a, b)
            self._choice(b, a)

    def _choice(self, name: ast.expr, word: ast.expr) -> None:
        """A word that a name is compared with has to be one that it can be."""
        if not (isinstance(name, ast.Name | ast.Attribute) and isinstance(word, ast.Constant)):
            return
        choices = self.names.get(ast.unparse(name), Name()).choices
        if choices and word.value not in choices:
            guess = did_you_mean(str(word.value), choices)
            self._say(
                word,
                f"`{ast.unparse(name)}` is never `{word.value!s}`",
                () if guess else (f"known: {', '.join(choices)}",),
                f"did you mean `{guess}`?" if guess else None,
            )

    def _named(self, node: ast.expr) -> Name:
        name = ast.unparse(node)
        if name in self.names:
            return self.names[name]
        guess = did_you_mean(name, self.names)
        known = ", ".join(known for known in self.names if "." not in known)
        self._say(
            node,
            f"nothing is called `{name}` here",
            () if guess else (f"known: {known}",),
            f"did you mean `{guess}`?" if guess else None,
        )
        return Name()

    def _say(
        self, node: ast.expr, message: str, notes: tuple[str, ...] = (), help: str | None = None
    ) -> None:
        end = node.end_col_offset or node.col_offset + 1
        mistake = Mistake(message, node.col_offset, end, notes, help)
        if mistake not in self.found:
            self.found.append(mistake)
