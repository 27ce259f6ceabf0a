"""The file for JAX: it is the graph, and computes what the file for PyTorch does."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from drawn_blocks import block_specs
from flax import nnx
from hypothesis import given, settings
from jax_networks import PLAIN, PLANE, SIGNAL, VOLUME, drop_nothing
from shipped import ALL_TOML_SPECS, EVERY_SPEC
from test_drawn_blocks import assert_linted

import archcompiler
from archcompiler.backends.backend import backend
from archcompiler.cli.program import group
from archcompiler.compiler import CompiledNetwork
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import Severity
from archcompiler.emit.load import load_module
from archcompiler.verify import verify
from archcompiler.verify.inference import apart, randomise
from archcompiler.verify.jax_numbers import compare, farthest
from archcompiler.verify.jax_proof import abstract, prove


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return archcompiler.compile(PLANE)


@pytest.fixture(scope="module")
def file(network: CompiledNetwork) -> Any:
    return network.for_backend("jax").emitted


@pytest.fixture(scope="module")
def reference(network: CompiledNetwork) -> torch.nn.Module:
    torch.manual_seed(0)
    return network.module(dropout=0.0).eval()


@pytest.fixture(scope="module")
def model(network: CompiledNetwork, file: Any, reference: torch.nn.Module) -> Any:
    """With the weights of the one of PyTorch."""
    return loaded(network, reference)


def loaded(network: CompiledNetwork, reference: torch.nn.Module) -> Any:
    """A model that is not made of random numbers first, which takes longer than all else."""
    network = network.for_backend("jax")
    made = abstract(network.emitted.tiny)
    drop_nothing(part for _, part in nnx.iter_modules(made))
    network.emitted.load_torch(made, arrays(reference))
    made.eval()
    return made


def arrays(model: torch.nn.Module) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def images(*, seed: int = 0, count: int = 2) -> torch.Tensor:
    return torch.randn(count, *PLANE["input"], generator=torch.Generator().manual_seed(seed))


def last(x: torch.Tensor) -> Any:
    return jnp.asarray(np.moveaxis(x.numpy(), 1, -1))


@pytest.mark.parametrize("path", ALL_TOML_SPECS if EVERY_SPEC else (), ids=lambda p: p.stem)
def test_shipped_networks_are_proved(path: Path) -> None:
    proof = verify(archcompiler.compile(path).for_backend("jax"))
    assert proof.holds, str(proof)


COMPARED = {
    *("attention56", "attention56_cifar", "attention56_cifar_channel", "attention56_cifar_local"),
    *("attention56_cifar_naive", "attention56_cifar_spatial", "attention56_ecg"),
    *("attention56_volume", "mobilenet_v2", "nonlocal_resnet50", "resnet18"),
}
"""Of the shipped networks; each takes a minute to be compiled, and deeper ones many."""
assert {path.stem for path in ALL_TOML_SPECS} >= COMPARED
SPECS = [PLANE, SIGNAL, *(path for path in ALL_TOML_SPECS if path.stem in COMPARED)]


@pytest.mark.parametrize("spec", SPECS if EVERY_SPEC else (), ids=str)
def test_the_numbers_are_those_of_pytorch(spec: Any) -> None:
    found = compare(archcompiler.compile(spec))
    assert found.holds, str(found)


def test_the_command_verifies(tmp_path: Path) -> None:
    """The graph, and in float64 logits, gradients and statistics, in three dimensions."""
    (tmp_path / "tiny.toml").write_text(toml_text(VOLUME), encoding="utf-8")
    arguments = ["verify", str(tmp_path / "tiny.toml"), "--backend", "jax"]
    done = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    proof, numbers = done.output.splitlines()
    assert proof.startswith("tiny: the emitted module is the checked graph (85 operators")
    assert numbers.startswith("tiny at 8×8×8: the file for PyTorch gives the same (in float64")
    assert numbers.endswith("and weights come back to the bit")


@settings(max_examples=100 if EVERY_SPEC else 6)
@given(block_specs())
def test_drawn_blocks_are_proved(spec: dict[str, Any]) -> None:
    if any(found.severity is Severity.ERROR for found in archcompiler.check(spec)):
        return
    network = archcompiler.compile(spec).for_backend("jax")
    proof = verify(network)
    assert proof.holds, f"{proof}\n{network.source}"
    assert_linted(network.source)
    if EVERY_SPEC and steady(network.for_backend("torch")):
        found = compare(network)
        assert found.holds, f"{found}\n{network.source}"


def steady(network: CompiledNetwork) -> bool:
    """Whether rounding makes no difference: a norm of a map that is the same everywhere gives what
    rounding has left of nothing.
    """
    torch.manual_seed(0)
    model = network.module().double()
    x = torch.randn(4, *network.spec.input, dtype=torch.float64)
    randomise(model.eval(), x)
    found = []
    for images in (x, x * (1 + 1e-14 * torch.randn_like(x))):
        model.zero_grad()
        torch.manual_seed(1)  # of what is dropped
        evaluated = model.eval()(images).detach().numpy()
        model.train()(images).square().sum().backward()
        slopes = {
            n: p.grad.numpy().copy() for n, p in model.named_parameters() if p.grad is not None
        }
        found.append({**slopes, "logits": evaluated})
    return farthest(*found) < 1e-9


def changed(network: CompiledNetwork, old: str, new: str) -> Any:
    """What the proof says of a file in which something stands for something else."""
    source = network.for_backend("jax").source
    assert old in source
    file = load_module("tiny_changed", source.replace(old, new))
    return prove(network.graph, file.tiny)


MISTAKES = [
    pytest.param("(2, 2), ceil=True)", "(2, 2), padding=(1, 1))", id="other windows"),
    pytest.param("self.skip(y))", "self.skip(y) + y)", id="a tensor added once more"),
    pytest.param("(1 + self.mask(x))", "self.mask(x)", id="naive for residual"),
    pytest.param("(1 + self.mask(x))", "(2 + self.mask(x))", id="2 + M"),
    pytest.param("jax.nn.sigmoid(", "jax.nn.tanh(", id="tanh for a sigmoid"),
    pytest.param("align_corners=True)", "mode='nearest')", id="nearest for bilinear"),
    pytest.param("resize_like(y, x,", "resize_like(x, y,", id="the wrong way round"),
    pytest.param("(1, 2), keepdims", "(1,), keepdims", id="half of a mean"),
    pytest.param("            groups=groups,\n", "", id="no groups"),
    pytest.param("BatchNorm(width)", "BatchNorm(width, eps=1e-3)", id="another epsilon"),
    pytest.param("self.norm3(self.conv3(y))", "self.conv3(y)", id="no norm"),
    pytest.param(
        "return lax.reduce_window(x, -jnp.inf", "return lax.reduce_window(x, 0.0", id="a helper"
    ),
    pytest.param("last * step >= pixels + pad", "False", id="a helper of a helper"),
    pytest.param("x = self.pre(x)", "jax.nn.relu(x)\n        x = self.pre(x)", id="dead code"),
    pytest.param("x = self.pre(x)", "x = self.pre(x - 0.5)", id="something unheard of"),
    pytest.param("x = self.pre(x)", "x = self.pre(x + jnp.ones(16))", id="a constant"),
    pytest.param("self.norm1(", "self.norm2(", id="the wrong module"),
    pytest.param("self.stem(x)", "self.stem(self.stem(x))", id="too often"),
    pytest.param(
        "x = self.pre(x)", "x = self.pre(x - 0 * jnp.mean(x, 0, keepdims=True))", id="all images"
    ),
]


@pytest.mark.parametrize(("old", "new"), MISTAKES if EVERY_SPEC else MISTAKES[::2])
def test_a_changed_module_is_not_proved(network: CompiledNetwork, old: str, new: str) -> None:
    assert not changed(network, old, new).holds


def test_an_unchanged_module_is_proved(network: CompiledNetwork) -> None:
    assert changed(network, "x = self.pre(x)", "x = self.pre(x)").holds


def test_imports_jax_and_flax_alone(network: CompiledNetwork) -> None:
    nodes = [
        node
        for node in ast.walk(ast.parse(network.for_backend("jax").source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {getattr(node, "module", None) or node.names[0].name for node in nodes}
    roots = {name.partition(".")[0] for name in names}
    assert roots - sys.stdlib_module_names == {"jax", "flax"}


def test_the_names_are_those_of_the_state_dict(file: Any, model: Any, reference: Any) -> None:
    there = file.to_torch(model)
    weights = arrays(reference)
    assert there.keys() == weights.keys()
    for name, array in weights.items():
        assert (there[name].shape, there[name].dtype) == (array.shape, array.dtype)
        assert there[name].flags.c_contiguous, "a saver may write what lies in memory"
        np.testing.assert_array_equal(there[name], array)
    reference.load_state_dict({name: torch.from_numpy(np.array(a)) for name, a in there.items()})


def test_other_weights_are_refused(file: Any, model: Any, reference: Any) -> None:
    weights = arrays(reference)
    name = "head.classifier.weight"
    with pytest.raises(ValueError, match=f"`{name}` is missing, and 0 more"):
        file.load_torch(model, {k: v for k, v in weights.items() if k != name})
    with pytest.raises(ValueError, match="`extra` is not in this network"):
        file.load_torch(model, {**weights, "extra": weights[name]})
    with pytest.raises(ValueError, match=r"is \(7, 16\), which does not fit \(16, 10\)"):
        file.load_torch(model, {**weights, name: np.zeros((7, 16), np.float32)})


def test_logits_features_and_masks_in_float32(model: Any, reference: Any) -> None:
    """The same as PyTorch's, by a function that is not compiled again for a new batch."""
    compiled = []

    @nnx.jit
    def everything(model: Any, x: Any) -> Any:
        compiled.append(x.shape)
        logits, features = model(x), model.stage_features(x)
        return {"logits": logits}, features, model.attention_masks(x)

    for seed in (0, 1):
        x = images(seed=seed)
        with torch.no_grad():
            wanted = {"logits": reference(x)}, reference.stage_features(x), masks(reference, x)
        for theirs, own in zip(wanted, everything(model, last(x)), strict=True):
            assert theirs.keys() == own.keys()
            assert theirs
            for name, value in theirs.items():
                array = own[name] if value.dim() == 2 else np.moveaxis(own[name], -1, 1)
                assert apart(value, torch.from_numpy(np.array(array))) <= 1e-5, name
    assert len(compiled) == 1
    assert model.feature_info == reference.feature_info


