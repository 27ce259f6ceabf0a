"""Weights that a run begins with: those of another run, or of any file with a `state_dict`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error, warning
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.runner.classes import apart, listed
from archcompiler.runner.store.checkpoint import FORMAT, archive, classes_of, corrupt, verified
from archcompiler.runner.store.contents import BadCheckpointError, kind, require_tensors
from archcompiler.runner.store.folder import RunFolder


@dataclass(frozen=True)
class Weights:
    """Tensors by their names in a `state_dict`, and what they are of."""

    path: Path
    sha256: str
    """Of the file."""
    tensors: Mapping[str, Tensor]
    iteration: int | None = None
    """Of the run that has left them."""
    classes: tuple[str, ...] | None = None
    """Names, by number."""


@dataclass(frozen=True)
class Beginning:
    """What of some weights a network begins with."""

    weights: Weights
    taken: Mapping[str, Tensor]
    left_out: tuple[str, ...]
    """Tensors of a classifier for another number of classes."""

    @property
    def record(self) -> dict[str, Any]:
        """For `run.json` and checkpoints."""
        return {
            "path": str(self.weights.path),
            "sha256": self.weights.sha256,
            "iteration": self.weights.iteration,
            "tensors": len(self.taken),
            "left_out": list(self.left_out),
        }

    def inherited(self, names: Sequence[str]) -> list[Diagnostic]:
        """W750 if the classifier is one for as many classes of other `names`."""
        known = self.weights.classes
        if self.left_out or known is None or tuple(names) == known:
            return []
        return [
            warning(
                "W750",
                f"the classifier of `{self.weights.path}` was trained for other classes",
                notes=apart(names, known),
            )
        ]

    def __str__(self) -> str:
        weights = self.weights
        values = sum(tensor.numel() for tensor in self.taken.values())
        text = f"begins with {len(self.taken):,} of {len(weights.tensors):,} tensors "
        text += f"({values:,} values) of `{weights.path}`"
        if weights.iteration is not None:
            text += f", iteration {weights.iteration}"
        if self.left_out:
            names = ", ".join(f"`{name}`" for name in self.left_out)
            text += f"; new, as the number of classes is another: {names}"
        return text


def begin_with(path: Path, network: CompiledNetwork) -> Beginning:
    """The weights at `path` as a network takes them, by name, in full but for the classifier.

    Raises CompileError: E706 or E751 if they cannot be read, E750 if they are of another network.
    """
    weights = read_weights(path)
    with torch.device("meta"):
        wanted = network.module().state_dict()
    left_out = _other_classes(weights.tensors, wanted, network.classifiers)
    taken = {name: t for name, t in weights.tensors.items() if name not in left_out}
    _require_all(path, taken, {n: t for n, t in wanted.items() if n not in left_out}, network.name)
    return Beginning(weights, taken, left_out)


def read_weights(path: Path) -> Weights:
    """The weights of a run (its best), of a checkpoint, of a `state_dict` that `torch.save` has
    written, or of safetensors. Raises CompileError E706 or E751.
    """
    file = RunFolder(path).best_or_last if path.is_dir() else path
    if not file.is_file():
        reason = f"there is no `{file}`" if path.is_dir() or not path.exists() else "it is no file"
        raise _unreadable(path, reason)
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as exc:
        raise _unreadable(path, (exc.strerror or str(exc)).lower()) from None
    if file.suffix == ".safetensors":
        return Weights(file, digest, _safetensors(path))
    try:
        found = archive(file)
    except BadCheckpointError as exc:
        raise _unreadable(path, str(exc)) from None
    if isinstance(found, dict) and found.get("format") == FORMAT:
        try:
            contents = verified(found)
        except BadCheckpointError as exc:
            raise CompileError(corrupt(file, exc)) from None
        done, classes = contents["iteration"], classes_of(contents)
        return Weights(file, digest, contents["model"], done, classes)
    try:
        return Weights(file, digest, require_tensors(found))
    except BadCheckpointError as exc:
        raise _unreadable(path, str(exc), *_inner_table(found)) from None


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise _unreadable(path, str(exc).splitlines()[0]) from None


def _other_classes(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], classifiers: Sequence[str]
) -> tuple[str, ...]:
    """The tensors of each classifier of which one has another shape: they go together."""
    others: list[str] = []
    for layer in classifiers:
        own = [name for name in wanted if name.startswith(f"{layer}.")]
        there = [name for name in own if name in found]
        if any(found[name].shape[:1] != wanted[name].shape[:1] for name in there) and all(
            found[name].shape[1:] == wanted[name].shape[1:] for name in there
        ):
            others += own
    return tuple(others)


def _require_all(
    path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], network: str
) -> None:
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [
        f"`{name}` is {kind(found[name])}, not {kind(wanted[name])}"
        for name in wanted
        if name in found and not _alike(found[name], wanted[name])
    ]
    if not (missing or unexpected or misshapen):
        return
    raise CompileError(
        error(
            "E750",
            f"these weights are not those of `{network}`",
            _place(path),
            notes=(
                *listed("missing", [f"`{name}`" for name in missing]),
                *listed("unexpected", [f"`{name}`" for name in unexpected]),
                *listed("of another shape", misshapen),
            ),
            help=_renamed(found, missing, unexpected, wanted),
        )
    )


def _alike(found: Tensor, wanted: Tensor) -> bool:
    return found.shape == wanted.shape and found.is_floating_point() == wanted.is_floating_point()


def _renamed(
    found: Mapping[str, Tensor],
    missing: Sequence[str],
    unexpected: Sequence[str],
    wanted: Mapping[str, Tensor],
) -> str | None:
    """A likely reason for names that do not fit."""
    if not missing or not unexpected:
        return None
    prefix = unexpected[0].removesuffix(missing[0])
    if prefix != unexpected[0] and all(
        name.startswith(prefix) and name.removeprefix(prefix) in wanted for name in found
    ):
        return (
            f"every name begins with `{prefix}`: save the `state_dict()` of the network itself, "
            "not of what it is wrapped in"
        )
    for name in unexpected:
        alike = [other for other in missing if _alike(found[name], wanted[other])]
        guess = did_you_mean(name, alike)
        if guess is not None:
            return f"`{name}` may be what is called `{guess}` here"
    return None


def _inner_table(found: Any) -> tuple[str, ...]:
    """A note on a table inside of a table, as many trainers save it."""
    if isinstance(found, Mapping):
        for name, value in found.items():
            if isinstance(name, str) and isinstance(value, Mapping) and value:
                first = next(iter(value.values()))
                if isinstance(first, Tensor):
                    return (f"the table `{name[:100]}` in it may be meant: save that by itself",)
    return ()


def _unreadable(path: Path, reason: str, *notes: str) -> CompileError:
    """E751, ready to be raised."""
    return CompileError(error("E751", f"cannot read weights: {reason}", _place(path), notes=notes))


def _place(path: Path) -> Span:
    text = str(path)
    return Span(Source("--init", text, "toml"), 0, len(text))
