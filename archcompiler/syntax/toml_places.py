"""The places in a TOML text, from tree-sitter."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from archcompiler.syntax.place import Clash, Place, Places, Range, Text, named

if TYPE_CHECKING:
    from tree_sitter import Node


def locate(text: str) -> Places:
    """Where everything in a TOML text is written, however broken the text is."""
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    walk = _Walk(Text(text))
    walk.document(Parser(Language(tree_sitter_toml.language())).parse(walk.text.data).root_node)
    return walk.places


class _Walk:
    """Follows TOML's rules on what a header or a dotted key may add to."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.places = Places(Place(text.first_line(), origin="header"))

    def document(self, document: Node) -> None:
        for node in named(document):
            if node.type == "pair":
                self._pair(self.places.root, node)
            elif node.type in ("table", "table_array_element"):
                self._table(node)

    def _table(self, node: Node) -> None:
        key, *pairs = named(node)
        closing = next((child for child in node.children if child.type in ("]", "]]")), key)
        header = self.text.range(node)[0], self.text.range(closing)[1]
        table = self._enter(self._names(key), header, many=node.type == "table_array_element")
        for pair in pairs:
            if pair.type == "pair":
                self._pair(table, pair)

    def _enter(self, names: list[tuple[str, Range]], header: Range, *, many: bool) -> Place:
        """The table a header opens; one apart from the tree if it must not open it."""
        table = self.places.root
        new = Place(header, names[-1][1], "header")
        for depth, (name, key) in enumerate(names[:-1], start=1):
            child = table.children.setdefault(name, Place(header, key, "implied"))
            if child.origin == "value":
                self._clash(names, depth, child)
                return new
            table = child.children[len(child.children) - 1] if child.origin == "headers" else child
        name, key = names[-1]
        before = table.children.get(name)
        if many and (before is None or before.origin == "headers"):
            array = table.children.setdefault(name, Place(header, key, "headers"))
            array.children[len(array.children)] = new
        elif before is None:
            table.children[name] = new
        elif before.origin == "implied" and not many:
            before.value, before.key, before.origin = new.value, new.key, new.origin
            return before
        else:
            self._clash(names, len(names), before)
        return new

    def _pair(self, table: Place, pair: Node) -> None:
        parts = list(named(pair))
        if len(parts) < 2:
            return
        names = self._names(parts[0])
        for depth, (name, key) in enumerate(names[:-1], start=1):
            child = table.children.setdefault(name, Place(key, key, "dotted"))
            if child.origin not in ("dotted", "implied"):
                self._clash(names, depth, child)
                return
            table = child
        name, key = names[-1]
        if name in table.children:
            self._clash(names, len(names), table.children[name])
        else:
            table.children[name] = self._value(parts[1], key)

    def _value(self, node: Node, key: Range | None = None) -> Place:
        place = Place(self.text.shown(node), key)
        if node.type == "array":
            place.children.update(
                (index, self._value(item)) for index, item in enumerate(named(node))
            )
        elif node.type == "inline_table":
            for pair in named(node):
                self._pair(place, pair)
        return place

    def _clash(self, names: list[tuple[str, Range]], depth: int, before: Place) -> None:
        again = names[0][1][0], names[depth - 1][1][1]
        name = ".".join(name for name, _ in names[:depth])
        self.places.clashes.append(Clash(name, again, before.key or before.value))

    def _names(self, key: Node) -> list[tuple[str, Range]]:
        """The names of a key, outermost first; a dotted key nests to the left."""
        names: list[tuple[str, Range]] = []
        while key.type == "dotted_key" and len(parts := list(named(key))) == 2:
            key, last = parts
            names.append((self._name(last), self.text.range(last)))
        names.append((self._name(key), self.text.range(key)))
        return names[::-1]

    def _name(self, key: Node) -> str:
        text = self.text.of(key)
        if key.type == "quoted_key":
            try:
                return next(iter(tomllib.loads(f"{text} = 0")))
            except tomllib.TOMLDecodeError:
                return text
        return text
