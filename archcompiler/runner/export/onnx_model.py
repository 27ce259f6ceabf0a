"""A network as ONNX, for programs without PyTorch; where the packages for it are installed."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Final

import torch
from torch import nn

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.export.weights import deviation, example

OPSET: Final = 18
"""Of the operators; what every runtime of the last years knows."""
INPUT: Final = "images"
OUTPUT: Final = "logits"
INSTALL: Final = "pip install 'archcompiler[onnx]'"
_BATCHES: Final = (1, 3)
"""Sizes that are compared; the exporter is shown another."""


def missing() -> list[str]:
    """The packages that are needed to make it and are not installed."""
    return [name for name in ("onnx", "onnxscript") if find_spec(name) is None]


def require_packages() -> None:
    """Raise CompileError E761 if it cannot be made here."""
    absent = missing()
    if absent:
        message = f"`model.onnx` cannot be made: {' and '.join(absent)} not installed"
        raise CompileError(error("E761", message, help=f"`{INSTALL}`"))


def onnx_bytes(
    module: nn.Module, shape: tuple[int, int, int], metadata: Mapping[str, str]
) -> bytes:
    """The bytes of the file, for any batch of images of `shape`, (C, H, W).

    Raises CompileError E761 if torch cannot export the network.
    """
    try:
        with _quiet(), _plain(module):
            program = torch.onnx.export(
                module,
                (example(shape, 2),),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
            )
        assert program is not None
        return _serialised(program.model_proto, metadata)
    except Exception as exc:  # of the exporter, the packages below it, and a file of 2 GB
        reason = (str(exc) or type(exc).__name__).strip().splitlines()[0][:200]
        raise CompileError(
            error(
                "E761",
                "torch cannot export the network as ONNX",
                notes=(reason,),
                help="`--no-onnx` exports the rest",
            )
        ) from None


def runtime_deviation(data: bytes, module: nn.Module, shape: tuple[int, int, int]) -> float | None:
    """How far logits of ONNX Runtime are from the module's, as a share of the largest one.

    None if there is no ONNX Runtime. Raises CompileError E760 if that is too far.
    """
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in _BATCHES:
        images = example(shape, count)
        found = torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
        help = "`--no-onnx` exports the rest"
        largest = max(largest, deviation(module, images, found, "`model.onnx`", help))
    return largest


def _serialised(model: Any, metadata: Mapping[str, str]) -> bytes:
    """The same bytes for the same network, without what the exporter notes of its surroundings.

    That is the path of every file that a node comes from, and a count of nodes so far.
    """
    import onnx

    _forget(model)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{number}"
    onnx.helper.set_model_props(model, dict(metadata))
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _forget(message: Any) -> None:
    """Clear the notes of a protobuf message and of all in it."""
    for field, value in message.ListFields():
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.type == field.TYPE_MESSAGE:
            for inner in value if _repeated(field) else (value,):
                _forget(inner)


def _repeated(field: Any) -> bool:
    # Newer versions of protobuf have another name for it, and warn of the old one.
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == field.LABEL_REPEATED)


@contextmanager
def _plain(module: nn.Module) -> Iterator[None]:
    """Images in the order in which they come, which is the one that ONNX has: channels last would
    be operators in the file.
    """
    before: Any = module.config
    if hasattr(before, "channels_last"):
        # Sequences have no such order.
        module.config = replace(before, channels_last=False)
    try:
        yield
    finally:
        module.config = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing of what the exporter says on its way is for its user."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
