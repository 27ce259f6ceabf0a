"""Runs to export, and the command that does it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result
from documents import fences
from unit.runner.jobs import QUICK, TINY

import archcompiler
from archcompiler.cli.program import group
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.store.checkpoint import Checkpoints, read
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.training import Job, train

ALONE = """
import sys
sys.modules["archcompiler"] = None
try:
    import archcompiler
except ImportError:
    pass
else:
    raise SystemExit("archcompiler is here")
sys.path.insert(0, ".")
example, *images = sys.argv[1:]
for image in images:
    exec(compile(example.replace('"photo.jpg"', repr(image)), "README.md", "exec"), {})
    print("---")
"""
"""Runs the example of a card for each image, where no archcompiler can be imported."""


def trained_run(folder: Path, *settings: str, recipe: str = "smoke", **spec: Any) -> Path:
    run = RunFolder(folder)
    loaded = load_recipe(recipe, (*QUICK, "iterations=4", "evaluation_images=10", *settings))
    train(Job(archcompiler.compile(TINY | spec), loaded, run, quiet=True))
    return run.path


def invoke(*words: object) -> Result:
    return CliRunner().invoke(group, [str(word) for word in words])


def export(run: Path, *words: object) -> str:
    done = CliRunner().invoke(group, ["export", str(run), *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def exported(run: Path, *words: object) -> Path:
    export(run, "--no-onnx", *words)
    return run / "export"


def refusal(run: Path, *words: object) -> str:
    done = invoke("export", run, *words)
    assert done.exception is not None
    return str(done.exception)


def header(card: str) -> Any:
    return yaml.safe_load(card.split("---\n")[1])


def printed(folder: Path, images: Sequence[Path]) -> list[list[str]]:
    """What the example of a card prints of each image."""
    (example,) = fences((folder / "README.md").read_text(encoding="utf-8"), "python")
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, example, *map(str, images)],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return [part.strip().splitlines() for part in done.stdout.split("---\n")[:-1]]


def change_checkpoint(run: Path, **parts: Any) -> None:
    """Another checkpoint, the best, with these parts of its contents."""
    contents = read(run / "checkpoints" / "best.pt") | parts
    Checkpoints(run / "checkpoints").save({k: v for k, v in contents.items() if v != ()}, best=True)
