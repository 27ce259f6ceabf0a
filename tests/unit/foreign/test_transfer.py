"""Weights of implementations that others have written give the emitted file their logits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from restated import attention_ports
from restated.attention_keras import attention_cifar
from restated.keras_layers import keras_layout
from restated.named import NETWORKS, resnet, small_resnet
from safetensors.torch import load_file, save_file
from shipped import EVERY_SPEC
from torch import Tensor, nn

from archcompiler import shipped
from archcompiler.cli.program import group
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Source, Span
from archcompiler.foreign import transfer as transferring
from archcompiler.foreign.loading import Implementation
from archcompiler.foreign.mapping import tensor_map
from archcompiler.foreign.transfer import Transfer, transfer, transfer_by_name
from archcompiler.runner.store.layouts import layouts
from archcompiler.runner.store.weights import begin_with

PLACE = Span(Source("--from", "theirs", "toml"), 0, 6)
SMALL = "input=[3, 64, 64]"
NARROW = [f"stages.{i}.channels={16 << i}" for i in range(4)]
NARROW_PORT = ("stem.channels=4", *NARROW)
SMALL_RESNET = (
    SMALL,
    "stem.channels=16",
    *(f"stages.{i}.channels={64 << i}" for i in range(4)),
    *(f"stages.{i}.before={count}" for i, count in enumerate((1, 2, 1, 1))),
)
QUICK = {
    "torchvision": {"resnet18", "resnext50_32x4d"},
    "timm": {"resnet50d", "seresnet50"},
}
"""Networks of each layout; EVERY_SPEC=1 has all."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def theirs(module: nn.Module) -> Implementation:
    return Implementation("theirs", PLACE, module.eval())


def randomised(module: nn.Module) -> nn.Module:
    """Small weights and statistics under which nothing is neutral, and no two tensors alike."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            scale = value.shape[1:].numel() ** -0.5 if value.dim() > 1 else 0.2
            if value.dim() == 4 and "kernel" in name:
                scale = value.shape[:3].numel() ** -0.5
            if value.is_floating_point():
                value.normal_(0, scale)
                if value.dim() == 1 and not name.endswith(("bias", "beta", "mean")):
                    value.abs_().add_(0.5)
    return module


def logits(module: nn.Module, state: Mapping[str, Tensor], image: Tensor) -> Tensor:
    module.load_state_dict(dict(state))
    with torch.inference_mode():
        found: Tensor = module.double().eval()(image)
    return found


FOREIGN: dict[str, tuple[str, tuple[str, ...], Callable[[], nn.Module]]] = {
    "torchvision's ResNet-50": ("resnet50", SMALL_RESNET, lambda: small_resnet("resnet50")),
    "timm's ResNeXt-50": (
        "resnet50",
        (*SMALL_RESNET, "unit={type='resnext'}"),
        lambda: small_resnet("resnext50_32x4d"),
    ),
    "gluon's Attention-56": (
        "gluon56_cifar",
        NARROW_PORT,
        lambda: attention_ports.gluon_cifar(56, 8),
    ),
    "tengshaofeng's Attention-92": (
        "tengshaofeng92_32",
        NARROW_PORT,
        lambda: attention_ports.tengshaofeng("92_32input", 8),
    ),
    "Keras's layout": (
        "qubvel_cifar",
        NARROW_PORT,
        lambda: keras_layout(attention_cifar(narrow=8)),
    ),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_logits_are_theirs_in_float64(name: str) -> None:
    spec, settings, make = FOREIGN[name]
    network = compile(shipped.specs()[spec], settings)
    module = randomised(make())
    made = transfer(network, theirs(module))
    assert made.choices == made.unused == ()
    image = torch.randn(1, *network.spec.input, dtype=torch.float64)
    ours = logits(network.module(), made.tensors, image)
    wanted = logits(module, module.state_dict(), image)
    assert wanted.std() > 1e-3
    assert float((ours - wanted).abs().max() / wanted.abs().max()) < 1e-6


TINY: dict[str, Any] = {
    "name": "two",
    "input": [3, 16, 16],
    "classes": 5,
    "stem": {"type": "conv", "channels": 8},
    "stages": [{"channels": 8, "unit": "pair"}],
    "blocks": {
        "pair": {
            "steps": {
                "left": {"op": "conv", "channels": "c", "kernel": 3},
                "right": {"op": "conv", "from": "x", "channels": "c", "kernel": 3},
                "add": {"op": "add", "from": ["left", "right"]},
            }
        }
    },
}
NETWORK = compile(TINY)


class Two(nn.Module):
    """The same, with two convolutions of names that are given."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False))
        self.stem.extend([nn.BatchNorm2d(8), nn.ReLU()])
        self.paths = nn.ModuleDict(
            {name: nn.Conv2d(8, 8, 3, padding=1, bias=False) for name in names}
        )
        self.fc = nn.Linear(8, 5)
        self.spare = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        a, b = self.paths.values()
        x = a(x) + b(x)
        return self.fc(x.mean([2, 3]))


