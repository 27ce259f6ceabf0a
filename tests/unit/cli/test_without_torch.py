"""Where PyTorch is missing, commands that do not need it work, and those that do say so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from archcompiler.cli.program import COMMANDS

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from archcompiler.cli import main
sys.argv = ["archcompiler", *{arguments!r}]
main()
"""
WORK = {
    "new": ["new.toml", "--from", "attention56_cifar"],
    "check": ["attention56", "smoke", "like92"],
    "show": ["attention56"],
    "list": [],
    "explain": ["E410"],
    "schema": ["--recipe"],
    "build": ["attention56"],
    "flops": ["attention56", "--by", "stage"],
    "diff": ["attention56", "attention92"],
    "search": ["like92", "--plot", "front.svg", "--write", "found", "--top", "1"],
    "diagram": ["attention56", "--format", "svg,pdf,png,html,tikz,mermaid,json,dot"],
    "plan": ["attention56", "--recipe", "imagenet_modern", "--device", "h200"],
    "study": ["masks", "--list"],
    "completion": ["bash"],
}
NEED = {
    "verify": ["attention56_cifar"],
    "train": ["attention56_cifar", "--recipe", "smoke", "--out", "run"],
    "eval": ["run"],
    "predict": ["run", "a.png"],
    "masks": ["run", "a.png"],
    "export": ["run"],
    "decompile": ["model.py:Net"],
    "audit": ["model.py:Net", "attention56"],
    "weights": ["attention56", "--from", "model.py:Net"],
}


def run(
    folder: Path, missing: tuple[str, ...], arguments: list[str]
) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(missing=missing, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_command_is_here() -> None:
    assert {*WORK, *NEED, "lsp"} == {*COMMANDS}


@pytest.mark.parametrize("command", WORK)
def test_commands_work_without_torch(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, ("torch", "fvcore"), [command, *WORK[command]])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", NEED)
def test_commands_that_need_it_say_so(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, ("torch", "fvcore"), [command, *NEED[command]])
    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert first == "error[E410]: this command needs torch, which cannot be imported"
    assert "  = help: pip install torch" in rest
    assert not [*tmp_path.iterdir()]


def test_the_language_server_names_its_extra(tmp_path: Path) -> None:
    done = run(tmp_path, ("pygls", "lsprotocol"), ["lsp"])
    assert done.returncode == 2
    assert done.stderr.startswith("error[E410]: this command needs ")
    assert "  = help: pip install 'archcompiler[lsp]'" in done.stderr
