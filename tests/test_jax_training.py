"""A file for JAX is proved in training: what is broken on purpose in one is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from shipped import EVERY_SPEC
from tiny import tiny_spec

import archcompiler
from archcompiler.backends.jax import JaxOp
from archcompiler.backends.jax import Reader as JaxReader
from archcompiler.backends.record import Helper
from archcompiler.backends.torch import TorchOp
from archcompiler.compiler import CompiledNetwork
from archcompiler.ops import registry
from archcompiler.ops.activation import KeepsInput
from archcompiler.verify import verify
from archcompiler.verify.jax_numbers import Numbers, compare
from archcompiler.verify.jax_proof import first_keys, streams

SPEC = tiny_spec(
    {"channels": 8, "unit": {"type": "basic", "drop_path": 0.5}, "before": 2},
    stem={"type": "conv", "channels": 8},
    input=[2, 6, 6],
    classes=3,
    head={"type": "linear", "dropout": 0.5},
)


NOISE = """
class Noise(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.deterministic = False
        self.rngs = rngs.noise.fork()

    def __call__(self, x: Array) -> Array:
        return x if self.deterministic else x * jax.random.uniform(self.rngs(), x.shape)
""".strip()


def read_noise(seen: Any, module: Any, x: Any) -> Any:
    return Noise(), [x]


class Noise(KeepsInput):
    """Of another package: numbers at random in training."""

    kind: ClassVar[str] = "noise"
    random: ClassVar[bool] = True  # type: ignore[assignment]
    inference: ClassVar[None] = None  # type: ignore[assignment]
    backends: ClassVar[Mapping[str, object]] = {
        "torch": TorchOp(call=lambda op, x, dims: f"F.dropout({x[0]}, 0.5, self.training)"),
        "jax": JaxOp(
            module=lambda op, dims: "Noise(rngs=rngs)",
            helper=lambda dims: Helper("Noise", NOISE),
            readers=lambda: [JaxReader("Noise", read_noise)],
        ),
    }


@pytest.fixture(scope="module")
def network() -> CompiledNetwork:
    return archcompiler.compile(SPEC).for_backend("jax")


def changed(network: CompiledNetwork, *changes: tuple[str, str]) -> CompiledNetwork:
    """The network, with something for something else in its file."""
    source = network.source
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    other = replace(network)
    vars(other)["source"] = source
    return other


BRANCH = "self.norm2(self.conv2(y))"
CALL = f"        y = self.drop_path({BRANCH})\n"
DROP = "self.dropout(jnp.mean(x, (1, 2), keepdims=True))"
MEAN = "jnp.mean(x, (1, 2), keepdims=True)"
RUN = "nnx.remat(lambda block, x: block(x))(getattr(stage, name), x)"
FORWARD = "    def forward_features(self"
BIASED = (" * (count / (count - 1))", "")
HELPER = "`BatchNorm` is not what is emitted by that name"
BROKEN: dict[str, tuple[Any, ...]] = {
    "another momentum": (
        ("self.norm2 = BatchNorm(channels)", "self.norm2 = BatchNorm(channels, momentum=0.01)"),
        "momentum=0.01",
    ),
    "a momentum of the past": (
        ("1.0 - self.momentum, self.m", "self.momentum, 1.0 - self.m"),
        HELPER,
    ),
    "a biased variance in the statistics": (BIASED, HELPER),
    "an unbiased variance in the map": (("jnp.var(x, axes)", "jnp.var(x, axes, ddof=1)"), HELPER),
    "batches that are not counted": (("            self.batches[...] += 1\n", ""), HELPER),
    "statistics of one norm written to another": (
        (CALL, CALL + "        self.norm1.mean[...] = self.norm2.mean[...]\n"),
        "cannot be traced",
    ),
    "statistics of the map of another norm": (
        (CALL, CALL + "        self.norm1.mean.set_value(jnp.mean(y, (0, 1, 2)))\n"),
        "Cannot mutate BatchStat",
    ),
    "another variable for statistics": (
        (CALL, CALL + "        self.norm1.mean = nnx.BatchStat(jnp.mean(y, (0, 1, 2)))\n"),
        "Cannot mutate 'BatchNorm'",
    ),
    "statistics that two norms share": (
        ("self.norm2 = BatchNorm(channels)\n", "self.norm2 = self.norm1\n"),
        "norm1` is called more than once",
    ),
    "no gradient through a branch": ((BRANCH, f"lax.stop_gradient({BRANCH})"), "stop_gradient"),
    "a branch with a derivative of its own": (
        (BRANCH, f"twice({BRANCH})"),
        (
            "class Stage(",
            "@jax.custom_jvp\ndef twice(x):\n    return x + 0.0\n\n\n"
            "twice.defjvp(lambda x, slope: (x[0], 2 * slope[0]))\n\n\nclass Stage(",
        ),
        "custom_jvp",
    ),
    "no stochastic depth": ((f"self.drop_path({BRANCH})", BRANCH), "no `stage1/before/unit1/drop"),
    "no dropout": ((DROP, MEAN), "the module has no `head/dropout`"),
    "another rate": (("nnx.Dropout(drop_path,", "nnx.Dropout(drop_path / 2,"), "probability=0.25"),
    "elements in place of maps": (("broadcast_dims=(1, 2, 3), ", ""), "dropout probability=0.5"),
    "one number for a batch": (("dims=(1, 2, 3)", "dims=(0, 1, 2, 3)"), "one along (0, 1, 2, 3)"),
    "a key of a call": (
        (f"self.drop_path({BRANCH})", f"self.drop_path({BRANCH}, rngs=jax.random.key(0))"),
        "random_seed",
    ),
    "a stream of another": (
        (f"self.drop_path({BRANCH})", f"self.drop_path({BRANCH}, rngs=self.drop_path.rngs)"),
        "unexpected keyword argument 'rngs'",
    ),
    "no keys": (("(dropout, rngs=rngs)", "(dropout)"), "no `rngs` argument was provided"),
    "one key for all models": (
        ("(1, 2, 3), rngs=rngs", "(1, 2, 3), rngs=nnx.Rngs(0)"),
        "`stage1.before.unit1.drop_path` draws the same numbers whatever `rngs` are",
    ),
    "one key for all of a model": (
        ("(1, 2, 3), rngs=rngs", "(1, 2, 3), rngs=nnx.Rngs(rngs.default.key[...])"),
        "`stage1.before.unit2.drop_path` draws the numbers of `stage1.before.unit1.drop_path`",
    ),
    "a call that is in evaluation": (
        (f"{MEAN})", f"{MEAN}, deterministic=True)"),
        "unexpected keyword argument 'deterministic'",
    ),
    "a unit that stays in evaluation": (
        (
            FORWARD,
            "    def train(self, **options):\n"
            "        super().train(**options)\n"
            "        self.stage1.before.unit2.eval()\n\n" + FORWARD,
        ),
        "`stage1.before.unit2.norm1` stays in evaluation in training",
    ),
    "a dropout that stays in training": (
        (
            FORWARD,
            "    def eval(self, **options):\n"
            "        super().eval(**options)\n"
            "        self.head.dropout.deterministic = False\n\n" + FORWARD,
        ),
        "`head.dropout` stays in training in evaluation",
    ),
    "a new model in evaluation": (
        ("nnx.Dropout(dropout, ", "nnx.Dropout(dropout, deterministic=True, "),
        "`head.dropout` of a new model is in evaluation",
    ),
    "something else in training": (
        (DROP, f"{MEAN} if self.dropout.deterministic else {DROP}"),
        "the module has no `head/dropout`",
    ),
    "twice in training": (
        (f"y = {DROP}\n", f"y = {DROP}\n        y = y if self.dropout.deterministic else y + y\n"),
        "other operators are called in training",
    ),
    "a block left out with checkpoints": ((RUN, "x"), "other operators are called with `checkp"),
    "a block twice with checkpoints": (
        (f"x = {RUN}", f"x = getattr(stage, name)({RUN})"),
        "other operators are called with `checkpointing`",
    ),
}


def test_what_is_emitted_is_proved(network: CompiledNetwork) -> None:
    proof = verify(changed(network))
    assert proof.holds, str(proof)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_in_training_is_not_proved(network: CompiledNetwork, name: str) -> None:
    *changes, why = BROKEN[name]
    proof = verify(changed(network, *changes))
    assert not proof.holds
    assert why in str(proof)


SEEN = {
    "a biased variance in the statistics": {"statistics"},
    "no stochastic depth": {"trained", "gradients", "statistics"},
    "another momentum": {"statistics"},
    "a momentum of the past": {"statistics"},
    "batches that are not counted": {"statistics"},
    "statistics of one norm written to another": {"statistics"},
    "an unbiased variance in the map": {"trained", "gradients", "statistics"},
    "no gradient through a branch": {"gradients"},
    "a branch with a derivative of its own": {"gradients"},
    "no dropout": {"trained", "gradients"},
    "another rate": {"trained", "gradients", "statistics"},
    "elements in place of maps": {"trained", "gradients", "statistics"},
    "a key of a call": {"trained", "gradients", "statistics"},
    "a unit that stays in evaluation": {"trained", "gradients", "statistics"},
    "a dropout that stays in training": {"logits"},
}
"""Which numbers are no more those of PyTorch, of each of some mistakes."""
assert BROKEN.keys() >= SEEN.keys()


def far(found: Numbers) -> set[str]:
    names = ("logits", "trained", "gradients", "statistics")
    return {name for name in names if not getattr(found, name) < 1e-7}


def test_numbers_of_what_is_emitted_are_those_of_pytorch(network: CompiledNetwork) -> None:
    """With dropouts, of which PyTorch drops what JAX does."""
    found = compare(network)
    assert found.holds, str(found)
    assert far(found) == set()
    assert found.dropouts == 3
    assert "in training, dropping what JAX drops, " in str(found)


@pytest.mark.parametrize("name", SEEN if EVERY_SPEC else [*SEEN][:2])
def test_numbers_of_what_is_broken_are_others(network: CompiledNetwork, name: str) -> None:
    found = compare(changed(network, *BROKEN[name][:-1]))
    assert far(found) == SEEN[name]
    assert not found.holds


def test_every_dropout_of_a_model_begins_where_flax_has_it(network: CompiledNetwork) -> None:
    """Whose streams a proof does not count by."""
    build = network.emitted.tiny
    (keys,) = first_keys(build, 3)
    own = streams(build(rngs=nnx.Rngs(3)))
    assert own.keys() == keys.keys() != set()
    for name, stream in own.items():
        assert jnp.array_equal(*map(jax.random.key_data, (stream.key[...], keys[name])))


@pytest.mark.parametrize("name", ["stage1.before.unit1.drop_path", "head.dropout"])
def test_what_is_dropped_has_the_statistics_of_pytorch(network: CompiledNetwork, name: str) -> None:
    """The share and the size of what is kept, the means, and what is dropped as one."""
    rate, shape = 0.3, (4000, 2, 3, 4)
    changes = ("drop_path: float = 0.5", f"drop_path: float = {rate}"), ("= 0.5", f"= {rate}")
    model = changed(network, *changes).emitted.tiny(rngs=nnx.Rngs(0))
    part = dict(nnx.iter_modules(model))[tuple(name.split("."))]
    theirs = network.for_backend("torch").module().get_submodule(name)
    theirs.probability = theirs.p = rate
    torch.manual_seed(0)
    found = [np.asarray(part(jnp.ones(shape))) for _ in range(2)]
    wanted = theirs(torch.ones(shape)).numpy()
    assert not np.array_equal(*found), "other numbers each time"
    for kept in (*found, wanted):
        np.testing.assert_allclose(np.unique(kept), [0.0, 1 / (1 - rate)], rtol=1e-6)
        assert kept.mean() == pytest.approx(1, abs=0.05)
        alike = {len(np.unique(image)) for image in kept}
        assert (alike == {1}) == name.endswith("drop_path")
    part.deterministic = True
    assert jnp.array_equal(part(jnp.ones(shape)), jnp.ones(shape))


def test_maps_that_are_made_again_change_nothing(network: CompiledNetwork) -> None:
    """Neither gradients nor what is dropped; statistics are taken once, and random numbers too."""
    images = jax.random.normal(jax.random.key(1), (4, 6, 6, 2))

    def step(model: nnx.Module) -> Any:
        slopes = nnx.grad(lambda model: jnp.sum(model(images) ** 2))(model)
        return slopes, nnx.state(model, (nnx.BatchStat, nnx.RngCount))

    found = []
    for checkpointing in (False, True):
        model = network.emitted.tiny(rngs=nnx.Rngs(0), checkpointing=checkpointing)
        found.append(jax.tree.leaves_with_path(nnx.jit(step)(model)))
    assert len(found[0]) == len(found[1]) > 20
    for (path, plain), (other, again) in zip(*found, strict=True):
        assert path == other
        np.testing.assert_allclose(again, plain, 1e-3, 1e-5, err_msg=str(path))
    counts = [leaf for path, leaf in found[1] if "count" in str(path)]
    assert counts == [1, 1, 1]


def test_what_is_always_dropped_is_nothing() -> None:
    """In both files: a half of nothing is no number."""
    steps = {
        "conv": {"op": "conv", "channels": "c", "kernel": 3},
        "drop": {"op": "drop_path", "probability": 1.0},
        "add": {"op": "add", "from": ["drop", "x"]},
    }
    stem = {"type": "conv", "channels": 8}
    spec = tiny_spec({"channels": 8, "unit": "gone"}, stem=stem, blocks={"gone": {"steps": steps}})
    network = archcompiler.compile(spec | {"input": [2, 6, 6]})
    drop = network.module().stage1.before.unit1.drop
    assert torch.equal(drop(torch.ones(2, 3, 4, 4)), torch.zeros(2, 3, 4, 4))
    found = compare(network)
    assert found.holds, str(found)


def test_random_operators_of_other_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are proved to be where the graph has them, in training; their numbers are their own."""
    point = EntryPoint("noise", f"{__name__}:Noise", registry.GROUP)
    monkeypatch.setattr(registry, "_outside", lambda: {"noise": (point,)})
    steps = {"conv": {"op": "conv", "channels": "c", "kernel": 3}, "noise": {"op": "noise"}}
    stem = {"type": "conv", "channels": 8}
    spec = tiny_spec({"channels": 8, "unit": "own"}, stem=stem, blocks={"own": {"steps": steps}})
    network = archcompiler.compile(spec | {"input": [2, 6, 6]}).for_backend("jax")
    proof = verify(network)
    assert proof.holds, str(proof)
    found = compare(network)
    assert found.holds, str(found)
    assert "; NOT compared in training, where the numbers of `noise` are its own)" in str(found)
