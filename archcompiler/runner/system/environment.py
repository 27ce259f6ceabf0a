"""Where a run is computed: what its numbers may depend on beside spec, recipe and data."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import PIL
import torch

import archcompiler


def environment(device: torch.device, processes: int) -> dict[str, Any]:
    """Versions, machine, command and time of this start. Never fails: what is not known is null."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(sys.orig_argv),
        "folder": _working_folder(),
        "commit": _commit(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "system": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "processes": processes,
        "versions": {
            "archcompiler": archcompiler.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "pillow": PIL.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        },
    }


def _working_folder() -> str | None:
    with suppress(OSError):
        return str(Path.cwd())
    return None


def _commit() -> str | None:
    """Of the repository around the working folder.

    Whether files differ from it is not asked: `git status` runs programs that a repository names.
    """
    with suppress(OSError, subprocess.SubprocessError, UnicodeDecodeError):
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
        )
        if done.returncode == 0:
            return done.stdout.strip()
    return None
