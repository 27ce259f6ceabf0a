"""`archcompiler export`: a trained network as a folder that needs this package no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archcompiler.compiler import CompiledNetwork, compile_from
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Source, error
from archcompiler.emit.header import parse_emitted
from archcompiler.runner.export.card import Card
from archcompiler.runner.export.folder import WrittenFile, require_own, write_export
from archcompiler.runner.export.history import History
from archcompiler.runner.export.onnx_model import (
    INSTALL,
    missing,
    onnx_bytes,
    require_packages,
    runtime_deviation,
)
from archcompiler.runner.export.preprocessing import Preprocessing
from archcompiler.runner.export.weights import (
    deviation,
    example,
    exported_module,
    folded_module,
    logits,
    require_equal,
    weights_bytes,
)
from archcompiler.runner.store.folder import spec_text
from archcompiler.runner.store.trained import Trained

_EXAMPLES = 2
"""Images whose logits are compared."""
_MANY = 1000
"""Operators that torch takes long to export as ONNX."""


@dataclass(frozen=True)
class Export:
    """What was written, and what is known of it."""

    network: CompiledNetwork
    """Of the exported spec; for inference, where that was asked for."""
    files: list[WrittenFile]
    left_out: str | None
    """Why there is no `model.onnx`, if nobody asked for that."""
    onnx_deviation: float | None
    """Of the logits of `model.onnx`, as a share of the largest; None if it is unchecked or is not
    there."""
    folded_deviation: float | None
    """Of those of `model.py` for inference; None for the training file, which is equal."""

    @property
    def onnx(self) -> bool:
        """Whether there is a `model.onnx`."""
        return any(file.path.name == "model.onnx" and file.bytes for file in self.files)


def export(
    trained: Trained,
    folder: Path,
    *,
    onnx: bool | None,
    deploy: bool = False,
    force: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> Export:
    """Write a trained network, which is on the CPU, into a folder, once it is known to be right.

    `onnx` None writes `model.onnx` where the packages for it are installed. With `deploy` it is the
    network for inference, its batch norms folded into the weights. `say` is told of what
    takes long. Raises CompileError:
    E703 for a network whose input is no image, E760 if what would be written computes something
    else, E761 if an ONNX model that is asked for cannot be made, and what `write_export` raises.
    """
    wanted = onnx if onnx is not None else not missing()
    if wanted:
        require_packages()
    preprocessing = Preprocessing.of(trained)
    text = spec_text(trained.compiled)
    network = _recompiled(trained, text)
    module = trained.module
    if deploy:
        network = network.deployed
        module = folded_module(network, module)
    metadata = {
        "name": network.name,
        "classes": json.dumps(preprocessing.classes),
        "spec_sha256": (network.trained or network).loaded.sha256,
    }
    weights = weights_bytes(module, metadata)
    exported = exported_module(network, weights)
    shape = preprocessing.input
    images = example(shape, _EXAMPLES)
    require_equal(module, exported, images)
    folded = None
    if deploy:
        folded = deviation(trained.module, images, logits(exported, images), "`model.py`")
    card = Card(trained, network, preprocessing, History.of(trained), wanted)
    contents = {
        "model.py": network.source.encode(),
        "model.safetensors": weights,
        "preprocessing.json": preprocessing.json().encode(),
        "spec.toml": text.encode(),
        "README.md": card.render().encode(),
    }
    apart = None
    if wanted:
        # First: to make it takes the longest by far.
        require_own(folder, {**contents, "model.onnx": None}, force=force)
        operators = network.graph.root.operator_count
        if operators >= _MANY:
            say(f"model.onnx of {operators:,} operators takes torch some minutes")
        contents["model.onnx"] = onnx_bytes(exported, shape, metadata)
        apart = runtime_deviation(contents["model.onnx"], trained.module, shape)
    files = write_export(folder, contents, force=force)
    return Export(network, files, INSTALL if onnx is None and not wanted else None, apart, folded)


def default_folder(trained: Trained, run: Path, *, deploy: bool = False) -> Path:
    """`RUN/export`, `RUN/deploy`, or of a checkpoint with its name behind: all may be wanted."""
    name = "deploy" if deploy else "export"
    if not run.is_dir():
        name += f"-{trained.checkpoint.resolve().stem}"
    return trained.folder.path / name


def _recompiled(trained: Trained, text: str) -> CompiledNetwork:
    """The network of the spec as it is exported, so that the header of `model.py` names that.

    Raises CompileError E760 if it is another one.
    """
    network = compile_from(Files(), Source("spec.toml", text, "toml", Path("spec.toml")))
    bodies = [parse_emitted(each.source) for each in (network, trained.compiled)]
    hashes = {(body.spec_sha256, body.body_sha256) for body in bodies if body is not None}
    if len(hashes) != 1:
        raise CompileError(error("E760", "`spec.toml` would not be the spec of the run"))
    return network
