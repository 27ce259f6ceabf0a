"""The emitted files of shipped specs do what a PyTorch model is expected to do.

Of specs that differ in how often a block is repeated, one stands for the others.

Networks for 224×224 are run at 64×64, the deepest of those for 32×32 at 16×16. BN and weights are
moved away from their initial values first, so that logits depend on the whole network and on the
image.
"""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from emitted_model import Emitted, loss
from shipped import DISTINCT, ROOT

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.spec.model import Stage

PARAMETERS = {
    "baselines/resnet50": 25_557_032,
    "baselines/resnet152": 60_192_808,
    "baselines/resnext101_32x4d": 44_177_704,
}
"""Of torchvision's and timm's; those of the released networks are in `test_released.py`."""
MILLIONS = {
    "attention92_cifar": (1.84, 1.86),
    "attention236": (5.085, 5.108),
    "attention452": (10.18, None),
}
"""Of the CIFAR networks with 10 and with 100 classes, to the digits given."""


SPECS = [path for path in DISTINCT if not path.stem.endswith(("_ecg", "_volume"))]
"""Networks over images; `test_said_in_specs.py` runs those over signals and volumes."""


@pytest.fixture(scope="module", params=SPECS, ids=lambda path: path.stem)
def emitted(request: pytest.FixtureRequest) -> Emitted:
    return Emitted(archcompiler.compile(request.param))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_and_backward(emitted: Emitted, training: bool) -> None:
    model = emitted.model().train(training)
    logits = model(emitted.x)
    assert logits.shape == (2, emitted.network.spec.classes)
    loss(logits).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{name} is dead"
        assert parameter.grad.isfinite().all(), name


def test_parameters(emitted: Emitted) -> None:
    count = sum(p.numel() for p in emitted.empty().parameters())
    assert count == parameter_count(emitted.network.graph)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_others(name: str) -> None:
    graph = archcompiler.compile(ROOT / f"specs/{name}.toml").graph
    assert parameter_count(graph) == PARAMETERS[name]


@pytest.mark.parametrize("name", MILLIONS)
def test_parameters_as_published(name: str) -> None:
    for classes, millions in zip((10, 100), MILLIONS[name], strict=True):
        if millions is not None:
            digits = len(str(millions).partition(".")[2])
            path = ROOT / f"specs/{name}.toml"
            graph = archcompiler.compile(path, [f"classes={classes}"]).graph
            assert round(parameter_count(graph) / 1e6, digits) == millions


def test_names_follow_the_scopes(emitted: Emitted) -> None:
    model = emitted.empty()
    scopes = {node.path.replace("/", ".") for node in emitted.network.graph.nodes()}
    for name in model.state_dict():
        assert not any(part.isdigit() for part in name.split(".")), name
        assert name.rpartition(".")[0] in scopes


def test_channels_last(emitted: Emitted) -> None:
    model = emitted.model().to(memory_format=torch.channels_last)
    x = emitted.x.to(memory_format=torch.channels_last)
    with torch.no_grad():
        emitted.assert_close(model(x))
        for name, feature in model.stage_features(x).items():
            assert feature.is_contiguous(memory_format=torch.channels_last), name


