"""TOML: values from tomllib."""

from __future__ import annotations

import tomllib
from typing import Any

from archcompiler.diagnostics import CompileError, Source


def load(source: Source) -> dict[str, Any]:
    """The values of a TOML text. Raises CompileError: E110, E111."""
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as exc:
        from archcompiler.syntax.toml_mistakes import diagnose

        raise CompileError(diagnose(source, str(exc))) from None
