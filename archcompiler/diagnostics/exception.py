"""The one exception that carries diagnostics."""

from __future__ import annotations

from archcompiler.diagnostics.diagnostic import Diagnostic
from archcompiler.diagnostics.render import render


class CompileError(Exception):
    """A spec cannot be compiled. `str()` of it is the report a person would read."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics

    def __str__(self) -> str:
        return render(self.diagnostics, "text")
