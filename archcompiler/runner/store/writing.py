"""What is made of a run, and what there is to say where a file of it cannot be written."""

from __future__ import annotations

import errno
import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.files import new_folder, write_whole

if TYPE_CHECKING:
    from PIL import Image

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a full disk, or a full share of it, says."""
_NO_PLACE = frozenset(
    {errno.EACCES, errno.EEXIST, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT}
    | {errno.ENOTDIR, errno.EPERM, errno.EROFS}
)
"""What a path says where no folder can be, or none that may be written."""


def write_result(path: Path, data: bytes) -> None:
    """Write what is found out about a run, there or elsewhere. Raises CompileError E710."""
    try:
        with new_folder(path.parent):
            write_whole(path, data, durable=False)
    except OSError as exc:
        problem = unwritable(path, exc, [])
        problem = replace(problem, help="`--output` writes it elsewhere")
        raise CompileError(problem) from None


def png(picture: Image.Image) -> bytes:
    """A picture as PNG."""
    data = io.BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()


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


def no_place(path: Path, exc: OSError) -> Diagnostic:
    """E705 for the folder of a run that there cannot be; E710 where the disk is to blame."""
    if exc.errno not in _NO_PLACE:
        return unwritable(path, exc, [])
    return error(
        "E705",
        f"cannot write `{path}`: {(exc.strerror or str(exc)).lower()}",
        help="name another folder with `--out`",
    )
