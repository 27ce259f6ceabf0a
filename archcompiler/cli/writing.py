"""Files that a command writes because its user names them."""

from __future__ import annotations

from pathlib import Path

from archcompiler.diagnostics import CompileError, error
from archcompiler.files import make_folder, sweep, write_whole


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and the folders above it. Raises CompileError E403."""
    try:
        make_folder(path.parent)
        sweep(path.parent)
        write_whole(path, content)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise CompileError(error("E403", f"cannot write `{path}`: {reason.lower()}")) from None