def made_of(module: nn.Module, **options: Any) -> Transfer:
    return transfer(NETWORK, theirs(randomised(module)), **options)


def problem(call: Callable[[], object]) -> str:
    with pytest.raises(CompileError) as raised:
        call()
    return str(raised.value)


def test_names_decide_a_symmetry_or_nothing_is_taken() -> None:
    module = Two("right_one", "left_one")
    made = made_of(module)
    left = "stage1.before.unit1.left"
    assert made.names[f"{left}.weight"] == "paths.left_one.weight"
    assert made.choices[0].decision.rule == "by the words that their names share"
    assert made.unused == ("spare.weight", "spare.bias")
    text = problem(lambda: made_of(Two("a", "b")))
    assert "[E904]" in text
    assert f"`{left}`" in text
    assert "`paths.a`, `paths.b`" in text
    pinned = made_of(Two("a", "b"), pairs={left: "paths.b"})
    assert pinned.names[f"{left}.weight"] == "paths.b.weight"
    assert "did you mean `paths.a`?" in problem(
        lambda: made_of(Two("a", "b"), pairs={left: "path.a"})
    )
    # The name that there is not is pointed at, also where the other one begins with it.
    text = problem(lambda: made_of(Two("a", "b"), pairs={left: "stage1"}))
    assert f"--pair:1:{len(left) + 2}" in text
    assert f"  | {'':{len(left) + 1}}^^^^^^\n" in text
    text = problem(lambda: made_of(Two("a", "b"), pairs={left: "fc"}))
    assert "are not the same operator" in text
    other = {left: "paths.a", "stage1.before.unit1.right": "paths.a"}
    assert "[E905]" in problem(lambda: made_of(Two("a", "b"), pairs=other))


def test_what_does_nothing_in_inference_may_differ() -> None:
    module = Two("left", "right")
    module.stem[1].momentum = 0.01
    module.fc = nn.Sequential(nn.Dropout(), module.fc)
    assert "fc.1.weight" in made_of(module).names.values()
    dropped = compile(TINY | {"head": {"dropout": 0.2}})
    found = transfer(dropped, theirs(randomised(Two("left", "right"))))
    assert "fc.weight" in found.names.values()


def test_one_layer_for_two_gives_both_its_weights() -> None:
    class Once(Two):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.fc((self.paths["a"](x) + self.paths["a"](x)).mean([2, 3]))

    made = made_of(Once("a"))
    left, right = (f"stage1.before.unit1.{side}.weight" for side in ("left", "right"))
    assert made.names[left] == made.names[right] == "paths.a.weight"
    assert made.choices == ()
    assert len(made.as_bytes(".safetensors")) > made.tensors[left].nbytes * 2


def test_another_network_is_named_with_its_line() -> None:
    module = Two("left", "right")
    module.fc = nn.Linear(8, 6)
    text = problem(lambda: made_of(module))
    assert "[E902]: `theirs` is another network than `two`" in text
    assert "first, theirs has test_transfer.py:" in text
    assert "out_features=6" in text
    assert "where the spec has head.classifier: linear in_features=8 out_features=5" in text


