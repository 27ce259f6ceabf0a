"""What a person sees of work that takes long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archcompiler.runner.report import progress
from archcompiler.runner.report.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_slow_run_says_how_far_it_is(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(100, 40, what="iteration") as shown:
        for done in range(41, 47):
            clock[0] += 25
            shown.step(done)
        clock[0] += 25
        shown.say("a line of its own")
        shown.step(47)
    # 25 s for each of the 57 and 54 that are left; nothing right after another line.
    assert capsys.readouterr().out.splitlines() == [
        "iteration 43/100  23:45 left",
        "iteration 46/100  22:30 left",
        "a line of its own",
    ]


def test_a_fast_one_and_the_end_of_one_say_nothing(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(3, what="image", err=True) as shown, Progress(3, what="x", silent=True) as mute:
        for done in (1, 2, 3):
            clock[0] += 20 if done < 3 else 1000
            shown.step(done)
            mute.step(done)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("width", [80, 120])
def test_a_bar_has_the_time_that_is_left(width: int, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    code = """
import time
from archcompiler.runner.report.progress import Progress
with Progress(50, what="iteration") as shown:
    for i in range(1, 26):
        time.sleep(0.02)
        shown.step(i)
        shown.numbers("loss 2.3012  accuracy 31.25%  1,024 images/s")
    time.sleep(0.3)
"""
    ours, theirs = pty.openpty()
    env = {**os.environ, "COLUMNS": str(width), "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=env) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:
                break
        process.wait(60)
    os.close(ours)
    text = said.decode()
    assert "25/50 00:0" in text
    assert "accuracy 31.25%" in text
