"""Weights that a run begins with: those of another run, or of any file with a `state_dict`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from archcompiler.runner.store.layouts import known, named, renamed


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

    `path` may begin with the name of a layout, as `torchvision:FILE`. Raises CompileError: E706 or
    E751 if they cannot be read, E750 if they are of another network, E752 if the layout has no
    names for it.
    """
    with torch.device("meta"):
        wanted = network.module().state_dict()
    layout, file = named(str(path))
    weights = read_weights(file)
    if layout is not None:
        _, table = known(layout, network, option_place(path))
        weights = replace(
            weights,
            path=Path(f"{layout}:{weights.path}"),
            tensors=with_counters(renamed(weights.tensors, table, tuple(wanted)), wanted),
        )
    left_out = _other_classes(weights.tensors, wanted, network.classifiers)
    taken = {name: t for name, t in weights.tensors.items() if name not in left_out}
    needed = {name: t for name, t in wanted.items() if name not in left_out}
    require_all(option_place(path), taken, needed, network.name)
    return Beginning(weights, taken, left_out)


def with_counters(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`found` with a count of no batches for each batch norm without one: old files have none."""
    counters = [name for name in wanted if name.endswith(".num_batches_tracked")]
    ours = {name: torch.zeros((), dtype=torch.int64) for name in counters}
    return ours | dict(found)


def read_weights(path: Path, option: str = "--init") -> Weights:
    """The weights of a run (its best), of a checkpoint, of a `state_dict` that `torch.save` has
    written, or of safetensors. Raises CompileError E706 or E751, at the `option` that names it.
    """
    place = option_place(path, option)
    file = RunFolder(path).best_or_last if path.is_dir() else path
    if not file.is_file():
        reason = f"there is no `{file}`" if path.is_dir() or not path.exists() else "it is no file"
        raise _unreadable(place, reason)
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as exc:
        raise _unreadable(place, (exc.strerror or str(exc)).lower()) from None
    if file.suffix == ".safetensors":
        return Weights(file, digest, _safetensors(path, place))
    try:
        found = archive(file)
    except BadCheckpointError as exc:
        raise _unreadable(place, str(exc)) from None
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
        raise _unreadable(place, str(exc), *_inner_table(found)) from None


def _safetensors(path: Path, place: Span) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as exc:
        raise _unreadable(place, str(exc).splitlines()[0]) from None


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


def require_all(
    place: Span, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], network: str
) -> None:
    """Raise CompileError E750 unless all tensors of a network are there, and no others."""
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [
        f"`{name}` is {kind(found[name])}, not {kind(wanted[name])}"
        for name in wanted
        if name in found and not alike(found[name], wanted[name])
    ]
    if not (missing or unexpected or misshapen):
        return
    raise CompileError(
        error(
            "E750",
            f"these weights are not those of `{network}`",
            place,
            notes=(
                *listed("missing", [f"`{name}`" for name in missing]),
                *listed("unexpected", [f"`{name}`" for name in unexpected]),
                *listed("of another shape", misshapen),
            ),
            help=_renamed(found, missing, unexpected, wanted),
        )
    )


def alike(found: Tensor, wanted: Tensor) -> bool:
    """Whether one tensor can be in the place of another."""
    return found.shape == wanted.shape and found.is_floating_point() == wanted.is_floating_point()


def wrapper_prefix(found: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    """What a wrapper has put before every name; empty if that is not it."""
    first = next(iter(found), "")
    # Files of safetensors have an order of their own.
    for last in wanted:
        prefix = first.removesuffix(last)
        if prefix not in ("", first) and all(
            name.startswith(prefix) and name.removeprefix(prefix) in wanted for name in found
        ):
            return prefix
    return ""


def _renamed(
    found: Mapping[str, Tensor],
    missing: Sequence[str],
    unexpected: Sequence[str],
    wanted: Mapping[str, Tensor],
) -> str | None:
    """A likely reason for names that do not fit."""
    if not missing or not unexpected:
        return None
    prefix = wrapper_prefix(found, wanted)
    if prefix:
        return (
            f"every name begins with `{prefix}`: save the `state_dict()` of the network itself, "
            "not of what it is wrapped in"
        )
    for name in unexpected:
        fitting = [other for other in missing if alike(found[name], wanted[other])]
        guess = did_you_mean(name, fitting)
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


def _unreadable(place: Span, reason: str, *notes: str) -> CompileError:
    """E751, ready to be raised."""
    return CompileError(error("E751", f"cannot read weights: {reason}", place, notes=notes))


def option_place(path: Path, option: str = "--init") -> Span:
    """What an option says as the place of a mistake."""
    text = str(path)
    return Span(Source(option, text, "toml"), 0, len(text))
