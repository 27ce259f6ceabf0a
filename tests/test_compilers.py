"""What torch's compilers and exporters, and ONNX Runtime, make of an emitted file.

They take seconds to minutes for a network, and what they may stumble over is the emitted code, of
which a deeper network has only more. So they are tried on the two networks of `golden/`, which
have every unit, mask and operator between them, and on the shipped ones that stand for the others:
a deep one, one for 224×224 pixels, and one without attention. EVERY_SPEC=1 tries all of them.
"""

from __future__ import annotations

import io
import os
import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch
from emitted_model import CLOSE, Emitted, loss
from shipped import ROOT, TOML_SPECS
from tiny import tiny_spec

import archcompiler

GOLDEN = [ROOT / f"tests/golden/{name}/spec.toml" for name in ("every_mask", "every_unit")]
SHIPPED = [
    ROOT / f"specs/{name}.toml" for name in ("attention236", "attention56", "baselines/resnet50")
]
SPECS = [*(TOML_SPECS if os.environ.get("EVERY_SPEC") else SHIPPED), *GOLDEN]
TINY = tiny_spec({"channels": 16, "modules": 1, "depth": 2}, input=[3, 16, 16], attention={"t": 1})
"""For what takes a compiler of machine code."""


@pytest.fixture(
    scope="module",
    params=SPECS,
    ids=lambda path: path.parent.name if path in GOLDEN else path.stem,
)
def emitted(request: pytest.FixtureRequest) -> Iterator[Emitted]:
    yield Emitted(archcompiler.compile(request.param))
    torch.compiler.reset()


def test_compile(emitted: Emitted) -> None:
    compiled = torch.compile(emitted.model(), backend="eager", fullgraph=True)
    with torch.no_grad():
        emitted.assert_close(compiled(emitted.x))


def test_export(emitted: Emitted) -> None:
    program = emitted.exported.module()
    with torch.no_grad():
        emitted.assert_close(program(emitted.x))
        # Larger than the example: export holds that what was above one pixel stays above it.
        height, width = emitted.x.shape[2:]
        if emitted.any_size:
            height, width = height + 15, width + 6
        x = torch.randn(3, emitted.x.shape[1], height, width)
        torch.testing.assert_close(program(x), emitted.ready(x), **CLOSE)


def test_onnx(emitted: Emitted) -> None:
    import onnxruntime

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if emitted.network.name in ("every_mask", "every_unit"):
            torch.onnx.export(emitted.exported, f=file, dynamo=True, verbose=False)
        else:
            # By way of torch.export it takes minutes for the deepest; by tracing, seconds.
            torch.onnx.export(emitted.model(), (emitted.x,), file, dynamo=False)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    (logits,) = session.run(None, {entry.name: emitted.x.numpy()})
    emitted.assert_close(torch.from_numpy(logits))


@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
def test_inductor() -> None:
    small = Emitted(archcompiler.compile(TINY))
    compiled = torch.compile(small.model(), fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(compiled(small.x), small.logits, **CLOSE)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_compiled_training(checkpointing: bool) -> None:
    small = Emitted(archcompiler.compile(TINY))
    plain = small.model().train()
    other = small.model(checkpointing=checkpointing).train()
    compiled = torch.compile(other, backend="aot_eager", fullgraph=True)
    loss(plain(small.x)).backward()
    loss(compiled(small.x)).backward()
    for (name, one), two in zip(plain.named_parameters(), other.parameters(), strict=True):
        assert two.grad is not None, name
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-3, atol=1e-4)
    for (name, one), two in zip(plain.named_buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(two, one, msg=lambda text, name=name: f"{name}: {text}")
