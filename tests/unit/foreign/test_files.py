"""Every operator in the files of torch.export and of ONNX, as torch writes them by default."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from operator_examples import APPLIED, Applied, module
from shipped import ALL_TOML_SPECS, DEEPER, EVERY_SPEC
from tiny import tiny_spec
from torch import nn

import archcompiler
from archcompiler.backends.reading import UnknownOperation
from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.trace import trace
from archcompiler.foreign.audit import audit
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.exported import read_exported
from archcompiler.foreign.loading import load_implementation
from archcompiler.foreign.onnx_graph import read_onnx
from archcompiler.foreign.report import text

GONE = {"dropout", "drop_path"}
"""Operators that do nothing in evaluation, which is what a file has."""
UNREAD = {
    "pt2": {"blur_pool"},
    "onnx": {
        # Several operators there, in words that are not read; the last torch cannot export.
        *("blur_pool", "reduce-how=var", "adaptive_avg_pool-size=[", "pixel_unshuffle"),
        "adaptive_max_pool-size=4",
    },
}


UNREAD_OF = {
    1: {"attend", "bilinear_pool", "dot", "pixel_"},
    2: set[str](),
    3: {"pixel_"},
}
"""By dimensions: what is written in words of matrices that only images have."""


def examples(kind: str, dims: int) -> list[Applied]:
    unread = (*UNREAD[kind], *UNREAD_OF[dims], *GONE)
    return [a for a in APPLIED if a.dims == dims and not str(a).startswith(unread)]


def of_all(applied: list[Applied]) -> nn.Module:
    """A module that applies each of them to inputs of its own."""
    names = [[f"x{i}_{j}" for j in range(len(a.inputs))] for i, a in enumerate(applied)]
    calls = (f"self.parts[{i}]({', '.join(own)})" for i, own in enumerate(names))
    source = (
        "class All(nn.Module):\n"
        "    def __init__(self, parts):\n"
        "        super().__init__()\n"
        "        self.parts = nn.ModuleList(parts)\n"
        f"    def forward(self, {', '.join(name for own in names for name in own)}):\n"
        f"        return {', '.join(calls)},\n"
    )
    space: dict[str, Any] = {"nn": nn}
    exec(source, space)
    made: nn.Module = space["All"]([module(a.op, a.inputs) for a in applied])
    return made.eval()


def labels(read: nn.Module, applied: list[Applied]) -> Counter[tuple[Any, ...]]:
    inputs = [type for a in applied for type in a.inputs]
    graph = canonical(trace(read, *inputs, idioms=IDIOMS), inference=True)
    return Counter(label for _, label in graph.nodes(data="label"))


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def written(kind: str, model: nn.Module, inputs: tuple[torch.Tensor, ...], folder: Path) -> Path:
    path = folder / f"net.{kind}"
    if kind == "pt2":
        torch.export.save(torch.export.export(model, inputs), path)
    else:
        pytest.importorskip("onnxscript")
        try:
            torch.onnx.export(model, inputs, path, dynamo=True, verbose=False)
        except ModuleNotFoundError as absent:  # of an onnxscript that is older than torch
            pytest.skip(str(absent))
    return path


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_every_operator_is_read_from_a_file(kind: str, dims: int, tmp_path: Path) -> None:
    applied = examples(kind, dims)
    model = of_all(applied)
    inputs = tuple(torch.rand(1, t.channels, *t.size) + 0.1 for a in applied for t in a.inputs)
    path = written(kind, model, inputs, tmp_path)
    found = (read_exported if kind == "pt2" else read_onnx)(path)
    assert labels(found, applied) == labels(model, applied)


NETWORKS = {
    "folded batch norms": tiny_spec(
        {"channels": 16, "modules": 1, "depth": 1}, unit="basic", head={"norm": False}
    ),
    "channel attention": tiny_spec(
        {"channels": 16, "modules": 1, "depth": 1}, attention={"mask": {"activation": "channel"}}
    ),
    "signals": tiny_spec(
        {"channels": 16, "modules": 1, "depth": 1}, input=[2, 37], attention={"t": 1}
    ),
    "dropout": tiny_spec(
        {"channels": 16, "unit": {"type": "basic", "drop_path": 0.5}}, head={"dropout": 0.5}
    ),
    "squeeze and excitation, by SiLU": tiny_spec(
        {"channels": 16, "unit": {"type": "inverted", "gate": "se"}}, activation="silu"
    ),
}
SHIPPED = [path for path in ALL_TOML_SPECS if path.stem not in DEEPER] if EVERY_SPEC else []
"""Every night."""


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("kind", ["pt2", "onnx"])
@pytest.mark.parametrize(
    "spec", [*NETWORKS, *SHIPPED], ids=lambda spec: getattr(spec, "stem", spec)
)
def test_a_network_is_audited_from_its_file(kind: str, spec: str | Path, tmp_path: Path) -> None:
    network = archcompiler.compile(NETWORKS[spec] if isinstance(spec, str) else spec)
    model = network.module().eval()
    # Of two tensors that are equal, as they may be before training, ONNX has one.
    with torch.no_grad():
        for value in (v for v in model.state_dict().values() if v.is_floating_point()):
            value.uniform_(0.5, 1.5)
    path = written(kind, model, (torch.randn(1, *network.spec.input),), tmp_path)
    found = audit(network, load_implementation(str(path), "--from"))
    assert found.same, text(found)


@pytest.mark.usefixtures("quiet")
def test_an_interpolation_is_read_by_its_positions(tmp_path: Path) -> None:
    """Of one dimension, which ONNX has as positions and weights: any others are refused."""
    onnx = pytest.importorskip("onnx")

    class Larger(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.interpolate(x, size=13, mode="linear", align_corners=False)

    x = torch.randn(1, 3, 7)
    path = written("onnx", Larger(), (x,), tmp_path)
    read = read_onnx(path)
    assert [n.target for n in read.graph.nodes if n.op == "call_function"] == [F.interpolate]
    assert torch.equal(read(x)[0], Larger()(x))
    model = onnx.load(path)
    (weights,) = (t for t in model.graph.initializer if [*t.dims] == [13])
    changed = onnx.numpy_helper.to_array(weights).copy()
    changed[4] += 0.1
    weights.CopyFrom(onnx.numpy_helper.from_array(changed, weights.name))
    onnx.save(model, path)
    with pytest.raises(UnknownOperation, match="other positions"):
        read_onnx(path)
