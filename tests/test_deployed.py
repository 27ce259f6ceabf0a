"""The file for inference: the same function as the one that is trained, and nothing of training."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from drawn_blocks import block_specs
from hypothesis import assume, given, settings
from runtimes import RUNTIMES
from shipped import ALL_TOML_SPECS, EVERY_SPEC, ROOT
from strategies import compiles, valid_specs
from test_drawn_blocks import assert_linted
from tiny import tiny_spec
from torch.nn.utils.fusion import fuse_conv_bn_weights

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.sizes import takes
from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError
from archcompiler.emit.load import load_module
from archcompiler.runner.export.onnx_model import onnx_bytes
from archcompiler.runner.export.weights import folded_module
from archcompiler.verify import verify
from archcompiler.verify.inference import apart, compare, randomise

QUICK = {"attention56_cifar", "attention56_volume", "densenet121", "efficientnet_b0"}
SPECS = [path for path in ALL_TOML_SPECS if EVERY_SPEC or path.stem in QUICK]
"""Units, masks, stems and heads unlike each other; EVERY_SPEC=1 has all that are shipped."""
FEW = settings().max_examples // 10
"""Each of a second: the nightly tests draw more."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cifar() -> archcompiler.CompiledNetwork:
    return archcompiler.compile("attention56_cifar")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_a_shipped_network_is_the_same_function(spec: Path) -> None:
    network = archcompiler.compile(spec)
    proof = verify(network.deployed)
    assert proof.holds, str(proof)
    dims = len(network.spec.input) - 1
    small = (32,) * dims if takes(network.graph, (32,) * dims) else None
    same = compare(network, small)
    assert same.holds, str(same)


