"""A run folder: everything that a run leaves, and what is needed to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from archcompiler.compiler import CompiledNetwork
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.files import make_folder, sweep, write_whole
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Recipe
from archcompiler.runner.store.record import initial, is_record, record_text
from archcompiler.runner.store.writing import no_place, unwritable
from archcompiler.runner.system.place import launch_name


@dataclass(frozen=True)
class RunFolder:
    """Names of the files of a run."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_or_last(self) -> Path:
        """The checkpoint of the best weights, as long as there is none the last one."""
        best = self.checkpoints / "best.pt"
        return best if best.exists() else self.checkpoints / "last.pt"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def table(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def spec(self) -> Path:
        return self.path / "spec.toml"

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def module(self) -> Path:
        return self.path / "model.py"

    @property
    def record(self) -> Path:
        """See `store.record`."""
        return self.path / "run.json"

    @property
    def lock(self) -> Path:
        """See `store.lock`."""
        return self.path / "run.lock"

    @property
    def launcher(self) -> Path:
        return self.path / ".launcher"

    @property
    def started(self) -> bool:
        """Whether a run has left a checkpoint here."""
        return any(self.checkpoints.glob("*.pt"))

    def started_by(self, launch: str | None) -> bool:
        """Whether the run is of this start of torchrun: see `launch_name`."""
        try:
            return launch is not None and self.launcher.read_text(encoding="utf-8") == launch
        except OSError:
            return False

    def make(self) -> None:
        """Make the folder. Raises CompileError E705 or E710."""
        try:
            make_folder(self.checkpoints)
        except OSError as exc:
            place = self.checkpoints if self.path.is_dir() else self.path
            raise CompileError(no_place(place, exc)) from None

    def prepare(
        self,
        network: CompiledNetwork,
        recipe: Recipe,
        run: Mapping[str, Any],
        start: Mapping[str, Any],
    ) -> list[Diagnostic]:
        """Write the resolved spec and recipe, the emitted module and the record, and sweep up.

        Returns W743 for a record that is none. Raises CompileError E710 if they cannot be written.
        """
        try:
            for folder in (self.path, self.checkpoints):
                sweep(folder)
        except OSError as exc:
            raise CompileError(unwritable(self.path, exc, [])) from None
        values = recipe.model_dump(mode="json", exclude_none=True)
        damaged = [] if is_record(self.record) else [self.set_aside(self.record, "is no record")]
        # First: what has the files below can be resumed, and has to know what it began with.
        self.write_text(self.record, record_text(self.record, run, start))
        self.write_text(self.spec, spec_text(network))
        self.write_text(self.recipe, toml_text(values))
        self.write_text(self.module, network.source)
        launch = launch_name()
        if launch is not None:
            self.write_text(self.launcher, launch)
        return damaged

    def set_aside(self, path: Path, problem: str) -> Diagnostic:
        """Keep a copy of a file that is about to lose what cannot be read of it; W743 about it.

        Raises CompileError E710.
        """
        names = (path.with_name(f"{path.name}.damaged{n or ''}") for n in count())
        kept = next(name for name in names if not name.exists())
        self.write(kept, path.read_bytes())
        message = f"`{path}` {problem}"
        return warning("W743", message, notes=(f"as it was, it is `{kept}` from now on",))

    def write_text(self, path: Path, text: str) -> None:
        """Write a text of the run whole or not at all. Raises CompileError E710."""
        self.write(path, text.encode())

    def write(self, path: Path, data: bytes) -> None:
        """Write a file of the run whole or not at all. Raises CompileError E710."""
        try:
            write_whole(path, data, durable=False)
        except OSError as exc:
            raise CompileError(unwritable(path, exc, [])) from None

    def require(
        self, *, resume: bool, network: CompiledNetwork | None = None, init: bool = False
    ) -> None:
        """Raise CompileError E705 unless a run may start here, or go on; `init` says whether it
        is told which weights to begin with.
        """
        if not self.started:
            begun = initial(self.record) if resume and not init else None
            if begun is not None:
                raise CompileError(
                    error(
                        "E705",
                        f"the run in `{self.path}` has left no checkpoint to go on from",
                        help=f"start it again with `--init {begun}`, and without `--resume`",
                    )
                )
            return
        if not resume:
            raise CompileError(
                error(
                    "E705",
                    f"`{self.path}` holds a run already",
                    help="go on with it by `--resume`, or name another folder with `--out`",
                )
            )
        if network is None or not self.spec.is_file():
            return
        from archcompiler.spec.loader import load

        if load(self.spec).sha256 != network.loaded.sha256:
            raise CompileError(
                error(
                    "E705",
                    f"the run in `{self.path}` has trained another network than "
                    f"`{network.loaded.source.name}` describes",
                    notes=(f"its own spec is `{self.spec}`",),
                    help="resume without naming a spec, or start in another folder with `--out`",
                )
            )


def spec_text(network: CompiledNetwork) -> str:
    """The spec with its defaults, as a file that is compiled to the same module."""
    return toml_text(network.spec.model_dump(mode="json", exclude_none=True))


def default_folder(network: CompiledNetwork, recipe: LoadedRecipe) -> Path:
    """`runs/SPEC-RECIPE`."""
    return Path("runs", f"{network.name}-{recipe.name}")