def test_every_tensor_that_does_not_fit_is_told(tmp_path: Path) -> None:
    module = randomised(Two("left", "right"))
    state = module.state_dict()
    del state["spare.bias"], state["stem.1.num_batches_tracked"]
    torch.save(state, tmp_path / "whole.pth")
    made = transfer(NETWORK, theirs(module), tmp_path / "whole.pth")
    assert int(made.tensors["stem.norm.num_batches_tracked"]) == 0
    state["stem.0.weights"] = state.pop("stem.0.weight")
    state["fc.bias"] = torch.zeros(7)
    save_file(state, tmp_path / "other.safetensors")
    text = problem(lambda: transfer(NETWORK, theirs(module), tmp_path / "other.safetensors"))
    assert text.count("error[E903]") == 3
    assert "the checkpoint has no `stem.0.weight`" in text
    assert "`fc.bias` is 7 float32, not 5 float32" in text
    assert "the module has no `stem.0.weights`" in text
    assert "`stem.0.weights` may be meant, which has its shape" in text
    torch.save({f"module.{n}": t for n, t in module.state_dict().items()}, tmp_path / "w.pth")
    text = problem(lambda: transfer(NETWORK, theirs(module), tmp_path / "w.pth"))
    assert text.count("error[") == 1
    assert "every tensor's name begins with `module.`" in text
    # Of some tensors alone it is no wrapper's, and a name that is like no other is no hint.
    several = {
        n if n.startswith("fc") else f"module.{n}": t for n, t in module.state_dict().items()
    }
    torch.save(several, tmp_path / "w.pth")
    text = problem(lambda: transfer(NETWORK, theirs(module), tmp_path / "w.pth"))
    assert "every tensor's name" not in text
    assert "the module has no `module.stem.0.weight`" in text
    torch.save({"fc.bias": torch.zeros(5)}, tmp_path / "w.pth")
    text = problem(lambda: transfer(NETWORK, theirs(module), tmp_path / "w.pth"))
    assert "the checkpoint has no `stem.0.weight`" in text
    assert "help" not in text
    # A file of safetensors has its tensors in an order of its own.
    last_first = dict(reversed([(f"module.{n}", t) for n, t in module.state_dict().items()]))
    torch.save(last_first, tmp_path / "w.pth")
    text = problem(lambda: transfer(NETWORK, theirs(module), tmp_path / "w.pth"))
    assert text.count("error[") == 1
    assert "every tensor's name begins with `module.`" in text


def test_other_logits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = randomised(Two("left", "right"))
    own = transferring.as_ours

    def wrong(*arguments: Any) -> dict[str, Tensor]:
        tensors = own(*arguments)
        key = "stage1.before.unit1.left.weight"
        return tensors | {key: tensors[key].flip(2)}

    monkeypatch.setattr(transferring, "as_ours", wrong)
    assert "[E906]" in problem(lambda: transfer(NETWORK, theirs(module)))
    monkeypatch.undo()
    with torch.no_grad():
        module.fc.bias[0] = float("nan")
    assert "[E906]" in problem(lambda: transfer(NETWORK, theirs(module)))


def test_a_network_that_torch_export_has_saved(tmp_path: Path) -> None:
    from archcompiler.foreign.loading import load_implementation

    module = randomised(Two("left", "right")).eval()
    program = torch.export.export(module, (torch.randn(2, 3, 16, 16),))
    path = tmp_path / "two.pt2"
    torch.export.save(program, path)
    made = transfer(NETWORK, load_implementation(str(path), "--from"))
    assert made.deviation is not None
    assert made.deviation < 1e-6
    state = module.state_dict()
    assert all(torch.equal(made.tensors[a], state[b]) for a, b in made.names.items() if b in state)
    path.write_bytes(path.read_bytes()[:1000])
    assert "[E901]" in problem(lambda: load_implementation(str(path), "--from"))


def tables() -> list[Any]:
    return [
        pytest.param(table, name, id=f"{layout}-{name}")
        for layout, all_ in layouts().items()
        for table in all_
        for name in table.networks
        if EVERY_SPEC or name in QUICK[layout]
    ]


def network_of(table: Any, name: str, *settings: str) -> CompiledNetwork:
    spec, *own = table.networks[name]
    return compile(shipped.specs()[spec], [*own, *settings])


@pytest.mark.parametrize(("table", "name"), tables())
def test_names_of_a_layout_are_those_of_the_isomorphism(table: Any, name: str) -> None:
    network = network_of(table, name, SMALL)
    with torch.device("meta"):
        found = tensor_map(network, theirs(resnet(name)))
    named = {key: table.name_of(key) for key in found.shapes}
    assert {key: stored.name for key, stored in found.tensors.items()} == named


