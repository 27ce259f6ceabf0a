"""What a study keeps of each run: `study.json` in its folder. Imports no framework."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.recipe.kept import with_defaults
from archcompiler.runner.store.folder import RunFolder
from archcompiler.study.loading import Cell
from archcompiler.study.model import Kept, Metric, Result, read_kept

FILE: Final = "study.json"


class State(Enum):
    """How far a run is."""

    WAITING = "waiting"
    BEGUN = "begun"
    DONE = "done"


def folder_of(out: Path, cell: Cell) -> Path:
    return out / "runs" / cell.name


def state_of(out: Path, cell: Cell, metric: Metric) -> tuple[State, Result | None]:
    """How far a run is, with its result once it is done.

    One that was measured otherwise is to be measured again. Raises CompileError E814 where the
    folder has another run.
    """
    folder = RunFolder(folder_of(out, cell))
    kept = _kept(folder)
    if kept is None:
        if folder.started:
            damaged = (folder.path / FILE).exists()
            why = f"its `{FILE}` is damaged" if damaged else "no study has begun it"
            raise CompileError(_another(folder, why))
        return State.WAITING, None
    if kept.spec_sha256 != cell.spec_sha256:
        raise CompileError(_another(folder, "its network is another one"))
    if not _has_recipe_of(kept, cell):
        raise CompileError(_another(folder, "its recipe is another one"))
    if kept.result is not None and kept.result.metric == metric:
        return State.DONE, kept.result
    return State.BEGUN if folder.started else State.WAITING, None


def begin(out: Path, cell: Cell) -> None:
    """Write down which run the folder is for. Raises CompileError E814 for another one's."""
    # Another study may have begun it since the runs were looked at.
    state_of(out, cell, "best")
    folder = RunFolder(folder_of(out, cell))
    if _kept(folder) is None:
        folder.make()
        _write(folder, cell, None)


def finish(out: Path, cell: Cell, result: Result) -> None:
    """Write down what the run has come to."""
    _write(RunFolder(folder_of(out, cell)), cell, result)


def _write(folder: RunFolder, cell: Cell, result: Result | None) -> None:
    kept = Kept(
        spec_sha256=cell.spec_sha256,
        recipe_sha256=cell.recipe_sha256,
        recipe=cell.loaded.recipe.model_dump(mode="json"),
        result=result,
    )
    folder.write_text(folder.path / FILE, kept.model_dump_json(indent=1) + "\n")


def _has_recipe_of(kept: Kept, cell: Cell) -> bool:
    if kept.recipe is None:
        return kept.recipe_sha256 == cell.recipe_sha256
    return with_defaults(kept.recipe) == cell.loaded.recipe.model_dump(mode="json")


def _kept(folder: RunFolder) -> Kept | None:
    try:
        return read_kept((folder.path / FILE).read_bytes())
    except OSError:
        return None


def _another(folder: RunFolder, why: str) -> Diagnostic:
    return error(
        "E814",
        f"`{folder.path}` holds a run that is not this study's",
        notes=(why,),
        help="name another folder with `--out`, or remove that one",
    )
