"""The options of a block, from how they are written."""

from __future__ import annotations

from math import isfinite
from typing import Any

from archcompiler.config.located import Located, meant_as
from archcompiler.diagnostics import error
from archcompiler.language.collecting import Collector, wrong_type
from archcompiler.language.definition import SIZES, WIRING, Option, OptionType, X
from archcompiler.language.values import is_word, no_word, unknown_choice

OPTION_TYPES = ("int", "float", "bool", "word", "slot")
"""What an option can be."""
SLOTS = ("unit", "mask", "block", "operator")
"""What a slot can be for."""
CALLED = ("channels", "in_channels", "num_classes")
"""Arguments that emitted classes have of their own."""
_OPTION_KEYS = ("type", "default", "least", "most", "choices", "slot", "help", "spare")
_TYPES: dict[type, OptionType] = {bool: "bool", int: "int", float: "float", str: "word"}


class OptionReader(Collector):
    """Reads `options`."""

    def options(self) -> dict[str, Option]:
        found: dict[str, Option] = {}
        for name, node in self.entries("options"):
            if name in (*SIZES, *WIRING, *CALLED, X, "type"):
                self.say("E205", f"an option cannot be called `{name}`", node.span("key"))
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
            self.problems.append(wrong_type(f"option `{name}`", node, "a value or a table"))
            return None
        self.known(node, _OPTION_KEYS, f"option `{name}`")
        plain = node.plain()
        default = plain.get("default")
        type_ = plain.get("type", "slot" if "slot" in plain else _TYPES.get(type(default)))
        if type_ not in OPTION_TYPES:
            slips = (meant_as(node, key, _OPTION_KEYS) for key in ("type", "default", "slot"))
            if type_ is not None or not any(slips):
                self._no_type(name, node, type_)
            return None
        if type_ not in ("word", "slot") and isinstance(default, str):
            child = node.child("default")
            assert child is not None
            default = self.expression(child)
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
            self.say("E202", message, node.span("table"), (known,), help)
        elif not isinstance(type_, str):
            self.problems.append(wrong_type("`type`", child, "a string"))
        else:
            self.problems.append(
                unknown_choice(f"option `{name}` has no type", type_, child.span(), OPTION_TYPES)
            )

    def _choices(self, node: Located) -> tuple[str, ...]:
        entries = self._entry(node, "choices", list, "an array of strings")
        if entries == []:
            child = node.child("choices")
            assert child is not None
            self.problems.append(
                error("E204", "`choices` must have at least one word", child.span())
            )
        entries = entries or ()
        for entry in entries:
            if not isinstance(entry.value, str):
                self.problems.append(wrong_type("an entry of `choices`", entry, "a string"))
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
            self.problems.append(wrong_type(f"`{key}`", child, expected))
            return None
        if isinstance(child.value, float) and not isfinite(child.value):
            # No number is less than nan, or more: it would bound nothing.
            self.problems.append(error("E204", f"`{key}` cannot be {child.value:g}", child.span()))
            return None
        return child.value
