"""The frame of `python -m benchmarks`: turns, ratios, results. Nothing is timed here."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from restated.compare import assert_equal_results
from restated.table import Restated
from shipped import EVERY_SPEC

import archcompiler
from archcompiler.runner.recipe.loading import load_recipe

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_measures_take_turns_and_every_other_round_goes_backwards() -> None:
    from benchmarks.timing import in_turns

    order: list[str] = []
    measures = {name: lambda name=name: order.append(name) or len(order) for name in "abc"}
    taken = in_turns(measures, 3)
    assert "".join(order) == "abc" + "abc" + "cba" + "abc"
    assert taken == {"a": [4, 9, 10], "b": [5, 8, 11], "c": [6, 7, 12]}


def test_a_ratio_is_that_of_rounds() -> None:
    from benchmarks.timing import bounded, compared

    # A busy machine slows both of a round: medians of times alone would say 20 to 3.
    found = compared("ours", [10, 20, 40], "theirs", [1, 10, 3], goal=2)
    assert (found.value, found.other, found.ratio) == (20, 3, 10)
    assert found.low <= found.ratio <= found.high
    assert (found.low, found.high) == (2, 40 / 3)
    assert found.missed
    assert not bounded("ours", [1, 2, 3], 2).missed
    assert bounded("ours", [2, 3, 4], 2).missed


def test_a_process_is_waited_for_with_its_children() -> None:
    if sys.platform != "linux":
        pytest.skip("it counts kilobytes")
    from benchmarks.timing import ended

    spin = "sum(range(6_000_000))"
    alone = ended([sys.executable, "-c", spin]).processor
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{spin}'])"
    inside = ended([sys.executable, "-c", nested])
    assert inside.processor > 0.6 * alone
    # Not that of the process of the tests, with torch in it.
    assert 5 < inside.megabytes < 60


def test_every_part_is_a_module() -> None:
    from benchmarks.__main__ import PARTS

    found = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "measure"
    }
    assert found == PARTS.keys()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parts: one that keeps its goal, one that does not."""
    from benchmarks import __main__ as program
    from benchmarks.timing import Comparison, Course, compared

    for name, goal in (("kept", 0.5), ("missed", 0.4)):

        def measure(course: Course, name: str = name, goal: float = goal) -> Iterator[Comparison]:
            values = [1.0] * course.rounds
            yield compared(name, values, "others", [2.0] * course.rounds, goal=goal)

        module = ModuleType(f"benchmarks.{name}")
        module.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(program, "PARTS", {"kept": "one", "missed": "another"})


@pytest.mark.parametrize(
    ("arguments", "code", "shown"),
    [
        (["kept"], 0, "kept: 1 s, 0.5 (0.5 to 0.5) of others, 2 s; goal 0.5\n"),
        (["kept", "missed"], 1, "goal 0.4 MISSED\n"),
        ([], 1, "goal 0.4 MISSED\n"),
        (["--quick"], 0, "goal 0.4 MISSED\n"),
    ],
)
def test_parts(
    fake: None,
    arguments: list[str],
    code: int,
    shown: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from benchmarks.__main__ import main

    assert main(arguments) == code
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["kepd"], ["--quick", "--record"], ["--rounds", "0"], ["--rounds", "x"]]
)
def test_bad_usage(fake: None, arguments: list[str]) -> None:
    from benchmarks.__main__ import main

    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_results_are_kept_part_by_part(fake: None, tmp_path: Path) -> None:
    from benchmarks.__main__ import main

    path = tmp_path / "results.json"
    main(["missed", "--record", "--results", str(path)])
    main(["kept", "--record", "--rounds", "3", "--results", str(path)])
    results = json.loads(path.read_text(encoding="utf-8"))
    assert list(results) == ["kept", "missed"]
    assert results["kept"]["command"] == "python -m benchmarks kept --rounds 3 --record"
    assert results["kept"].keys() >= {"machine", "commit", "torch", "python"}
    assert results["kept"]["results"] == [
        {
            "what": "kept",
            "against": "others",
            "unit": "s",
            "goal": 0.5,
            "value": 1.0,
            "other": 2.0,
            "ratio": 0.5,
            "low": 0.5,
            "high": 0.5,
        }
    ]


def test_the_port_is_written_again() -> None:
    from benchmarks.port import PortAttention56, idle

    # Of 10 classes it has 47,608,010 parameters, of which 29,782,218 are live.
    port = PortAttention56(10, 64)
    every = sum(p.numel() for p in port.parameters())
    assert (every, every - idle(port)) == (47_608_010, 29_782_218)
    network = archcompiler.compile("tengshaofeng56")
    restated = Restated(lambda: port, (3, 64, 64), every - idle(port), None, "benchmarks/port.py")
    assert_equal_results(network, restated, 64)


@pytest.mark.skipif(not EVERY_SPEC, reason="takes minutes: EVERY_SPEC=1, as every night")
@pytest.mark.parametrize("part", ["paths", "steps", "resume", "modes", "accuracy"])
def test_what_is_for_a_gpu_runs_on_a_cpu(part: str, tmp_path: Path) -> None:
    from benchmarks.gpu.__main__ import PARTS, main

    assert part in PARTS
    # What is compiled takes the longest by far.
    spec = ["--spec", "resnet18"] if part == "modes" else []
    assert main([part, *spec, "--device", "cpu", "--quick", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results[part]["results"]


def test_the_paths_on_a_gpu_are_recipes() -> None:
    from benchmarks.gpu.paths import COMPILED, EAGER

    for settings in (*EAGER, *COMPILED):
        assert load_recipe("smoke", settings).recipe != load_recipe("smoke").recipe


def test_a_part_for_a_gpu_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks.gpu import __main__ as program
    from benchmarks.timing import Comparison, compared

    def failing(setting: object) -> Iterator[Comparison]:
        yield compared("ours", [1.0], "theirs", [2.0])
        raise RuntimeError("no such kernel")

    for name, measure in (("failing", failing), ("other", lambda _: iter(()))):
        module = ModuleType(name)
        module.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"benchmarks.gpu.{name}", module)
    monkeypatch.setattr(program, "PARTS", {"failing": "fails", "other": "runs"})
    given = ["--device", "cpu", "--quick", "--out", str(tmp_path)]
    assert program.main(given) == 1
    printed = capsys.readouterr()
    assert "other: runs" in printed.out
    assert "no such kernel" in printed.err
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [found["what"] for found in results["failing"]["results"]] == ["ours"]
    assert program.main(["other", *given]) == 0
