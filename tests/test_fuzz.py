"""The fuzzer sees what it is to see: `python -m benchmarks.fuzz`."""

from __future__ import annotations

import dataclasses
import random
import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("it forks, and counts kilobytes", allow_module_level=True)

from benchmarks.fuzz import cases, running
from benchmarks.fuzz.cases import Case
from benchmarks.fuzz.running import Outcome, complaint

SOUND = (Path(__file__).parent / "hostile" / "sound.toml").read_bytes()


def test_a_seed_makes_the_same_cases_and_another_makes_others() -> None:
    for make in (cases._bytes, cases._tokens, cases._values, cases._recipe, cases._set):
        first, again, other = ([make(random.Random(n)) for _ in range(3)] for n in (1, 1, 2))
        assert first == again != other


@pytest.mark.parametrize(
    ("words", "code", "seconds", "megabytes", "printed", "wrong"),
    [
        (["check"], 0, 0.1, 60, "fine", None),
        (["check"], 2, 0.1, 60, "error[E101]: no", None),
        (["check", "--strict"], 1, 0.1, 60, "warning[W301]: odd", None),
        (["check"], 1, 0.1, 60, "warning[W301]: odd", "exit code 1"),
        (["check"], -9, 20.0, 60, "", "exit code -9"),
        (["check"], 2, 0.1, 60, "", "exit code 2 without a word"),
        (["check"], 0, 2.5, 60, "fine", "2.5 s of processor time"),
        (["check"], 0, 0.1, 501, "fine", "501 MB"),
        (["show"], 0, 0.1, 60, "a\x9bb", "what is printed acts on a terminal"),
    ],
)
def test_what_is_wrong_with_an_outcome(
    words: list[str],
    code: int,
    seconds: float,
    megabytes: float,
    printed: str,
    wrong: str | None,
) -> None:
    case = Case("bytes", tuple(words), "spec.toml", b"")
    assert complaint(case, Outcome(code, seconds, megabytes, printed, "")) == wrong


def test_a_case_runs_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("bytes", ("check", "spec.toml"), "spec.toml", SOUND)
    outcome = running.run(case, tmp_path / "case")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("net: 15 operators")
    # It is forked from here, with all the memory that the tests before have taken.
    assert complaint(case, dataclasses.replace(outcome, megabytes=40.0)) is None

    def fails(case: object) -> int:
        raise RuntimeError("planted")

    monkeypatch.setattr(running, "_main", fails)
    outcome = dataclasses.replace(running.run(case, tmp_path / "case"), megabytes=40.0)
    assert complaint(case, outcome) == "traceback: RuntimeError: planted"
