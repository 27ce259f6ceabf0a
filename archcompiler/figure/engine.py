"""The `dot` that lays out and renders: of the graphviz-pure wheel, or of the system."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from archcompiler.diagnostics import CompileError, error

INSTALL = "`pip install graphviz-pure`, or Graphviz itself from https://graphviz.org/download"


OWN_FONTS = ("Helvetica", "Helvetica-Bold")
"""Of graphviz-pure, which knows no lists of fonts."""
SYSTEM_FONTS = ("Helvetica,Arial,Liberation Sans", "Helvetica,Arial,Liberation Sans Bold")
"""Pango takes the first that is there; Helvetica alone would become some wider sans serif."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A program that understands DOT."""

    path: Path

    @property
    def fonts(self) -> tuple[str, str]:
        """Regular and bold, with Helvetica's metrics: the layout was made with those."""
        return OWN_FONTS if self.path == _from_wheel() else SYSTEM_FONTS

    def render(self, source: str, format: str, engine: str = "dot") -> bytes:
        """What the program makes of a source. Raises CompileError E602."""
        import graphviz
        from graphviz.backend import dot_command

        # The package runs whatever stands here; asking it for a version would fail on the wheel's.
        dot_command.DOT_BINARY = self.path
        try:
            result: bytes = graphviz.Source(source).pipe(format, engine=engine, quiet=True)
        except (graphviz.ExecutableNotFound, graphviz.CalledProcessError, OSError) as exc:
            reason = str(exc).splitlines()[0]
            raise CompileError(
                error("E602", f"`{self.path}` cannot render {format}: {reason}")
            ) from None
        return result


def find_dot(path: Path | None = None) -> Dot | None:
    """The program to use: the one asked for, the wheel's, the system's. None if there is none."""
    found = path or _from_wheel() or _from_system()
    return Dot(found) if found else None


@cache
def _from_wheel() -> Path | None:
    try:
        listed = files("graphviz-pure") or []
    except PackageNotFoundError:
        return None
    for file in listed:
        if file.stem == "graphviz-pure" and file.suffix in ("", ".exe"):
            found = Path(str(file.locate())).resolve()
            if found.is_file():
                return found
    return None


@cache
def _from_system() -> Path | None:
    found = shutil.which("dot")
    return Path(found) if found else None
