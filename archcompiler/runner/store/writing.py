"""What there is to say where a file of a run cannot be written."""

from __future__ import annotations

import errno
from pathlib import Path

from archcompiler.diagnostics import Diagnostic, error

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a full disk, or a full share of it, says."""


def unwritable(path: Path, exc: OSError, whole: list[Path]) -> Diagnostic:
    """E710 for a file of a run."""
    full = exc.errno in FULL
    reason = "the disk is full" if full else (exc.strerror or str(exc)).lower()
    note = (f"`{whole[0]}` is whole: nothing before it is lost",) if whole else ()
    return error(
        "E710",
        f"cannot write `{path}`: {reason.splitlines()[0]}",
        notes=note,
        help="free some space and go on with `--resume`" if full else None,
    )