def assert_same(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    proof = verify(network.deployed)
    assert proof.holds, str(proof)
    trained, deployed = pair(network)
    x = torch.randn(2, *network.spec.input, dtype=torch.float64)
    with torch.inference_mode():
        wanted = trained(x)
        assume(wanted.isfinite().all())  # powers of powers are too large for any float
        assert apart(wanted, deployed(x)) <= 1e-10


@settings(max_examples=FEW)
@given(valid_specs())
def test_a_drawn_network_is_the_same_function(spec: dict[str, Any]) -> None:
    assert_same(spec)


@settings(max_examples=FEW)
@given(block_specs().filter(compiles))
def test_a_network_of_drawn_blocks_is_the_same_function(spec: dict[str, Any]) -> None:
    assert_same(spec)


@pytest.mark.parametrize(
    ("name", "folded", "total"),
    [("attention56", 70, 107), ("attention452", 786, 1189), ("attentionnext56", 107, 107)],
)
def test_how_many_batch_norms_are_folded(name: str, folded: int, total: int) -> None:
    deployed = archcompiler.compile(name).deployed
    assert str(deployed.batch_norms) == f"{folded:,} of {total:,} batch norms folded"
    if name == "attention452":
        return
    with torch.device("meta"):
        kinds = [type(part).__name__ for part in deployed.module().modules()]
    assert kinds.count("Affine") == total - folded
    assert "BatchNorm2d" not in kinds


def test_nothing_is_left_of_training(cifar: archcompiler.CompiledNetwork) -> None:
    spec = tiny_spec(
        {"channels": 32, "modules": 1, "depth": 1, "unit": {"type": "basic", "drop_path": 0.5}},
        head={"dropout": 0.5},
    )
    for network in (cifar, archcompiler.compile(spec)):
        source = network.deployed.source
        for word in ("BatchNorm", "ropout", "checkpoint", "init.", "statistics", "drop_path"):
            assert word not in source
        assert_linted(source)
        model = network.deployed.module().train()
        x = torch.randn(2, 3, 32, 32)
        with torch.no_grad():
            assert torch.equal(model(x), model.eval()(x))
        assert not [*model.buffers()]


def test_weights_are_those_that_torch_folds() -> None:
    network = archcompiler.compile(tiny_spec({"channels": 16, "unit": "bottleneck"}))
    trained, deployed = pair(network)
    unit, other = trained.stage1.before.unit1, deployed.stage1.before.unit1
    for conv, norm in (("conv1", "norm1"), ("conv2", "norm2"), ("conv3", "norm3")):
        layer, bn = getattr(unit, conv), getattr(unit, norm)
        statistics = bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
        weight, bias = fuse_conv_bn_weights(layer.weight, None, *statistics)
        torch.testing.assert_close(getattr(other, conv).weight, weight, rtol=1e-12, atol=0)
        torch.testing.assert_close(getattr(other, conv).bias, bias, rtol=1e-10, atol=1e-12)


def test_every_weight_counts() -> None:
    """No statistic, scale or shift is left unread, of a folded or of an affine batch norm."""
    network = archcompiler.compile(tiny_spec({"channels": 8, "modules": 1, "depth": 1}))
    trained, deployed = pair(network)
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.inference_mode():
        before = trained(x)
        for name, tensor in trained.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            tensor.mul_(1.25).add_(0.01)
            deployed.load_trained(trained.state_dict())
            after = trained(x)
            assert apart(before, after) > 1e-9, name
            assert apart(after, deployed(x)) < 1e-10, name
            before = after


@pytest.mark.parametrize(
    "weigh",
    [{"op": "gain"}, {"op": "affine", "init": 0}, {"op": "layer_scale", "init": 1e-12}],
    ids=str,
)
def test_a_wrong_fold_is_seen_behind_what_weighs_nothing_at_first(weigh: dict[str, Any]) -> None:
    steps = {
        "conv": {"op": "conv", "channels": "c", "kernel": 3},
        "norm": {"op": "norm"},
        "act": {"op": "act"},
        "weigh": weigh,
        "add": {"op": "add", "from": ["x", "weigh"]},
    }
    spec = tiny_spec({"channels": 8}, unit="own", blocks={"own": {"steps": steps}})
    stem = {"type": "conv", "channels": 8, "norm": False}
    network = archcompiler.compile({**spec, "head": "none", "stem": stem})
    assert compare(network).holds
    deployed = replace(network.deployed)
    right = "+ eps).sqrt()"
    assert right in network.deployed.source
    vars(deployed)["source"] = network.deployed.source.replace(right, "+ 2 * eps + 0.01).sqrt()")
    assert not compare(deployed).holds


def pair(network: archcompiler.CompiledNetwork) -> tuple[Any, Any]:
    """A trained network of random weights, and the same for inference, in float64."""
    torch.manual_seed(0)
    trained = network.module().double().eval()
    randomise(trained, torch.randn(2, *network.spec.input, dtype=torch.float64))
    deployed: Any = network.deployed.module().double()
    deployed.load_trained(trained.state_dict())
    return trained, deployed


def test_weights_are_read_from_files(cifar: archcompiler.CompiledNetwork, tmp_path: Path) -> None:
    trained: Any = cifar.module()
    state = trained.state_dict()
    before = {name: tensor.clone() for name, tensor in state.items()}
    torch.save(state, tmp_path / "weights.pt")
    torch.save({"model": state, "iteration": 7}, tmp_path / "checkpoint.pt")
    models = []
    torch.save({"state_dict": state, "epoch": 7}, tmp_path / "others.pt")
    paths = [tmp_path / "weights.pt", str(tmp_path / "checkpoint.pt"), tmp_path / "others.pt"]
    for weights in (state, *paths):
        model: Any = cifar.deployed.module()
        model.load_trained(weights)
        models.append(model.state_dict())
    for other in models[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in models[0].items())
    # What was given is not changed, also where it is in float64 already.
    assert all(torch.equal(tensor, state[name]) for name, tensor in before.items())


def test_other_weights_are_refused_in_one_message(cifar: archcompiler.CompiledNetwork) -> None:
    state = dict(cifar.module().state_dict())
    norm = "stage1.before.unit1.norm2.running_mean"
    for changed, message in (
        ({norm: None}, rf"^no weights of `attention56_cifar`: `{norm}` is missing and should be"),
        ({norm: torch.zeros(3)}, rf"`{norm}` is \(3,\) and should be \(16,\)$"),
        ({"more": torch.zeros(3)}, r"`more` is \(3,\) and should be absent$"),
        (dict.fromkeys(state), r"and \d+ more$"),
        (cifar.deployed.module().state_dict(), "and should be absent"),
    ):  # fmt: skip
        weights = {name: t for name, t in (state | changed).items() if t is not None}
        model: Any = cifar.deployed.module()
        before = model.head.classifier.weight.clone()
        with pytest.raises(ValueError, match=message):
            model.load_trained(weights)
        assert torch.equal(model.head.classifier.weight, before)


def test_what_has_no_weights_is_refused(
    cifar: archcompiler.CompiledNetwork, tmp_path: Path
) -> None:
    torch.save([1, 2], tmp_path / "list.pt")
    model: Any = cifar.deployed.module()
    keys = {1: torch.zeros(1)}
    for other in (tmp_path / "list.pt", cifar.module(), [1], {"iteration": 7}, keys):
        with pytest.raises(ValueError, match="neither a state_dict nor"):
            model.load_trained(other)


def test_files_that_are_none_of_tensors_are_refused_by_name(
    cifar: archcompiler.CompiledNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pt"
    model: Any = cifar.deployed.module()
    torch.save(cifar.module().state_dict(), path)
    whole = path.read_bytes()
    torch.save(torch.nn.Linear(1, 1), path)
    for content in (path.read_bytes(), whole[: len(whole) // 2], b"", pickle.dumps({"a": 1})[:-1]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.pt` is damaged.*: save a state_dict$"):
            model.load_trained(path)
    with pytest.raises(FileNotFoundError):
        model.load_trained(tmp_path / "none.pt")


def test_what_is_no_number_is_refused_by_name(cifar: archcompiler.CompiledNetwork) -> None:
    state = cifar.module().state_dict()
    for name, kind, changed in (
        ("head.classifier.weight", "is torch.complex64", lambda t: t.to(torch.complex64)),
        ("head.classifier.weight", "is torch.int64", lambda t: t.long()),
        ("head.classifier.weight", "torch.sparse_coo", lambda t: t.to_sparse()),
        ("head.classifier.weight", "on meta", lambda t: t.to("meta")),
        ("stem.conv.weight", "is not finite", lambda t: t * torch.nan),
        ("stage1.before.unit1.norm2.running_var", "is negative", lambda t: t - 2),
    ):
        model: Any = cifar.deployed.module()
        before = model.head.classifier.weight.clone()
        with pytest.raises(ValueError, match=rf"^`{name}` .*{kind}"):
            model.load_trained({**state, name: changed(state[name])})
        assert torch.equal(model.head.classifier.weight, before)
    diverged: Any = cifar.module()
    with torch.no_grad():
        diverged.head.classifier.weight.fill_(torch.inf)
    with pytest.raises(CompileError, match=r"(?s)E760.*is not finite"):
        folded_module(cifar.deployed, diverged)


def test_it_is_for_inference_already(cifar: archcompiler.CompiledNetwork) -> None:
    assert cifar.deployed.deployed is cifar.deployed
    assert cifar.batch_norms is None


def run(*words: object) -> Any:
    return CliRunner().invoke(group, [str(word) for word in words])


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("build", "attention56_cifar", "--deploy")
    path = tmp_path / "generated" / "attention56_cifar_deploy.py"
    lines = path.read_text().count("\n")
    folded = "69 of 106 batch norms folded"
    assert done.stdout == f"{path.relative_to(tmp_path)}  created, {lines} lines, {folded}\n"
    text = path.read_text()
    assert "\n# Source: archcompiler build attention56_cifar --deploy\n" in text
    assert "Mapping[str, Any]" in text
    assert load_module("written", text).attention56_cifar_deploy() is not None
    assert run("build", "attention56_cifar", "--deploy", "--check").exit_code == 0
    told = json.loads(run("build", "attention56_cifar", "--deploy", "--format", "json").stdout)
    assert told["networks"][0]["batch_norms"] == {"folded": 69, "affine": 37}
    path.write_text(text.replace("3, padding=1", "5, padding=2"))
    stale = run("build", "attention56_cifar", "--deploy", "--check")
    assert stale.exit_code == 1
    assert "rebuild with: archcompiler build attention56_cifar --deploy --force" in stale.stderr
    assert run("build", "attention56_cifar", "--deploy", "-o", "-").stdout == text


def test_verify_says_what_it_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    steps = {
        "a": {"op": "conv", "channels": "c", "kernel": 1},
        "n": {"op": "norm"},
        "s": {"op": "add", "from": ["a", "n"]},
    }
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(tiny_spec(unit="own", blocks={"own": {"steps": steps}})))
    done = run("verify", "--deploy", path)
    assert done.exit_code == 0
    assert "with random weights and statistics it is the trained network" in done.stdout
    # A convolution that something else reads must not take a batch norm in.
    monkeypatch.setattr("archcompiler.language.folding._fits", lambda *_: True)
    wrong = run("verify", "--deploy", path, "--format", "json")
    told = json.loads(wrong.stdout)["networks"][0]
    assert wrong.exit_code == 1
    assert not told["same"]


def test_a_name_that_only_the_file_for_inference_would_take() -> None:
    steps = {"conv": {"op": "conv", "channels": "c", "kernel": 1}}
    spec = tiny_spec(
        {"channels": 16, "unit": "tiny_deploy"}, blocks={"tiny_deploy": {"steps": steps}}
    )
    network = archcompiler.compile(spec)
    with pytest.raises(archcompiler.CompileError, match="E205"):
        _ = network.deployed


@pytest.mark.skipif(not EVERY_SPEC, reason="torch takes ten seconds to export it as ONNX")
def test_runtimes_give_the_same_logits(cifar: archcompiler.CompiledNetwork) -> None:
    torch.manual_seed(0)
    trained = cifar.module().eval()
    randomise(trained, torch.randn(2, 3, 32, 32))
    deployed: Any = cifar.deployed.module()
    deployed.load_trained(trained.state_dict())
    data = onnx_bytes(deployed, (3, 32, 32), {})
    for batch in (1, 4):
        images = torch.randn(batch, 3, 32, 32)
        with torch.inference_mode():
            wanted = trained(images)
        for runtime in RUNTIMES:
            assert apart(wanted, runtime(data, images)) < 1e-4, runtime.__name__


def test_a_network_of_sequences_becomes_onnx() -> None:
    spec = {
        "name": "net",
        "input": [2, 64],
        "classes": 3,
        "stem": {"type": "conv", "channels": 8},
        "stages": [{"channels": 8}],
    }
    network = archcompiler.compile(spec)
    trained: Any = network.module().eval()
    deployed: Any = network.deployed.module()
    deployed.load_trained(trained.state_dict())
    images = torch.randn(2, 2, 64)
    with torch.inference_mode():
        wanted = trained(images)
    for module in (trained, deployed):
        assert apart(wanted, RUNTIMES[0](onnx_bytes(module, (2, 64), {}), images)) < 1e-5


def test_the_specs_in_this_file_are_shipped() -> None:
    assert {path.stem for path in ROOT.joinpath("specs").rglob("*.toml")} >= QUICK


def test_repvgg_is_as_published() -> None:
    """Ding et al., CVPR 2021, table 4: after training 8.30 M parameters and 1.4 G MACs."""
    graph = archcompiler.compile("repvgg_a0").deployed.graph
    cost = network_cost(graph)
    assert f"{cost.params / 1e6:.1f}" == "8.3"
    assert f"{cost.macs / 1e9:.1f}" == "1.4"
    kinds = {node.op.kind for node in graph.nodes()}
    assert kinds == {"conv", "relu", "global_avg_pool", "linear"}
