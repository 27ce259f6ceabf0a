"""Values that remember where they were written, and the one rule by which layers of them merge."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any, Final, NamedTuple

from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.syntax.document import Document, Part, Written

_NAMING: Final = ("type", "op")
"""Keys that say what a table is an option list of."""
_LOOKED_AT: Final = 100
"""Unknown keys of a table that may be slips: a guess takes time, and a table may be anyone's."""


class Located(NamedTuple):
    """A value, and the text and path it comes from. Tables and arrays hold located values."""

    value: Any
    text: Written
    path: SpecPath

    def span(self, part: Part = "value") -> Span:
        return self.text.span(self.path, part)

    def child(self, step: str | int) -> Located | None:
        """The entry of a table or array, or None."""
        match self.value:
            case dict() if step in self.value:
                found: Located = self.value[step]
                return found
            case list() if isinstance(step, int) and 0 <= step < len(self.value):
                entry: Located = self.value[step]
                return entry
        return None

    def beside(self) -> Collection[str]:
        """Keys of the table that an entry is written in, without those that are merged into it."""
        table: Any = self.text.values if isinstance(self.text, Document) else None
        for step in self.path[:-1]:
            try:
                table = table[step]
            except (IndexError, KeyError, TypeError):  # of a table that is made, not written
                return ()
        return table.keys() if isinstance(table, dict) else ()

    def nearest(self, path: SpecPath, part: Part = "value") -> Span:
        """Where the value at `path` is written; if it is a default, where it would be."""
        node = self
        for step in path:
            child = node.child(step)
            if child is None:
                return node.span("table")
            node = child
        return node.span(part)

    def plain(self) -> Any:
        """The bare values, with tuples for arrays (models are frozen)."""
        match self.value:
            case dict():
                return {key: child.plain() for key, child in self.value.items()}
            case list():
                return tuple(child.plain() for child in self.value)
        return self.value


def meant_as(table: Located, key: str, known: Collection[str]) -> Located | None:
    """The entry `key` of a table, or the one whose unknown key was probably meant to be it.

    That is told as an unknown key; that `key` is missing would be the same mistake again.
    """
    names = table.value if isinstance(table.value, dict) else ()
    unknown = islice((name for name in names if name not in known), _LOOKED_AT)
    slips = (name for name in unknown if did_you_mean(name, known) == key)
    return table.child(key) or table.child(next(slips, key))


def locate(value: Any, text: Written, path: SpecPath = ()) -> Located:
    """Wrap every value of a document."""
    match value:
        case dict():
            value = {key: locate(child, text, (*path, key)) for key, child in value.items()}
        case list():
            value = [locate(child, text, (*path, i)) for i, child in enumerate(value)]
    return Located(value, text, path)


def merge(base: Located, over: Located) -> Located:
    """`over` laid upon `base`:

    - a table onto a table goes key by key, unless its `type` or `op` is another one: then it
      replaces it;
    - a table onto an array changes entries: its keys are their numbers, counted from 0;
    - a table onto a word changes the options of the type that the word names;
    - anything else replaces what was there.

    Raises CompileError E210 for entries that an array does not have.
    """
    if not isinstance(over.value, dict):
        return over
    if isinstance(base.value, str):
        base = Located({"type": base}, base.text, base.path)
    if isinstance(base.value, list) and over.value:
        return _merge_entries(base, over)
    if not isinstance(base.value, dict) or _is_another(base, over):
        return over
    merged = dict(base.value)
    for key, child in over.value.items():
        merged[key] = merge(merged[key], child) if key in merged else child
    # A setting of one key is not the place of another that is missing.
    where = over if isinstance(over.text, Document) else base
    return Located(merged, where.text, where.path)


def _is_another(base: Located, over: Located) -> bool:
    """Whether `over` says that it is something else, so that the options of `base` mean nothing."""
    for key in _NAMING:
        old, new = base.child(key), over.child(key)
        if new is not None and (old is None or old.value != new.value):
            return True
    return False


def _merge_entries(base: Located, over: Located) -> Located:
    entries = dict(enumerate(base.value))
    numbers = {str(index): index for index in entries}
    problems = [
        _no_entry(base, key, child) for key, child in over.value.items() if key not in numbers
    ]
    if problems:
        raise CompileError(*problems)
    for key, child in over.value.items():
        entries[numbers[key]] = merge(entries[numbers[key]], child)
    return Located(list(entries.values()), base.text, base.path)


def _no_entry(array: Located, key: str, child: Located) -> Diagnostic:
    last = len(array.value) - 1
    entries = (
        "it has none" if last < 0 else "it has only 0" if last == 0 else f"they are 0 to {last}"
    )
    return error(
        "E210",
        f"`{array.path[-1]}` has no entry `{key}`",
        child.span("key"),
        notes=(f"a table changes entries of an array by their numbers: {entries}",),
    )
