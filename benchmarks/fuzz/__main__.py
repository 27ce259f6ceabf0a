"""Specs, settings and recipes that nobody meant: `python -m benchmarks.fuzz --seconds 600`.

Each case is a command line in a folder of its own, run to its end in a process of its own. It has
to exit as the README says, without a traceback, in 2 s of processor time and 500 MB, and to print
nothing that acts on a terminal. Cases come from five hands: shipped files with bytes changed, with
words of the language changed, with values changed, specs that are drawn by the grammar of
`tests/strategies.py` with slips in them, and settings. `--seed` makes the same cases again.

Exit 1 if a case fails; each is kept under `--failures`. `--record` writes what came out to
`benchmarks/fuzz/results.json`. Only for systems with `fork`.
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.fuzz.cases import Case, cases
from benchmarks.fuzz.running import Outcome, complaint, run, warm_up
from benchmarks.results import circumstances

RESULT = Path(__file__).with_name("results.json")


def fuzz(seconds: float, start: int, failures: Path, most: int | None = None) -> dict[str, Any]:
    """Run cases for so long, or at most so many; what came out."""
    warm_up()
    ended = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    failed: list[dict[str, Any]] = []
    worst_time = worst_memory = (0.0, "")
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(cases(random.Random(start))):
            if time.monotonic() > ended or number == most:
                break
            outcome = run(case, Path(scratch, "case"))
            counts[case.hand] += 1
            codes[outcome.code] += 1
            line = f"{case.hand} {number}: {shlex.join(case.words)}"
            worst_time = max(worst_time, (outcome.seconds, line))
            worst_memory = max(worst_memory, (outcome.megabytes, line))
            wrong = complaint(case, outcome)
            if wrong is not None:
                failed.append({"case": line, "wrong": wrong})
                print(f"{line}\n  {wrong}", flush=True)
                keep(failures / f"{start}-{number}", case, outcome)
    return {
        "cases": dict(sorted(counts.items())),
        "all": counts.total(),
        "exit_codes": {str(code): n for code, n in sorted(codes.items())},
        "failures": failed,
        "worst_seconds": {"value": round(worst_time[0], 2), "case": worst_time[1]},
        "worst_megabytes": {"value": round(worst_memory[0]), "case": worst_memory[1]},
    }


def keep(folder: Path, case: Case, outcome: Outcome) -> None:
    """The file and the command line of a case, and what it printed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / case.name).write_bytes(case.data)
    (folder / "case.json").write_text(json.dumps(asdict(outcome) | {"words": case.words}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument(
        "--record", action="store_true", help=f"write benchmarks/fuzz/{RESULT.name}"
    )
    given = parser.parse_args(arguments)
    words = f"python -m benchmarks.fuzz --seconds {given.seconds:g} --seed {given.seed}"
    result: dict[str, Any] = {"command": words, **circumstances()}
    result |= fuzz(given.seconds, given.seed, given.failures)
    text = json.dumps(result, indent=2, ensure_ascii=True) + "\n"
    print(text, end="")
    if given.record:
        RESULT.write_text(text, encoding="utf-8")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
