"""Formatting of emitted source by ruff."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from archcompiler.diagnostics import CompileError, error


def format_source(source: str) -> str:
    """The source as `ruff format --isolated` writes it.

    Raises CompileError E401 if ruff cannot be found or does not take the source.
    """
    command = [_ruff(), "format", "--isolated", "--no-cache", "--stdin-filename", "module.py", "-"]
    # Of one file there is nothing to share between threads, and ruff starts one for each core.
    alone = os.environ | {"RAYON_NUM_THREADS": "1"}
    result = subprocess.run(
        command, input=source.encode(), capture_output=True, check=False, env=alone
    )
    if result.returncode:
        reason = result.stderr.decode(errors="replace").strip()
        raise CompileError(
            error("E401", "ruff cannot format the emitted module", notes=reason.splitlines()[:3])
        )
    return result.stdout.decode()


def _ruff() -> str:
    """The ruff of this environment, else the one on the path."""
    local = Path(sysconfig.get_path("scripts"), "ruff")
    for candidate in (local, local.with_suffix(".exe")):
        if candidate.is_file():
            return str(candidate)
    found = shutil.which("ruff")
    if found is None:
        raise CompileError(
            error("E401", "ruff is not installed", help="install it with `pip install ruff`")
        )
    return found