def test_every_network_of_a_layout_is_restated() -> None:
    names = {name for tables in layouts().values() for t in tables for name in t.networks}
    assert names <= NETWORKS.keys()
    assert all({n for t in layouts()[k] for n in t.networks} >= own for k, own in QUICK.items())


def test_a_checkpoint_is_read_by_a_layout(tmp_path: Path) -> None:
    with torch.device("meta"):
        module = resnet("resnet18")
    state = randomised(module.to_empty(device="cpu")).state_dict()
    state = {name: tensor for name, tensor in state.items() if "num_batches" not in name}
    path = tmp_path / "resnet18.pth"
    torch.save(state, path)
    network = compile("resnet18", [SMALL])
    made = transfer_by_name(network, "torchvision", path)
    assert made.layout == "resnet18"
    unit = made.tensors["stage2.before.unit1.project_norm.running_var"]
    assert torch.equal(unit, state["layer2.0.downsample.1.running_var"])
    assert int(made.tensors["stem.norm.num_batches_tracked"]) == 0
    # As a run begins with it, with a classifier for others.
    begun = begin_with(Path(f"torchvision:{path}"), compile("resnet18", [SMALL, "classes=3"]))
    assert begun.left_out == ("head.classifier.weight", "head.classifier.bias")
    assert str(begun.weights.path) == f"torchvision:{path}"
    assert all(torch.equal(tensor, made.tensors[name]) for name, tensor in begun.taken.items())
    assert "[E752]" in problem(lambda: begin_with(Path(f"timm:{path}"), NETWORK))
    changed = compile("resnet18", ["activation=silu"])
    assert "[E752]" in problem(lambda: begin_with(Path(f"timm:{path}"), changed))
    del state["fc.bias"]
    torch.save(state, path)
    assert "[E750]" in problem(lambda: transfer_by_name(network, "torchvision", path))


def test_the_file_is_read_by_the_emitted_model(tmp_path: Path) -> None:
    made = made_of(Two("left", "right"))
    (tmp_path / "two.safetensors").write_bytes(made.as_bytes(".safetensors"))
    (tmp_path / "two.pt").write_bytes(made.as_bytes(".pt"))
    for state in (
        load_file(tmp_path / "two.safetensors"),
        torch.load(tmp_path / "two.pt", weights_only=True),
    ):
        NETWORK.module().load_state_dict(state)
        assert all(torch.equal(state[name], tensor) for name, tensor in made.tensors.items())


MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()
        )
        self.left = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.right = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        return self.fc(torch.flatten((self.right(x) + self.left(x)).mean((2, 3)), 1))
"""


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.toml").write_text(toml_text(TINY), encoding="utf-8")
    Path("model.py").write_text(MODEL, encoding="utf-8")

    def run(*words: str) -> Result:
        return CliRunner().invoke(group, ["weights", "two.toml", *words])

    result = run("--from", "model.py:Net")
    assert result.exit_code == 0
    first, second, third = result.output.splitlines()
    assert first.startswith("two.safetensors  10 tensors, ")
    assert second.startswith("model.py:Net is two, and gives the same logits with these weights")
    assert third.startswith("alike, and told apart by the words that their names share: ")
    assert "stage1.before.unit1.left = left" in third
    told = json.loads(run("--from", "model.py:Net", "-o", "a.pt", "--format", "json").output)
    (network,) = told["networks"]
    assert network["file"] == "a.pt"
    assert network["names"]["head.classifier.bias"] == "fc.bias"
    assert network["deviation"] < 1e-6
    NETWORK.module().load_state_dict(torch.load("a.pt", weights_only=True))
    for words in (
        ("--from", "torchvision"),
        ("--from", "model.py:Net", "--pair", "a"),
        ("--from", "model.py:Net", "--pair", "a=b", "--pair", "a=c"),
        ("--from", "timm", "--checkpoint", "a.pt", "--pair", "a=b"),
        ("--from", "model.py:Net", "-o", "a.bin"),
    ):
        assert run(*words).exit_code == 2
    assert sorted(p.name for p in tmp_path.glob("*.p*")) == ["a.pt", "model.py"]
