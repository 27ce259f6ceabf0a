"""A run goes on whatever becomes of what it prints to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from archcompiler.terminal import outlast
outlast()
first = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
for i in range(3):
    print("line", i, "é", "x" * 9000)
    print("problem", i, file=sys.stderr, flush=True)
sys.exit(75)
"""


def _run(path: Path, redirection: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" "$2" {redirection}', sys.executable, PROGRAM, str(path)],
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("redirection", "out", "err"),
    [
        ("", 3, 3),
        (">&-", 0, 3),
        ("2>&-", 3, 0),
        (">&- 2>&- <&-", 0, 0),
        (">/dev/full", 0, 4),
        ("2>/dev/full", 4, 0),
        (">/dev/full 2>&1", 0, 0),
    ],
)
def test_a_stream_may_go(tmp_path: Path, redirection: str, out: int, err: int) -> None:
    if "full" in redirection and not Path("/dev/full").exists():
        pytest.skip("needs Linux")
    done = _run(tmp_path / "file", redirection)
    assert done.returncode == 75
    assert (done.stdout.count("\n"), done.stderr.count("\n")) == (out, err)
    assert (tmp_path / "file").read_bytes() == b""
    said = "cannot be written to (No space left on device): the run goes on"
    assert (done.stdout + done.stderr).count(said) == ("4" in f"{out}{err}")


def test_a_reader_may_go(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "file")]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.returncode == 75
    assert "stdout cannot be written to (Broken pipe)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "koi8-r"])
def test_an_encoding_may_lack_characters(tmp_path: Path, encoding: str) -> None:
    program = PROGRAM.replace("é", "ł")
    words = [sys.executable, "-c", program, str(tmp_path / "file")]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(words, capture_output=True, env=environment)
    assert done.returncode == 75
    assert b"\\u0142" in done.stdout
