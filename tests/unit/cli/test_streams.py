"""Every command, whatever becomes of its streams, its folder and its time."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tiny import tiny_spec

from archcompiler.cli import program

HOSTILE = "a\x1b[31m\x9b\u202e\u2028→é"
"""An escape, a C1 control, a direction mark, a line separator, and letters that few can show."""
LINES = {
    "build": ["tiny.json", "-o", "out"],
    "check": ["tiny.json"],
    "completion": ["bash"],
    "diff": ["tiny.json", "attention56_cifar"],
    "diagram": ["tiny.json", "-o", "out", "--format", "svg"],
    "explain": ["E101"],
    "flops": ["tiny.json", "--by", "module"],
    "list": ["recipes"],
    "plan": ["tiny.json"],
    "schema": [],
    "search": ["space.toml"],
    "show": ["tiny.json"],
    "study": ["study.toml", "--list"],
    "verify": ["tiny.json"],
}
"""A command line for each command that can be given again and ends by itself: the others have tests
of their own."""
LIGHT = sorted(set(LINES) - {"diff", "verify"})
"""Commands that do not import torch."""
ENTRY = "from archcompiler.cli import main; main()"
linux = pytest.mark.skipif(sys.platform != "linux", reason="streams of Linux")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    spec = tiny_spec(title=HOSTILE)
    (tmp_path / "tiny.json").write_text(json.dumps(spec), encoding="utf-8")
    space = 'extends = "tiny.json"\n[space]\nstages.0.before = "1..3"\n'
    (tmp_path / "space.toml").write_text(space, encoding="utf-8")
    study = 'recipe = "smoke"\n[[specs]]\nspec = "tiny.json"\n'
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    (tmp_path / f"{HOSTILE}.json").write_text(json.dumps(spec | {"classes": "x"}))
    return tmp_path


def _run(
    folder: Path, words: list[str], redirection: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", f'"$0" -c "$@" {redirection}', sys.executable, ENTRY, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )


def test_every_command_is_tried() -> None:
    assert set(program.COMMANDS) - set(LINES) == {
        "eval", "export", "lsp", "masks", "new", "predict", "train", "weights", "audit",
        "decompile",
    }  # fmt: skip


@linux
@pytest.mark.parametrize("command", LINES)
def test_stdout_that_is_full_or_closed_is_an_error(command: str, folder: Path) -> None:
    for redirection in (">/dev/full", ">&-"):
        done = _run(folder, [command, *LINES[command]], redirection)
        assert done.returncode == 2
        assert done.stderr.startswith(b"error[E406]: cannot write the output: ")
        assert done.stderr.count(b"error") == 2  # it and "1 error"


@linux
@pytest.mark.parametrize("format", ["json", "github"])
def test_what_would_be_read_by_a_program_is_told_on_stderr(format: str, folder: Path) -> None:
    spec = {"json": "tiny.json", "github": f"{HOSTILE}.json"}[format]
    done = _run(folder, ["check", spec, "--format", format], ">/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error[E406]: cannot write the output: ")


@linux
@pytest.mark.parametrize("words", [["check", "-"], ["lsp"]])
def test_a_closed_stdin_is_bad_usage(words: list[str], folder: Path) -> None:
    done = _run(folder, words, "<&-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is closed" in done.stderr
    assert b"Traceback" not in done.stderr


@linux
@pytest.mark.parametrize("redirection", ["2>&-", "<&-"])
def test_the_other_streams_change_nothing(redirection: str, folder: Path) -> None:
    for command in LIGHT:
        done = _run(folder, [command, *LINES[command]], redirection)
        assert done.returncode == 0
        assert done.stdout


@linux
@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-"])
def test_a_bad_spec_exits_with_2_where_nobody_can_be_told(redirection: str, folder: Path) -> None:
    assert _run(folder, ["check", f"{HOSTILE}.json"], redirection).returncode == 2


@pytest.mark.parametrize("command", LIGHT)
def test_a_reader_that_has_gone(command: str, folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", ENTRY, command, *LINES[command]]
    done = subprocess.run(words, cwd=folder, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_no_encoding_lacks_a_character(encoding: str, folder: Path) -> None:
    for command in LIGHT:
        done = _run(folder, [command, *LINES[command]], PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr.decode(encoding)) == (0, "")
        done.stdout.decode(encoding)
    done = _run(folder, ["check", f"{HOSTILE}.json"], PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert "error[E20" in done.stderr.decode(encoding)


@pytest.mark.parametrize("command", LIGHT)
def test_nothing_of_a_spec_or_of_its_name_acts_on_a_terminal(
    command: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    specs = ("tiny.json", f"{HOSTILE}.json")
    lines = [[s if w == "tiny.json" else w for w in LINES[command]] for s in specs]
    if "-o" in LINES[command]:
        lines.append([HOSTILE if w == "out" else w for w in LINES[command]])
    lines += [[f"--{HOSTILE}"], [f"no{HOSTILE}.toml"], [*lines[0], "--set", f"classes={HOSTILE}"]]
    monkeypatch.chdir(folder)
    for line in lines:
        with suppress(SystemExit):
            program.run([command, *line])
        gc.unfreeze()
        gc.enable()
        shown = capsys.readouterr()
        for text in (shown.out, shown.err):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text)
        assert shown.out or shown.err


@pytest.mark.parametrize("command", LIGHT)
def test_a_working_folder_that_is_gone(command: str, folder: Path) -> None:
    words = [str(folder / w) if (folder / w).is_file() else w for w in LINES[command]]
    code = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); {ENTRY}"
    done = subprocess.run(
        [sys.executable, "-c", code, command, *words], cwd=folder, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    writes = "-o" in words
    assert done.returncode == (2 if writes else 0), done.stderr
    assert done.stderr.startswith("error[") == writes


@pytest.mark.parametrize(("command", "moments"), [("build", 8), ("verify", 3)])
def test_ctrl_c_at_any_moment(command: str, moments: int, folder: Path) -> None:
    # Whoever starts the tests in the background has Ctrl-C ignored in all that they start.
    # Before its first line the program is Python's: what says that it has begun comes behind it.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from archcompiler import cli; leave = cli._leave_the_folder; "
        "cli._leave_the_folder = lambda: (print('begun', flush=True), leave()); cli.main()"
    )
    words = [sys.executable, "-c", code, command, *LINES[command]]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.readline()
        start = time.monotonic()
        assert run.wait(120) == 0
        whole = time.monotonic() - start
    codes = set()
    for part in range(moments):
        pipe = subprocess.PIPE
        run = subprocess.Popen(words, cwd=folder, stdout=pipe, stderr=pipe)
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(whole * part / (moments + 1))
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=120)
        assert b"Traceback" not in said
        codes.add(run.returncode)
        assert not [p for p in folder.rglob(".*") if p.name.endswith(".partial")]
    assert 130 in codes
    # At its end the interpreter puts its handlers away; the signal itself is left, a shell's 130.
    assert codes <= {0, 130, -signal.SIGINT}


def test_a_folder_of_others_runs_nothing(folder: Path) -> None:
    for name in ("click", "torch", "json", "sitecustomize", "archcompiler_evil"):
        (folder / f"{name}.py").write_text("raise SystemExit('not ours')\n")
    metadata = folder / "evil-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[archcompiler.blocks]\nevil = archcompiler_evil\n")
    spec = json.loads((folder / "tiny.json").read_text())
    (folder / "named.json").write_text(json.dumps(spec | {"unit": {"type": "evil"}}))
    for line, code in ((["build", "tiny.json"], 0), (["check", "named.json"], 2)):
        words = [sys.executable, "-m", "archcompiler", *line]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "not ours" not in done.stdout + done.stderr
