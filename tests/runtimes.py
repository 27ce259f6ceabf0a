"""Logits of ONNX models from programs that are not PyTorch."""

from __future__ import annotations

import io
import os
from importlib.util import find_spec

import torch
from torch import Tensor


def onnx_runtime(data: bytes, images: Tensor) -> Tensor:
    """(N, classes) of ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def open_vino(data: bytes, images: Tensor) -> Tensor:
    """(N, classes) of OpenVINO in float32: by itself it takes bfloat16 where the CPU has that."""
    import openvino

    core = openvino.Core()
    model = core.read_model(io.BytesIO(data))
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return torch.from_numpy(compiled({"images": images.numpy()})[0].copy())


RUNTIMES = [onnx_runtime, open_vino]
if find_spec("openvino") is None and "CI" not in os.environ:
    RUNTIMES.remove(open_vino)
