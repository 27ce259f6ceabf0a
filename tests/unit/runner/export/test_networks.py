"""What is exported computes what was trained: weights, ONNX files and files for inference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from runtimes import RUNTIMES
from safetensors.torch import load_file
from unit.runner.export.exported import (
    export,
    invoke,
    printed,
    refusal,
)

import archcompiler
from archcompiler.emit.load import load_module
from archcompiler.runner.export import exporting, onnx_model, weights
from archcompiler.runner.store.checkpoint import read
from archcompiler.verify.inference import apart


def test_onnx_is_the_network_for_any_batch(run: Path) -> None:
    import onnx
    import onnxruntime

    assert re.search(r"model\.onnx gives them within \d\.\de-\d\d", export(run, "--onnx"))
    path = run / "export" / "model.onnx"
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 18)]
    assert {each.key: each.value for each in model.metadata_props}["name"] == "tiny"
    # Channels last would be a way there and back.
    assert not {node.op_type for node in model.graph.node} & {"Gather", "Range", "Transpose"}
    # The exporter notes files of this machine beside every operator.
    assert not re.search(rb"site-packages|\.py\b|stack_trace", path.read_bytes())
    module = archcompiler.compile(run / "spec.toml").module().eval()
    module.load_state_dict(load_file(run / "export" / "model.safetensors"))
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        x = torch.randn(count, 3, 32, 32)
        (found,) = session.run(["logits"], {"images": x.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), module(x), rtol=1e-4, atol=1e-4)
    before = path.read_bytes()
    assert "model.onnx  unchanged" in export(run)
    assert path.read_bytes() == before
    assert "- onnx\n" in (run / "export" / "README.md").read_text()
    # Not of these weights any longer.
    assert "model.onnx  removed" in export(run, "--no-onnx")
    assert not path.exists()


def test_an_export_for_inference_has_the_weights_folded(
    run: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = json.loads(export(run, "--deploy", "--onnx", "--format", "json"))["networks"][0]
    assert (done["name"], done["onnx_opset"]) == ("tiny_deploy", 18)
    folder = run / "deploy"
    source = (folder / "model.py").read_text()
    assert "BatchNorm" not in source
    model = load_module("exported", source).tiny_deploy()
    folded = load_file(folder / "model.safetensors")
    model.load_state_dict(folded)
    # The emitted loader makes the same of the checkpoint.
    other = load_module("exported", source).tiny_deploy()
    other.load_trained(run / "checkpoints" / "best.pt")
    assert all(torch.equal(tensor, folded[name]) for name, tensor in other.state_dict().items())
    trained = archcompiler.compile(run / "spec.toml").module().eval()
    trained.load_state_dict(read(run / "checkpoints" / "best.pt")["model"])
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        wanted = trained(x)
        assert apart(wanted, model(x)) < 1e-5
    for runtime in RUNTIMES:
        assert apart(wanted, runtime((folder / "model.onnx").read_bytes(), x)) < 1e-4
    done = invoke("predict", run, images[0], "--format", "json", "--device", "cpu")
    (predicted,) = json.loads(done.stdout)["images"]
    (lines,) = printed(folder, images[:1])
    assert [line.split(" ", 1)[1] for line in lines] == [c["class"] for c in predicted["classes"]]
    monkeypatch.chdir(folder)
    assert invoke("build", "spec.toml", "--deploy", "-o", "built.py").exit_code == 0
    assert (folder / "built.py").read_text() == source


def test_an_export_for_inference_that_computes_something_else_is_not_written(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = exporting.folded_module

    def changed(*given: Any) -> Any:
        module = original(*given)
        with torch.no_grad():
            module.head.classifier.bias += 1e-3
        return module

    monkeypatch.setattr(exporting, "folded_module", changed)
    assert "E760" in refusal(run, "--deploy", "--no-onnx")
    assert not (run / "deploy").exists()


def test_onnx_where_its_packages_are_not(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = onnx_model.find_spec
    monkeypatch.setattr(onnx_model, "find_spec", lambda n: None if n == "onnxscript" else found(n))
    refused = refusal(run, "--onnx")
    assert "E761" in refused
    assert "onnxscript not installed" in refused
    assert not (run / "export").exists()
    assert "left out: pip install 'archcompiler[onnx]'" in export(run)
    assert "left out" not in export(run, "--no-onnx")
    assert not (run / "export" / "model.onnx").exists()


def test_onnx_that_nothing_can_run_is_unchecked(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = onnx_model.find_spec
    monkeypatch.setattr(onnx_model, "find_spec", lambda n: None if n == "onnxruntime" else found(n))
    assert "model.onnx is unchecked" in export(run, "--onnx")


def test_what_takes_long_is_said(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_MANY", 1)
    monkeypatch.setattr(exporting, "onnx_bytes", lambda *_: b"")
    monkeypatch.setattr(exporting, "runtime_deviation", lambda *_: 0.0)
    done = invoke("export", run, "--onnx")
    assert done.exit_code == 0, done.output
    assert re.fullmatch(r"model\.onnx of \d+ operators takes torch some minutes\n", done.stderr)


def test_onnx_that_torch_cannot_export(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator\nand a page more")

    monkeypatch.setattr(torch.onnx, "export", export)
    refused = refusal(run)
    assert "E761" in refused
    assert "no such operator" in refused
    assert "a page more" not in refused
    assert not (run / "export").exists()


def test_what_float32_cannot_tell_apart_is_the_same(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As weights for which no tolerance that is said beforehand is large enough.
    monkeypatch.setattr(weights, "TOLERANCE", 0.0)
    assert "model.onnx gives them" in export(run, "--onnx")
    monkeypatch.setattr(weights, "_TIMES", 0)
    assert "E760" in refusal(run, "--onnx", "-o", run / "other")


@pytest.mark.parametrize("which", ["weights", "onnx", "spec"])
def test_what_computes_something_else_is_not_written(
    which: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"weights": "weights_bytes", "onnx": "onnx_bytes", "spec": "spec_text"}[which]
    original: Callable[..., Any] = getattr(exporting, name)

    def changed(first: Any, *more: Any) -> Any:
        if which == "spec":
            return original(first).replace("modules = 1", "modules = 2")
        with torch.no_grad():
            bias = first.head.classifier.bias
            before = bias.clone()
            # By as little as there is, or by a part in a thousand.
            bias.copy_(bias.nextafter(bias + 1) if which == "weights" else bias + 1e-3)
            data = original(first, *more)
            bias.copy_(before)
        return data

    monkeypatch.setattr(exporting, name, changed)
    assert "E760" in refusal(run, "--onnx" if which == "onnx" else "--no-onnx")
    assert not (run / "export").exists()