def test_bfloat16_autocast(emitted: Emitted) -> None:
    model = emitted.model().train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(emitted.x)
    assert logits.dtype is torch.bfloat16
    loss(logits.float()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = model.eval()(emitted.x).float()
    assert logits.isfinite().all()


def test_checkpointing(emitted: Emitted) -> None:
    plain, checkpointed = emitted.model().train(), emitted.model(checkpointing=True).train()
    losses = [loss(model(emitted.x)) for model in (plain, checkpointed)]
    for value in losses:
        value.backward()
    torch.testing.assert_close(losses[1], losses[0])
    for (name, one), other in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(
            other.grad, one.grad, msg=lambda text, name=name: f"{name}: {text}"
        )
    for (name, one), other in zip(plain.named_buffers(), checkpointed.buffers(), strict=True):
        assert torch.equal(one, other), name


def test_saved_and_loaded(emitted: Emitted) -> None:
    file = io.BytesIO()
    torch.save(emitted.ready.state_dict(), file)
    file.seek(0)
    loaded = emitted.empty().to_empty(device="cpu")
    loaded.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        assert torch.equal(loaded.eval()(emitted.x), emitted.logits)


def test_fx(emitted: Emitted) -> None:
    model = emitted.ready
    traced = torch.fx.symbolic_trace(model)
    with torch.no_grad():
        assert torch.equal(traced(emitted.x), emitted.logits)
    called = {node.target for node in traced.graph.nodes if node.op == "call_module"}
    owners = {name.rpartition(".")[0] for name, _ in model.named_parameters()}
    assert owners <= called, "modules that are made and never called"


def test_features(emitted: Emitted) -> None:
    model = emitted.ready
    with torch.no_grad():
        by_stage = model.stage_features(emitted.x)
        features = model.forward_features(emitted.x)
        assert torch.equal(model.head(features), emitted.logits)
    stages = emitted.network.spec.stages
    assert list(by_stage) == [f"stage{i + 1}" for i in range(len(stages))]
    assert [f.shape[1] for f in by_stage.values()] == [stage.channels for stage in stages]
    assert torch.equal(by_stage[f"stage{len(stages)}"], features)


def activation_of(stage: Stage) -> str:
    """The mask's activation, as the spec has it."""
    mask = (stage.attention.model_extra or {}).get("mask", {})
    return mask.get("activation", "mixed") if isinstance(mask, dict) else "mixed"


def test_attention_masks(emitted: Emitted) -> None:
    spec, model = emitted.network.spec, emitted.ready
    expected = [
        (f"stage{i}.attention{j}.mask", stage.channels, activation_of(stage))
        for i, stage in enumerate(spec.stages, 1)
        for j in range(1, stage.modules + 1)
    ]
    if not expected:
        assert not hasattr(model, "attention_masks")
        return
    with torch.no_grad():
        masks = model.attention_masks(emitted.x)
    assert list(masks) == [name for name, _, _ in expected]
    for name, channels, activation in expected:
        mask = masks[name]
        assert mask.shape[:2] == (2, channels)
        assert mask.std() > 1e-3, f"{name} weighs everything alike"
        if activation == "channel":
            torch.testing.assert_close(mask.norm(dim=1), torch.ones_like(mask[:, 0]))
        else:
            assert mask.min() >= 0
            assert mask.max() <= 1
    assert not any(module._forward_hooks for module in model.modules())


def test_overrides(emitted: Emitted) -> None:
    model = emitted.empty(num_classes=7, in_channels=5).to_empty(device="cpu").eval()
    with torch.no_grad():
        assert model(torch.randn(1, 5, 64, 48)).shape == (1, 7)
    changed = {
        name
        for name, tensor in model.state_dict().items()
        if tensor.shape != emitted.state[name].shape
    }
    head = {"head.classifier.weight", "head.classifier.bias"}
    assert changed == {"stem.conv.weight"} | (head if emitted.network.spec.classes != 7 else set())
    with pytest.raises(TypeError, match="klasses"):
        emitted.empty(klasses=7)


def test_imports_torch_alone(emitted: Emitted) -> None:
    modules = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(emitted.network.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    assert foreign == {"torch"}


def test_every_file_is_built_where_only_torch_can_be_imported() -> None:
    """One process for all: most of it is the import of torch."""
    script = """
import json, sys, torch, warnings
for name in ("archcompiler", "pydantic", "jinja2", "networkx", "click", "fvcore"):
    sys.modules[name] = None
warnings.simplefilter("error")
for name, source in json.load(sys.stdin).items():
    module = type(sys)(name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
    assert len(module.__all__) == 3, name
    with torch.device("meta"):
        assert getattr(module, name)().__doc__, name
"""
    networks = [archcompiler.compile(path) for path in SPECS]
    result = subprocess.run(
        [sys.executable, "-I", "-c", script],
        input=json.dumps({network.name: network.source for network in networks}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_bare_interpreter_imports_the_file(tmp_path: Path) -> None:
    """The whole of it once: a file on disk, warnings as errors from the first import on."""
    archcompiler.compile(ROOT / "specs/attention56_cifar.toml").write(tmp_path)
    script = "import attention56_cifar as m; print(m.attention56_cifar().config)"
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "num_classes=10" in result.stdout


def test_attention452_is_short() -> None:
    source = archcompiler.compile(ROOT / "specs/attention452.toml").source
    assert source.count("\n") < 400


def test_hooks_see_what_a_normalisation_gives() -> None:
    """An activation in place hands a hook the ReLU's values; a full backward hook raises."""
    spec = {"name": "net", "input": [3, 32, 32], "classes": 10, "stem": {"type": "conv"},
            "stages": [{"channels": 16, "modules": 1, "depth": 1}]}  # fmt: skip
    module = archcompiler.compile(spec).module()
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    for norm in norms:
        norm.register_forward_hook(lambda _, args, y: kept.append((y, y.detach().clone())))
        norm.register_full_backward_hook(lambda *_: None)
    module(torch.rand(2, 3, 32, 32)).sum().backward()
    assert len(kept) == len(norms) > 0
    assert all(torch.equal(seen, then) for seen, then in kept)


def test_a_model_is_saved_whole(emitted: Emitted) -> None:
    """By the protocol of pickle that `torch.save` has by default."""
    model = emitted.ready
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    other = torch.load(buffer, weights_only=False)
    assert other.config == model.config
    with torch.no_grad():
        assert torch.equal(other(emitted.x), emitted.logits)
