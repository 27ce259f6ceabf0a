"""What memory there is, and whether a run can do with it: looked at before its first step."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archcompiler.diagnostics import CompileError, Diagnostic, error, warning

SHARED: Final = Path("/dev/shm")
"""Where batches pass from worker processes to the trainer."""
AHEAD: Final = 4
"""Batches that a worker may be ahead by."""
AHEAD_IN_TESTS: Final = 2
"""The same in evaluations, whose batches are larger."""


@dataclass(frozen=True)
class Memory:
    """Bytes of a device, or of this machine as far as this process may use it."""

    total: int
    free: int


def machine_memory(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Memory:
    """Of the machine, or of the control group that a container or a scheduler has made.

    All zero where the system does not tell.
    """
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        pairs = (line.partition(":")[::2] for line in lines)
        sizes = {name: int(text.split()[0]) * 1024 for name, text in pairs}
        total = sizes["MemTotal"] + sizes.get("SwapTotal", 0)
        free = sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    except (OSError, ValueError, KeyError, IndexError):
        return Memory(0, 0)
    for limit, used in _limits(proc, groups):
        total, free = min(total, limit), min(free, max(limit - used, 0))
    return Memory(total, free)


def _limits(proc: Path, groups: Path) -> list[tuple[int, int]]:
    """(limit, use) of each control group above this process, of either version."""
    found = []
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            root, names = groups, ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            root = groups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        # In a container the path may be that of the machine, and what is mounted the group itself.
        inner = Path(path.lstrip("/"))
        for folder in {root, root / inner, *(root / p for p in inner.parents)}:
            try:
                limit, used = ((folder / name).read_text().strip() for name in names)
            except OSError:
                continue
            if limit.isdecimal():
                # The page cache counts as use, and gives way.
                found.append((int(limit), max(int(used) - _cache(folder), 0)))
    return found


def _cache(folder: Path) -> int:
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    sizes = dict(line.split(" ", 1) for line in lines if " " in line)
    return int(sizes.get("inactive_file", sizes.get("total_inactive_file", "0")))


def check_memory(
    need: int, kept: int, memory: Memory, where: str, images: int, settings: str
) -> list[Diagnostic]:
    """W720 if the `need` of a run is more than is free, which others may use.

    Of it are `kept` bytes for the backward pass of so many images.

    Raises CompileError E709 if it needs more than there is.
    """
    if not memory.total or need <= memory.free:
        return []
    parts = (
        f"{size(kept)} for what the backward pass needs of {images} images at a time",
        f"{size(need - kept)} for weights, gradients, their averages, and images",
    )
    if need > memory.total:
        message = f"a step needs {size(need)}, but {where} has {size(memory.total)}"
        raise CompileError(error("E709", message, notes=parts, help=settings))
    message = f"a step needs {size(need)}, but of {where} {size(memory.free)} are free"
    return [warning("W720", message, notes=parts, help=settings)]


def check_shared(batches: int, workers: int, folder: Path = SHARED) -> None:
    """Raise CompileError E722 if `batches`, the bytes of all that a worker may have ready, do not
    fit where they are handed over.
    """
    if not workers or not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    if batches * workers <= free:
        return
    room, fewer = -(-batches * workers // 2**30), free // batches
    raise CompileError(
        error(
            "E722",
            f"{workers} workers hand over up to {size(batches * workers)} through `{folder}`, "
            f"where {size(free)} are free",
            help=f"give the container more (`docker run --shm-size={room}g`), or "
            f"`--set data.workers={fewer}`",
        )
    )


def size(count: int) -> str:
    """1.5 GiB"""
    for unit, bytes in (("GiB", 2**30), ("MiB", 2**20)):
        if count >= bytes:
            return f"{count / bytes:.1f} {unit}"
    return f"{count / 1024:.1f} KiB"
