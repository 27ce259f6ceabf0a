"""The fuzzer sees what it is to see: `benchmarks/fuzz.py`."""

from __future__ import annotations

import dataclasses
import random
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it forks, and counts kilobytes")
SOUND = (Path(__file__).parent / "hostile" / "sound.toml").read_bytes()


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
    spec = spec_from_file_location("fuzz", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["fuzz"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_seed_makes_the_same_cases_and_another_makes_others(fuzz: ModuleType) -> None:
    for make in (fuzz._bytes, fuzz._tokens, fuzz._values, fuzz._recipe, fuzz._set):
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
    fuzz: ModuleType,
    words: list[str],
    code: int,
    seconds: float,
    megabytes: float,
    printed: str,
    wrong: str | None,
) -> None:
    case = fuzz.Case("bytes", tuple(words), "spec.toml", b"")
    assert fuzz.complaint(case, fuzz.Outcome(code, seconds, megabytes, printed, "")) == wrong


def test_a_case_runs_in_a_process_of_its_own(
    fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = fuzz.Case("bytes", ("check", "spec.toml"), "spec.toml", SOUND)
    outcome = fuzz.run(case, tmp_path / "case")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("net: 15 operators")
    # It is forked from here, with all the memory that the tests before have taken.
    assert fuzz.complaint(case, dataclasses.replace(outcome, megabytes=40.0)) is None

    def fails(case: object) -> int:
        raise RuntimeError("planted")

    monkeypatch.setattr(fuzz, "_main", fails)
    outcome = dataclasses.replace(fuzz.run(case, tmp_path / "case"), megabytes=40.0)
    assert fuzz.complaint(case, outcome) == "traceback: RuntimeError: planted"
