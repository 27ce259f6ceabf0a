"""Several processes on one machine end together, with one exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import parsed
from tiny import tiny_toml

from archcompiler.cli.program import group
from archcompiler.cli.train import _words
from archcompiler.runner.system import launch as module
from archcompiler.runner.system.launch import launch

# In place of a run: writes its rank, and ends as it is told to, or by SIGTERM after 75 of a run.
CHILD = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
from archcompiler.runner.system.launch import follow
follow()
rank = os.environ["RANK"]
(pathlib.Path(sys.argv[1]) / rank).write_text(f"{os.getpid()}")
codes = sys.argv[2].split(",")
if codes[int(rank)] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if codes[int(rank)] == "wait":
    time.sleep(30)
sys.exit(int(codes[int(rank)]))
"""


@pytest.fixture(autouse=True)
def _child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROGRAM", CHILD.replace("{", "{{").replace("}", "}}"))


@pytest.mark.parametrize(
    ("codes", "code"),
    [("0,0", 0), ("75,75", 75), ("75,0", 75), ("wait,3", 3), ("kill,wait", 128 + 9)],
)
def test_one_code_for_all(tmp_path: Path, codes: str, code: int) -> None:
    start = time.monotonic()
    assert launch([str(tmp_path), codes], 2, grace=9) == code
    assert time.monotonic() - start < 8


def test_a_signal_goes_to_all(tmp_path: Path) -> None:
    def stop() -> None:
        while not (tmp_path / "0").exists() or not (tmp_path / "1").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop).start()
    assert launch([str(tmp_path), "wait,wait"], 2, grace=9) == 75
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_was_read_is_given_to_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import os, pathlib, sys; pathlib.Path(os.environ['RANK']).write_text(sys.stdin.read())"
    )
    monkeypatch.setattr(module, "PROGRAM", program)
    monkeypatch.chdir(tmp_path)
    text = "name = 'größer als eine Röhre'\n" * 10_000
    assert launch([], 2, grace=9, given=text.encode()) == 0
    assert [(tmp_path / rank).read_text(encoding="utf-8") for rank in "01"] == [text] * 2


def test_processes_follow_their_launcher(tmp_path: Path) -> None:
    program = (
        f"from archcompiler.runner.system import launch\n"
        f"launch.PROGRAM = {module.PROGRAM!r}\n"
        f"launch.launch([{str(tmp_path)!r}, 'wait,wait'], 2, grace=9)"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program])
    ranks = [tmp_path / "0", tmp_path / "1"]
    deadline = time.monotonic() + 30
    while not all(rank.exists() and rank.read_text() for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    launcher.kill()
    launcher.wait()
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{rank.read_text()}").exists() for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_process_has_the_same_command() -> None:
    given = ["a.toml", "--recipe", "smoke", "--set", "seed=1", "--set", "x=2", "--processes", "2"]
    with parsed("train", *given, "--resume", "--grace", "3") as context:
        words = _words(context)
    assert parsed("train", *words).params == context.params | {"processes": None}


@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_processes_are_given_a_spec_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    said: list[tuple[Sequence[str], object]] = []

    def told(words: Sequence[str], count: int, *, grace: float, given: bytes | None) -> int:
        said.append((words, given))
        return 0

    monkeypatch.setattr(module, "launch", told)
    text = tiny_toml()
    words = ["train", "-", "--recipe", "smoke", "--processes", "2", *more]
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(group, words, input=text)
    assert outcome.exit_code == 0, outcome.output
    ((words, given),) = said
    assert words[-2:] == ["--", "-"]
    assert given == text.encode()
