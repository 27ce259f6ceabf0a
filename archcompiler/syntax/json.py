"""JSON: values from json, places from tree-sitter."""

from __future__ import annotations

import json
import re
from itertools import islice
from json import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final

from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.syntax.limits import MAX_REPORTS
from archcompiler.syntax.place import Clash, Place, Places, Text, named

if TYPE_CHECKING:
    from tree_sitter import Node

_KINDS: Final[dict[type, str]] = {
    list: "a list",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}
_CONSTANTS: Final = {"true": "true", "false": "false", "null": "null", "none": "null"}
_WORD: Final = re.compile(r"[A-Za-z]+")
_TRAILING: Final = "a comma with nothing after it"
_PLAIN: Final = {
    "Expecting property name": "expected a key in double quotes",
    "Expecting value": "expected a value",
    "Expecting ','": "expected `,` or a closing bracket",
    "Expecting ':'": "expected `:` after a key",
    "Extra data": "text after the end of the spec",
    "Illegal trailing comma": _TRAILING,
    "Invalid \\": "no such escape in a string",
    "Invalid control character": "a control character in a string",
    "Unterminated string": "the string does not end",
}


def load(source: Source) -> dict[str, Any]:
    """The values of a JSON text. Raises CompileError: E110, E111, E112."""
    has_duplicates = False

    def note_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal has_duplicates
        table = dict(pairs)
        has_duplicates |= len(table) < len(pairs)
        return table

    try:
        values = json.loads(source.text, object_pairs_hook=note_duplicates)
    except JSONDecodeError as exc:
        raise CompileError(_diagnose(source, exc.msg, exc.pos)) from None
    if has_duplicates:
        clashes = locate(source.text).clashes[:MAX_REPORTS]
        found = [clash.report(source) for clash in clashes]
        raise CompileError(*(found or [error("E111", f"duplicate key in `{source.name}`")]))
    if not isinstance(values, dict):
        raise CompileError(
            error(
                "E112",
                f"a spec is an object, and this is {_KINDS.get(type(values), 'null')}",
                Span(source, *locate(source.text).root.value),
            )
        )
    return values


def _diagnose(source: Source, what: str, offset: int) -> Diagnostic:
    text = source.text
    # The end is where the last line that says something ends, not an empty line below it.
    offset = min(offset, len(text.rstrip()))
    message, help = _explain(what, text[offset : offset + 20], text[:offset].rstrip()[-1:])
    word = _WORD.match(text, offset) if help is not None and help.startswith("write `") else None
    end = word.end() if word is not None else min(offset + 1, len(text))
    return error("E110", message, Span(source, offset, end), help=help)


def _explain(what: str, rest: str, before: str) -> tuple[str, str | None]:
    """The words of json made plainer where they can be, and the likely fix."""
    message = next((plain for start, plain in _PLAIN.items() if what.startswith(start)), what)
    word = rest.split(maxsplit=1)[0].rstrip(",]}").lower() if rest.strip() else ""
    if message == _TRAILING or (before == "," and rest[:1] in ("}", "]")):
        return _TRAILING, "leave the comma out"
    if message.startswith("a control character"):
        return message, "write it as an escape, such as \\n or \\t"
    if rest.startswith(("//", "/*", "#")):
        return message, "JSON has no comments; TOML has"
    if rest.startswith("'"):
        return message, "put strings in double quotes"
    if message == "expected a value" and word in _CONSTANTS:
        return message, f"write `{_CONSTANTS[word]}`, in lower case"
    return message[:1].lower() + message[1:], None


def locate(text: str) -> Places:
    """Where everything in a JSON text is written, however broken the text is."""
    import tree_sitter_json
    from tree_sitter import Language, Parser

    walk = _Walk(Text(text))
    tree = Parser(Language(tree_sitter_json.language())).parse(walk.text.data)
    for node in islice(named(tree.root_node), 1):
        walk.places.root.children = walk.value(node).children
    return walk.places


class _Walk:
    """Gathers the places of values, and the keys that an object has twice."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.places = Places(Place(text.first_line()))

    def value(self, node: Node) -> Place:
        place = Place(self.text.shown(node))
        if node.type == "array":
            place.children.update(
                (index, self.value(item)) for index, item in enumerate(named(node))
            )
        elif node.type == "object":
            for pair in named(node):
                self._pair(place, pair)
        return place

    def _pair(self, table: Place, pair: Node) -> None:
        parts = list(named(pair))
        if len(parts) != 2 or parts[0].type != "string":
            return
        name = self._name(parts[0])
        key = self.text.range(parts[0])
        before = table.children.get(name)
        if before is not None:
            self.places.clashes.append(Clash(name, key, before.key or before.value))
            return
        place = self.value(parts[1])
        place.key = key
        table.children[name] = place

    def _name(self, key: Node) -> str:
        text = self.text.of(key)
        try:
            return str(json.loads(text))
        except JSONDecodeError:
            return text