def masks(reference: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = reference.attention_masks(x)
    return found


def test_dropout_acts_in_training_alone(file: Any) -> None:
    head = file.LinearHead(10, 0.9, rngs=nnx.Rngs(0))
    features = jax.random.normal(jax.random.key(0), (8, 4, 4, 16))
    head.train()
    assert not jnp.array_equal(head(features), head(features))
    head.eval()
    assert jnp.array_equal(head(features), head(features))


def test_the_classifier_is_made_anew(file: Any) -> None:
    model = nnx.eval_shape(lambda: file.tiny(rngs=nnx.Rngs(0)))
    model.reset_classifier(7, rngs=nnx.Rngs(1))
    assert model.head.classifier.kernel.shape == (16, 7)
    assert model.config.num_classes == 7


@pytest.mark.parametrize("init", ["he_normal", "he_uniform", "xavier_normal", "torch"])
def test_convolutions_start_as_those_of_pytorch(init: str) -> None:
    network = archcompiler.compile({**PLAIN, "init": {"conv": init, "fan": "in"}})
    layer = torch.nn.Conv2d(30, 50, 3)
    torch.manual_seed(0)
    {
        "he_normal": torch.nn.init.kaiming_normal_,
        "he_uniform": torch.nn.init.kaiming_uniform_,
        "xavier_normal": torch.nn.init.xavier_normal_,
        "torch": lambda weight: layer.reset_parameters(),
    }[init](layer.weight)
    start = network.for_backend("jax").emitted.conv_init
    found = np.array(start(jax.random.key(0), (3, 3, 30, 50), jnp.float32))
    assert_alike(found, layer.weight.detach().numpy(), normal=init.endswith("normal"))


def test_classifiers_start_as_those_of_pytorch(file: Any) -> None:
    torch.manual_seed(0)
    wanted = torch.nn.Linear(60, 1000)
    found = file.Linear(60, 1000, rngs=nnx.Rngs(0))
    assert_alike(np.array(found.kernel), wanted.weight.detach().numpy())
    assert_alike(np.array(found.bias), wanted.bias.detach().numpy())


def assert_alike(found: Any, wanted: Any, *, normal: bool = False) -> None:
    """Of the same distribution: as wide, and if it is uniform with the same ends."""
    assert found.mean() == pytest.approx(0, abs=0.1 * float(wanted.std()))
    assert found.std() == pytest.approx(wanted.std(), rel=0.05)
    if normal:
        assert np.abs(found).max() > 3 * wanted.std()
    else:
        assert np.abs(found).max() == pytest.approx(np.abs(wanted).max(), rel=0.01)


def test_abstract_models_have_no_weights(network: CompiledNetwork) -> None:
    model = abstract(network.for_backend("jax").emitted.tiny)
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert leaves
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)


def test_the_attributes_are_those_of_every_module() -> None:
    names = {name for name in dir(nnx.Module) if not name.startswith("_")}
    assert names == backend("jax").frame.attributes
