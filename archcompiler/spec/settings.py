"""`--set stages.1.modules=4`: one value of a spec, changed from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archcompiler.diagnostics import CompileError, error
from archcompiler.source import Source, Span
from archcompiler.spec.located import Located, locate
from archcompiler.syntax.document import Part


@dataclass(frozen=True, slots=True)
class Setting:
    """The text of one `--set`, as a source that diagnostics can point into."""

    source: Source
    equals: int
    """Offset of the equals sign."""

    def span(self, path: Sequence[str | int], part: Part = "value") -> Span:
        if part == "value":
            return Span(self.source, self.equals + 1, max(len(self.source.text), self.equals + 2))
        return Span(self.source, 0, self.equals)


def parse_setting(argument: str) -> Located:
    """`a.b.0=VALUE` as tables inside each other. VALUE is TOML; anything that is not is a string.

    Raises CompileError E209 without an equals sign or with an empty key.
    """
    key, equals, text = argument.partition("=")
    source = Source("--set", argument, "toml")
    steps = [step.strip() for step in key.split(".")]
    if not equals or not all(steps):
        raise CompileError(
            error(
                "E209",
                "a setting has the form `key.key=value`",
                Span(source, 0, len(argument)),
                help="for example `--set stages.1.modules=4` or `--set attention.p=2`",
            )
        )
    setting = Setting(source, len(key))
    located = locate(_value(text), setting, tuple(steps))
    for depth in range(len(steps) - 1, -1, -1):
        located = Located({steps[depth]: located}, setting, tuple(steps[:depth]))
    return located


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return text.strip()
    # A line break in the text could smuggle in further keys; then it is no single value.
    return parsed["value"] if len(parsed) == 1 else text.strip()
