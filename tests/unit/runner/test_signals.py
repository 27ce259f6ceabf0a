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

from archcompiler.runner.signals import EXIT_STOPPED, StopSignals


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
        "from archcompiler.runner.signals import StopSignals\n"
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
        "import sys\n"
        "from archcompiler.cli import main\n"
        "try:\n"
        "    main('train')\n"
        "finally:\n"
        "    print('torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(spec), *words], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"error[{code}]" in done.stderr
    assert done.stdout == "False\n"
