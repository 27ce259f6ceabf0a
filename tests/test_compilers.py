"""What torch's compilers and exporters, and ONNX Runtime, make of an emitted file.

They take seconds to minutes for a network, and what they may stumble over is the emitted code, of
which a deeper network has only more. So they are tried on the two networks of `golden/`, which
have every unit, mask and operator between them, with fewer of each; and on one for 224×224 pixels
and one without attention, which stand for the others. EVERY_SPEC=1 tries all as they are.
"""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from emitted_model import CLOSE, Emitted, loss
from shipped import EVERY_SPEC, ROOT, TOML_SPECS
from tiny import tiny_spec

import archcompiler

GOLDEN: Final = {
    ROOT / "tests/golden/every_mask/spec.toml": (
        "attention.t=1",
        "stages.0.depth=2",
        "stages.1.depth=1",
        "stages.2.modules=1",
        "stages.3.attention.r=1",
    ),
    ROOT / "tests/golden/every_unit/spec.toml": ("attention.t=1", "stages.0.depth=1"),
}
SHIPPED: Final = {
    ROOT / "specs/attention56.toml": (
        "attention.t=1",
        "stages.0.depth=1",
        "stages.1.depth=1",
        "stages.3.before=1",
    ),
    ROOT / "specs/baselines/resnet50.toml": ("stages.1.before=2", "stages.2.before=2"),
}
FEWER: Final = SHIPPED | GOLDEN
"""With settings that leave no kind of block or operator out."""
SPECS = [*TOML_SPECS, *GOLDEN] if EVERY_SPEC else [*FEWER]
TINY = tiny_spec({"channels": 16, "modules": 1, "depth": 2}, input=[3, 16, 16], attention={"t": 1})
"""For what takes more than a forward pass."""
OF_ANY_REMAINDER: Final = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 13)
"""Whether an exported program takes sizes that round otherwise than the example's."""


def _name(path: Path) -> str:
    return path.parent.name if path in GOLDEN else path.stem


@pytest.fixture(scope="module", params=SPECS, ids=_name)
def emitted(request: pytest.FixtureRequest) -> Iterator[Emitted]:
    path = request.param
    settings = () if EVERY_SPEC else FEWER[path]
    yield Emitted(archcompiler.compile(path, settings))
    torch.compiler.reset()


@pytest.mark.parametrize("path", FEWER, ids=_name)
def test_the_settings_leave_no_operator_out(path: Path) -> None:
    whole, few = (archcompiler.compile(path, settings).graph for settings in ((), FEWER[path]))
    assert few.root.operator_count < whole.root.operator_count
    for kind in (lambda block: block.name, lambda block: block.kind):
        assert {kind(b) for _, b in few.blocks()} == {kind(b) for _, b in whole.blocks()}
    assert {node.op.kind for node in few.nodes()} == {node.op.kind for node in whole.nodes()}


def test_compile(emitted: Emitted) -> None:
    compiled = torch.compile(emitted.model(), backend="eager", fullgraph=True)
    with torch.no_grad():
        emitted.assert_close(compiled(emitted.x))


def test_export(emitted: Emitted) -> None:
    program = emitted.exported.module()
    with torch.no_grad():
        emitted.assert_close(program(emitted.x))
        # Larger than the example: export holds that what was above one pixel stays above it.
        channels, *sides = emitted.x.shape[1:]
        if emitted.any_size:
            larger = (15, 6) if OF_ANY_REMAINDER else (192, 384)
            sides = [side + more for side, more in zip(sides, larger, strict=True)]
        x = torch.randn(3, channels, *sides)
        torch.testing.assert_close(program(x), emitted.ready(x), **CLOSE)


def test_onnx(emitted: Emitted) -> None:
    # By way of torch.export it takes minutes for the deepest; by tracing, seconds.
    dynamo = emitted.network.name in ("every_mask", "every_unit")
    emitted.assert_close(onnx(emitted.model(), emitted.x, dynamo=dynamo)(emitted.x))


def test_onnx_of_any_size() -> None:
    small = Emitted(archcompiler.compile(TINY))
    program = onnx(small.exported, dynamo=True)
    for size in ((2, 3, 16, 16), (3, 3, 31, 22)):
        x = torch.randn(size)
        with torch.no_grad():
            torch.testing.assert_close(program(x), small.ready(x), **CLOSE)


def onnx(model: Any, *inputs: torch.Tensor, dynamo: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """What ONNX Runtime makes of it."""
    import onnxruntime

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, inputs, file, dynamo=dynamo, verbose=False)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    return lambda x: torch.from_numpy(session.run(None, {entry.name: x.numpy()})[0])


@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
def test_inductor() -> None:
    small = Emitted(archcompiler.compile(TINY, ["stages.0.depth=1"]))
    # Neither a pool of processes that import torch first, nor a look at what vectors there are.
    quick = {"compile_threads": 1, "cpp.vec_isa_ok": False}
    with torch.no_grad(), torch._inductor.config.patch(quick):
        compiled = torch.compile(small.model(), fullgraph=True)
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
