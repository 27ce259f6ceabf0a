"""Whether one written value is what an option of a block, or an argument of an operator, takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import isnan
from typing import Final

from archcompiler.config.located import Located
from archcompiler.config.problems import correction, kind_of
from archcompiler.diagnostics import Diagnostic, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.definition import Option
from archcompiler.ops.argument import Argument

EXPECTED: Final = {
    "int": "a whole number",
    "ints": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "word": "a string",
}
"""What each type of option is called."""
_KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "int": int,
    "ints": int,
    "float": (int, float),
    "bool": bool,
    "word": str,
}
LARGEST: Final = 1_000_000_000
"""Numbers beyond this are refused where a rule has no bound of its own."""


def wrong_value(
    node: Located, rule: Option | Argument, name: str | None = None
) -> Iterator[Diagnostic]:
    """What is wrong with the type, the choice or the size of a value: E203, E211, E204."""
    name = name or f"`{node.path[-1]}`"
    if rule.type == "ints" and isinstance(node.value, list):
        if not node.value:
            yield error("E204", f"{name} must have at least 1 entry", node.span())
        for entry in node.value:
            yield from _wrong(entry, rule, f"an entry of {name}")
        return
    yield from _wrong(node, rule, name)


def _wrong(node: Located, rule: Option | Argument, name: str) -> Iterator[Diagnostic]:
    value = node.value
    if not is_of(value, rule.type):
        expected = EXPECTED[rule.type]
        message = f"{name} must be {expected}, not {kind_of(value)}"
        yield error("E203", message, node.span(), help=correction(value, expected))
    elif isinstance(value, str):
        if not rule.choices and not is_word(value):
            yield no_word(name, node.span())
        elif rule.choices and value not in rule.choices:
            yield unknown_choice(f"{name} cannot be", value, node.span(), rule.choices)
    elif not isinstance(value, bool):
        wrong = out_of_bounds(value, rule)
        if wrong is not None:
            yield error("E204", f"{name} {wrong}", node.span())


def is_word(text: str) -> bool:
    """Whether an option can be this: it may become a part of a name in emitted code."""
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", text) is not None


def no_word(name: str, span: Span) -> Diagnostic:
    """E205 for what an option cannot be."""
    message = f"{name} must be a word: letters, digits, `_` and `-`, with a letter first"
    return error("E205", message, span)


def is_of(value: object, type_: str) -> bool:
    """Whether a value is of a type of option; true and false are no numbers."""
    return isinstance(value, _KINDS[type_]) and isinstance(value, bool) == (type_ == "bool")


def out_of_bounds(value: float, rule: Option | Argument) -> str | None:
    """`must be at least 1, not 0`; None for a number within the bounds."""
    most = LARGEST if rule.most is None else rule.most
    if isnan(value):
        return "cannot be nan"
    if rule.least is not None and value < rule.least:
        return f"must be at least {number(rule.least)}, not {number(value)}"
    if value > most:
        return f"must be at most {number(most)}, not {number(value)}"
    if value < -LARGEST:
        return f"must be at least {number(-LARGEST)}, not {number(value)}"
    return None


def number(value: float) -> str:
    """A number for a message: `65,537`, `0.5`, `1e+30`."""
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**20 else f"{value:g}"


def unknown_choice(what: str, word: str, span: Span, known: Iterable[str]) -> Diagnostic:
    """E211 for a word that is none of the known ones."""
    known = tuple(known)
    guess = did_you_mean(word, known)
    return error(
        "E211",
        f"{what} `{word}`",
        span,
        notes=() if guess else (f"known: {', '.join(known)}",),
        help=f"did you mean `{guess}`?" if guess else None,
    )


def unknown_key(
    node: Located, where: str, known: Iterable[str], help: str | None = None
) -> Diagnostic:
    """E201 for an entry `node` of the table that `where` names."""
    key, known = str(node.path[-1]), sorted(known)
    # What is there already cannot be what is meant.
    guess = None if help else did_you_mean(key, sorted({*known} - {*node.beside()}))
    if guess:
        help = f"did you mean `{guess}`?"
    return error(
        "E201",
        f"unknown key `{key}` in {where}",
        node.span("key"),
        notes=() if help else (f"known: {', '.join(known)}",),
        help=help,
    )


def missing_key(node: Located, key: str, where: str, about: str) -> Diagnostic:
    """E202 for a key that the table `node`, which `where` names, has to have."""
    help = f"`{key}`: {about[:1].lower()}{about[1:]}" if about else None
    return error("E202", f"missing key `{key}` in {where}", node.span("table"), help=help)
