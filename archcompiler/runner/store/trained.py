"""A trained network, from a run folder or one of its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import nn

from archcompiler.analysis.sizes import takes, valid_sizes
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.recipe.choices import Split
from archcompiler.runner.recipe.loading import LoadedRecipe, load_recipe
from archcompiler.runner.recipe.model import holds_back
from archcompiler.runner.store.checkpoint import classes_of, load
from archcompiler.runner.store.contents import BadCheckpointError, require_fit
from archcompiler.runner.store.folder import RunFolder
from archcompiler.runner.store.record import read_record, with_data_found


@dataclass(frozen=True)
class Trained:
    """A network with trained weights, and the run that they are of."""

    folder: RunFolder
    checkpoint: Path
    iteration: int
    compiled: CompiledNetwork
    loaded: LoadedRecipe
    module: nn.Module
    classes: tuple[str, ...] | None
    """Names, by number; None for a checkpoint that was written before they were kept."""

    @property
    def chosen_on(self) -> Split:
        """The split whose images chose the best weights.

        What was to be held back need not be: a class may have one image alone. Older records do
        not have it.
        """
        match read_record(self.folder.record).get("chosen_on"):
            case "validation":
                return "validation"
            case "test":
                return "test"
        return "validation" if holds_back(self.loaded.recipe.data) else "test"

    def require_size(self, height: int, width: int) -> None:
        """Raise CompileError E703 if the network runs out of pixels at this size."""
        graph = self.compiled.graph
        if not takes(graph, (height, width)):
            raise CompileError(
                error(
                    "E703",
                    f"`{self.compiled.name}` cannot take {height}×{width} pixels",
                    notes=(f"valid heights and widths: {valid_sizes(graph)}",),
                )
            )


EXACT: Final = ("speed.precision=float32",)
"""What gives about the same answers on any device."""


def load_portable(path: Path, device: str, settings: Iterable[str] = ()) -> Trained:
    """As `load_trained`, to be looked at in one process on any device, whatever the run was on."""
    speed = ("compile=off", "channels_last=auto", "sync_bn=false")
    return load_trained(path, (f"device={device}", *(f"speed.{s}" for s in speed), *settings))


def load_trained(path: Path, settings: tuple[str, ...] = ()) -> Trained:
    """The network of `RUN` (its best checkpoint) or `RUN/checkpoints/NAME.pt`, on the CPU.

    Raises CompileError: E705 if there is no run, E706 if the checkpoint is not whole.
    """
    folder, checkpoint = _locate(path)
    compiled = compile(folder.spec)
    loaded = with_data_found(load_recipe(folder.recipe, settings), folder.record)
    contents = load(checkpoint)
    module = compiled.module()
    try:
        require_fit(contents, module)
    except BadCheckpointError as exc:
        raise CompileError(
            error(
                "E706",
                f"`{checkpoint}` has the weights of another network than `{folder.spec}`",
                notes=(str(exc),),
            )
        ) from None
    module.load_state_dict(contents["model"])
    return Trained(
        folder,
        checkpoint,
        contents["iteration"],
        compiled,
        loaded,
        module.eval(),
        classes_of(contents),
    )


def _locate(path: Path) -> tuple[RunFolder, Path]:
    if path.is_dir():
        folder = RunFolder(path)
        checkpoint = folder.best_or_last
    else:
        folder, checkpoint = RunFolder(path.absolute().parent.parent), path
    if path.suffix == ".safetensors" and path.is_file():
        raise CompileError(
            error(
                "E705",
                f"`{path}` is weights alone, not a checkpoint",
                help=_run_above(path) or "name the run folder that they are from",
            )
        )
    if not checkpoint.is_file():
        help = _run_above(path) if path.is_dir() else None
        raise CompileError(error("E705", f"there is no checkpoint at `{path}`", help=help))
    for needed in (folder.spec, folder.recipe):
        if not needed.is_file():
            raise CompileError(
                error(
                    "E705",
                    f"`{path}` is not in a run folder: there is no `{needed}`",
                    notes=("a checkpoint has weights only; its folder says of which network",),
                )
            )
    return folder, checkpoint


def _run_above(path: Path) -> str | None:
    """Help that names the run which an export, or a file of it, lies in."""
    for parent in path.parents[:2]:
        if RunFolder(parent).started:
            return f"name the run: `{parent}`"
    return None
