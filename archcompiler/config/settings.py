"""`--set stages.1.modules=4`: one value of a spec or recipe, changed from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archcompiler.config.located import Located, locate
from archcompiler.diagnostics import CompileError, Source, Span, error
from archcompiler.syntax.document import Part
from archcompiler.syntax.limits import MAX_DEPTH, overstepped


@dataclass(frozen=True, slots=True)
class Setting:
    """The text of one `--set`, as a source that diagnostics can point into."""

    source: Source
    equals: int
    """Offset of the equals sign."""

    def span(self, path: Sequence[str | int], part: Part = "value") -> Span:
        """The value, also for what is inside it; of a table or key before it, that step."""
        text = self.source.text
        steps = text[: self.equals].split(".")
        if not path or len(path) > len(steps) or (part == "value" and len(path) == len(steps)):
            return Span(self.source, self.equals + 1, max(len(text), self.equals + 2))
        start = sum(len(step) + 1 for step in steps[: len(path) - 1])
        return Span(self.source, start, start + len(steps[len(path) - 1]))


def parse_setting(argument: str) -> Located:
    """`a.b.0=VALUE` as tables inside each other. VALUE is TOML; anything that is not is a string.

    Raises CompileError E209 without an equals sign, with an empty key, one nested too deep, or
    with bytes that are not UTF-8; E110 and E113 for a value that a file could not have either.
    """
    key, equals, text = argument.partition("=")
    source = Source("--set", argument, "toml")
    steps = [step.strip() for step in key.split(".")]

    def refuse(message: str, end: int, help: str | None = None) -> CompileError:
        return CompileError(error("E209", message, Span(source, 0, end), help=help))

    if any("\ud800" <= character <= "\udfff" for character in argument):
        # What the command line was given in bytes that are not UTF-8 arrives as surrogates.
        raise refuse("a setting must be UTF-8", len(argument))
    if not equals or not all(steps):
        example = "for example `--set stages.1.modules=4` or `--set attention.p=2`"
        raise refuse("a setting has the form `key.key=value`", len(argument), example)
    if len(steps) > MAX_DEPTH:
        raise refuse(f"nested more than {MAX_DEPTH} deep", len(key))
    setting = Setting(source, len(key))
    value = _value(text)
    if problems := overstepped(value, setting, tuple(steps)):
        raise CompileError(*problems)
    located = locate(value, setting, tuple(steps))
    for depth in range(len(steps) - 1, -1, -1):
        located = Located({steps[depth]: located}, setting, tuple(steps[:depth]))
    return located


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (RecursionError, ValueError):
        return text.strip()
    # A line break in the text could smuggle in further keys; then it is no single value.
    return parsed["value"] if len(parsed) == 1 else text.strip()
