"""What was measured, where and of which commit, in `results.json`: the README's table is of it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.timing import ROOT, Comparison

RESULTS = Path(__file__).with_suffix(".json")


def record(part: str, command: str, found: Sequence[Comparison], path: Path = RESULTS) -> None:
    """Put the results of one part in place of those that were there."""
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results[part] = {
        "command": command,
        **circumstances(),
        "results": [comparison.plain() for comparison in found],
    }
    text = json.dumps(dict(sorted(results.items())), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def circumstances() -> Mapping[str, Any]:
    """The machine, the commit, and the versions that the figures depend on."""
    return {
        "commit": _commit(),
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _commit() -> str:
    """The commit that is checked out, with a + if the compiler is not as it is there."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return head + "+" * bool(_git("status", "--porcelain", "archcompiler", "specs"))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    """The processor's name, as Linux has it, else the architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
