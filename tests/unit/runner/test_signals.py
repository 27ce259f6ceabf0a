"""What a person at the terminal and a scheduler see: signals and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from unit.runner.jobs import TINY
from unit.runner.standin import write_photographs

from archcompiler.runner.system.signals import EXIT_STOPPED, StopSignals


def test_sigterm_exits_with_the_stated_code(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    out = tmp_path / "run"
    words = [sys.executable, "-m", "archcompiler", "train", str(spec), "--recipe", "smoke"]
    words += ["--out", str(out)]
    for setting in ("iterations=1000000", "evaluation_images=50", "log_every=2"):
        words += ["--set", setting]
    run = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == EXIT_STOPPED == 75
    assert "go on with `--resume`" in printed
    assert "\x1b" not in printed
    assert "Traceback" not in printed
    assert (out / "checkpoints" / "last.pt").exists()


def test_the_second_signal_ends_the_process_at_once() -> None:
    program = (
        "import os, signal, time\n"
        "from archcompiler.runner.system.signals import StopSignals\n"
        "with StopSignals() as signals:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    assert signals.received is signal.SIGINT\n"
        "    print('still here', flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(5)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "still here\n"
    assert done.returncode == -signal.SIGINT


def _ended(program: str) -> tuple[int, float]:
    """Exit code of a process, and the seconds it took after its signal."""
    lines = (
        "import ctypes, hashlib, os, signal, threading, time",
        "from archcompiler.runner.system.signals import StopSignals",
        "def send(*seconds):",
        "    for s in seconds:",
        "        time.sleep(s)",
        "        os.kill(os.getpid(), signal.SIGTERM)",
        "def stuck():  # in a library, where Python calls no handler",
        "    hashlib.pbkdf2_hmac('sha256', b'a', b'b', 40_000_000)",
        "def later(*seconds): threading.Thread(target=send, args=seconds, daemon=True).start()",
        program,
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], timeout=60)
    return done.returncode, time.monotonic() - start


def test_the_grace_ends_where_no_handler_can_be_called() -> None:
    code, took = _ended("later(0.1)\nwith StopSignals(grace=0.3): stuck()")
    assert code == 128 + signal.SIGTERM
    assert took < 5


def test_a_process_alone_obeys_a_second_signal_wherever_it_is() -> None:
    code, took = _ended("later(0.1, 0.1)\nwith StopSignals(): stuck()")
    assert code == 128 + signal.SIGTERM
    assert took < 5


def test_of_several_processes_a_repeated_signal_is_one() -> None:
    # A scheduler sends SIGTERM to all processes, and torchrun, which gets it too, sends it again.
    assert (
        _ended(
            "with StopSignals(grace=9, several=True) as s:\n"
            "    send(0, 0.05, 0.05)\n"
            "    time.sleep(0.2)\n"
            "    assert s.received is signal.SIGTERM\n"
            "time.sleep(0.1)"
        )[0]
        == 0
    )
    code, _ = _ended(
        "with StopSignals(grace=9, several=True, repeats=0.1): send(0, 0.3); time.sleep(5)"
    )
    assert code == 128 + signal.SIGTERM


def test_a_terminal_and_a_scheduler_signal_the_workers_too(tmp_path: Path) -> None:
    write_photographs(tmp_path / "data")
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY | {"input": [3, 48, 48], "classes": 2}))
    out = tmp_path / "run"
    words = [sys.executable, "-m", "archcompiler", "train", str(spec)]
    words += ["--recipe", "imagenet_paper", "--out", str(out)]
    for setting in (
        "iterations=1000000", "checkpoint_every=1000000", "log_every=1", "batch_size=8",
        "device=cpu", "data.workers=2", "data.resize=56", f"data.path={tmp_path / 'data'}",
    ):  # fmt: skip
        words += ["--set", setting]
    run = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").stat().st_size:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGTERM)
    printed, _ = run.communicate(timeout=60)
    assert run.returncode == EXIT_STOPPED, printed
    assert "Traceback" not in printed
    assert (out / "checkpoints" / "last.pt").exists()


def test_before_the_run_a_signal_is_obeyed_at_once() -> None:
    program = (
        "from archcompiler.runner.system.signals import at_once\n"
        # A shell starts what is to run in the background with the signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "@at_once()\n"
        "def command():\n"
        "    try: os.kill(os.getpid(), signal.SIGINT)\n"
        "    except BaseException: pass\n"
        "command()\n"
    )
    assert _ended(program)[0] == -signal.SIGINT


def test_while_a_run_is_prepared_a_signal_is_obeyed_at_once(tmp_path: Path) -> None:
    """To plan a large network takes a while, and there is nothing to save."""
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    out = tmp_path / "run"
    words = ["train", str(spec), "--recipe", "smoke", "--out", str(out)]
    for name in ("SIGINT", "SIGTERM"):
        program = (
            "from archcompiler.cli.program import run\n"
            "from archcompiler.runner import training\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"kill = lambda: os.kill(os.getpid(), signal.{name})\n"
            "training.prepare = lambda *_: (kill(), time.sleep(9), os._exit(0))\n"
            f"run({words!r})"
        )
        assert _ended(program)[0] == -getattr(signal, name)
        assert not out.exists()


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--recipe", "smok"], "E701"),
        (["--recipe", "smoke", "--set", "batch_sise=3"], "E201"),
        (["--recipe", "smoke", "--set", "speed.accumulate=3"], "E702"),
    ],
)
def test_a_recipe_is_checked_before_torch_is_imported(
    tmp_path: Path, words: list[str], code: str
) -> None:
    spec = tmp_path / "tiny.json"
    spec.write_text(json.dumps(TINY))
    program = (
        "import os, sys\n"
        "from archcompiler.cli import main\n"
        "try:\n"
        "    main('train')\n"
        "finally:\n"
        "    if 'torch' in sys.modules: os._exit(99)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(spec), *words], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"error[{code}]" in done.stderr
