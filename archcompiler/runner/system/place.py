"""Which process of how many this is, as what has started it says. Imports no framework."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archcompiler.diagnostics import CompileError, error

LAUNCHED: Final = "ARCHCOMPILER_LAUNCHED"
"""Where `train --processes` says which file descriptor ends with it."""


@dataclass(frozen=True)
class Place:
    """This process among those of the run."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Counted on its machine: the number of its GPU."""
    local_size: int = 1
    meeting: str = "env://"
    """Where they find each other, as torch wants it."""
    by_slurm: bool = False
    """Slurm may show a task its own GPU and no other."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0


ALONE: Final = Place()


def read_place(environment: Mapping[str, str] = os.environ) -> Place:
    """What torchrun, `train --processes` or `srun` has put into the environment.

    Raises CompileError E721 if that cannot be.
    """
    if "RANK" in environment or "WORLD_SIZE" in environment:
        return _of_torch(environment)
    # Only `srun` sets this: a batch script by itself has a rank too, but is alone.
    if environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        return _of_slurm(environment)
    return ALONE


def _of_torch(environment: Mapping[str, str]) -> Place:
    rank, size = (_number(environment, name) for name in ("RANK", "WORLD_SIZE"))
    # Where a machine, or a container, has one process each, not all launchers say more.
    local_rank = _number(environment, "LOCAL_RANK", 0)
    local_size = _number(environment, "LOCAL_WORLD_SIZE", local_rank + 1)
    place = Place(rank, size, local_rank, local_size)
    _require(place, "RANK", "WORLD_SIZE")
    missing = [n for n in ("MASTER_ADDR", "MASTER_PORT") if not environment.get(n)]
    if size > 1 and missing:
        raise _wrong(f"`WORLD_SIZE` is {size}, but `{'`, `'.join(missing)}` is not set")
    return place


def _of_slurm(environment: Mapping[str, str]) -> Place:
    rank, size = (_number(environment, f"SLURM_{n}") for n in ("PROCID", "STEP_NUM_TASKS"))
    local_rank = _number(environment, "SLURM_LOCALID")
    # `4(x2),3`: of each node; this one's is not worth finding, as too many do no harm.
    counts = re.findall(r"\d+", environment.get("SLURM_STEP_TASKS_PER_NODE", "").split("(")[0])
    local_size = max(int(counts[0]) if counts else 1, local_rank + 1)
    host = environment.get("MASTER_ADDR") or first_host(
        environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_NODELIST", "")
    )
    if not host:
        raise _wrong("`SLURM_STEP_NODELIST` is not set")
    job, step = (_number(environment, f"SLURM_{n}", 0) for n in ("JOB_ID", "STEP_ID"))
    # Below those that the system gives away, and another one for each step of each job.
    port = _number(environment, "MASTER_PORT", 12_000 + (job * 7 + step) % 20_000)
    place = Place(rank, size, local_rank, local_size, f"tcp://{host}:{port}", by_slurm=True)
    _require(place, "SLURM_PROCID", "SLURM_STEP_NUM_TASKS")
    return place


def first_host(nodes: str) -> str:
    """The first of Slurm's list of hosts: `rack[2-4]-n[01-16,20],login` begins with `rack2-n01`."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first[0]) if first else ""


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name, "")
    if not text and default is not None:
        return default
    if not text:
        raise _wrong(f"`{name}` is not set, but what goes with it is")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _wrong(f"`{name}` is {text!r}, not a number")
    return int(text)


def _require(place: Place, rank: str, size: str) -> None:
    if place.size < 1:
        raise _wrong(f"`{size}` is 0: there is no process")
    if place.rank >= place.size:
        raise _wrong(f"`{rank}` is {place.rank}, but of {place.size} processes the last is "
                     f"{place.size - 1}")  # fmt: skip


def _wrong(message: str) -> CompileError:
    return CompileError(
        error(
            "E721",
            f"in the environment {message}",
            help="start several processes with `--processes`, torchrun or srun, which set it; for "
            "one process unset `RANK` and `WORLD_SIZE`",
        )
    )


def launch_name(environment: Mapping[str, str] = os.environ) -> str | None:
    """What tells this start of torchrun from all others, the restarts of its processes being one
    start; None where there is no torchrun, or no way to tell.
    """
    if "TORCHELASTIC_RESTART_COUNT" not in environment:
        return None
    parent = os.getppid()
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # After the name, which may have spaces and brackets, 20 fields on: when it was started.
        began = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None
    return f"{boot} {parent} {began}"


def restarts(environment: Mapping[str, str] = os.environ) -> int:
    """How often torchrun has started this process again."""
    return _number(environment, "TORCHELASTIC_RESTART_COUNT", 0)
