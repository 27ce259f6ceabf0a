"""What a model with a plan keeps and computes again, as torch sees it, against that plan."""

from __future__ import annotations

import copy
import pickle
import weakref
from itertools import product
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from saved_tensors import in_order
from shipped import EVERY_SPEC
from strategies import small_specs
from tiny import tiny_spec
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from unit.analysis.test_memory import CONV, OF_THE_IMAGE, first_steps

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.analysis.planner import TooLittle
from archcompiler.analysis.recompute import READ, chain_path, names_of_maps, recomputed
from archcompiler.shipped import specs
from archcompiler.verify import verify

aten = torch.ops.aten
PRODUCTS = (aten.mm.default, aten.bmm.default, aten.addmm.default)
POOLS = (aten.max_pool2d_with_indices.default, aten.max_pool3d_with_indices.default)


class Watch(TorchDispatchMode):
    """Storages that are alive, multiply-accumulates, and elements of max pools."""

    def __init__(self, model: nn.Module, x: torch.Tensor) -> None:
        super().__init__()
        there = [*model.parameters(), *model.buffers(), x]
        self.there = {tensor.untyped_storage()._cdata for tensor in there}
        self.alive: dict[int, int] = {}
        self.macs = self.pooled = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        if function is aten.convolution.default:
            whole = args[0] if args[6] else result  # of a transposed one what it reads
            self.macs += whole.numel() * prod(args[1].shape[1:])
        if function in PRODUCTS:
            self.macs += result.numel() * args[-1].shape[-2]
        if function in POOLS:
            self.pooled += result[0].numel()
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                if storage._cdata not in self.alive and storage._cdata not in self.there:
                    self.alive[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.alive.pop, storage._cdata)
        return result


class Ran:
    """A training step of a network: what it kept, did again, and came to."""

    def __init__(
        self, network: CompiledNetwork, images: int = 4, dtype: torch.dtype = torch.float32
    ) -> None:
        torch.manual_seed(0)
        model = network.module().to(dtype).train()
        with torch.no_grad():
            for parameter in model.parameters():
                # Scales and shifts of BN that matter.
                parameter += 0.1 * torch.randn_like(parameter)
        x = in_order(torch.randn(images, *network.spec.input, dtype=dtype), model)
        torch.manual_seed(1)
        with Watch(model, x) as watch:
            y = model(x)
            self.kept = sum(watch.alive.values()) - y.nbytes + x.nbytes
            watch.macs = watch.pooled = 0
            y.square().sum().backward()
        self.backward = watch.macs / images
        self.pooled_again = watch.pooled / images
        self.gradients = {n: p.grad for n, p in model.named_parameters()}
        self.buffers = dict(model.named_buffers())


def assert_as_planned(network: CompiledNetwork, share: float) -> None:
    plain, ran = Ran(network), Ran(network.recomputing(share))
    plan = network.recomputing(share).plan
    assert plan is not None
    batch = plain.kept - 4 * recomputed(network.graph, {}).image_bytes
    # A linear layer's weight is looked at through a view, which counts: the same for both.
    assert ran.kept == pytest.approx(4 * plan.image_bytes + batch, rel=0.01)
    # Gradients of convolutions are operators of their own; those of products are products.
    assert ran.backward - plain.backward == plan.macs
    # For its indices, and with its map: once.
    pools = (n for n in network.graph.nodes() if n.op.kind == "max_pool")
    assert ran.pooled_again == sum(n.type.numel for n in pools if chain_path(n) in plan.blocks)
    for name, buffer in plain.buffers.items():
        assert torch.equal(ran.buffers[name], buffer), name
    del plain, ran  # VGG-16 has a gigabyte of weights in float64
    assert_same_gradients(network, share)


def assert_same_gradients(network: CompiledNetwork, share: float) -> None:
    forms = (network, network.recomputing(share))
    plain, ran = (Ran(form, 2, torch.float64).gradients for form in forms)
    # That of a bias before a batch norm is nothing but rounding of others; and batch norms of maps
    # of two pixels make more of it.
    rounding = 1e-9 * max(float(gradient.abs().max()) for gradient in plain.values())
    for name, gradient in plain.items():
        torch.testing.assert_close(ran[name], gradient, rtol=1e-5, atol=rounding)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("attention56_cifar", 0.3),
        ("attention56_ecg", 0.75),
        *(product(specs(), [0.75, 0.3, 0.12]) if EVERY_SPEC else ()),
    ],
)
def test_a_step_goes_as_planned(name: str, share: float) -> None:
    try:
        assert_as_planned(small(name), share)
    except TooLittle:
        assert share < 0.2


def small(name: str) -> CompiledNetwork:
    """A shipped network on few pixels, where it takes them."""
    network = archcompiler.compile(name)
    channels, *size = network.spec.input
    if max(size) <= 64:
        return network
    try:
        return archcompiler.compile(name, [f"input=[{channels}, {', '.join(['64'] * len(size))}]"])
    except archcompiler.CompileError:
        return network


@settings(max_examples=200 if EVERY_SPEC else 4)
@given(small_specs(), st.sampled_from([0.8, 0.5, 0.25]))
def test_drawn_networks_go_as_planned(spec: dict[str, Any], share: float) -> None:
    network = archcompiler.compile(spec)
    try:
        network.recomputing(share)
    except TooLittle:
        assume(False)
    assert_as_planned(network, share)


@pytest.mark.parametrize("share", [0.8, 0.5, 0.3])
def test_a_copy_is_not_kept_beside_its_map(share: float) -> None:
    """An instance norm makes one of a map that has its channels last."""
    mask = {"type": "hourglass", "activation": "spatial"}
    stage = {"channels": 32, "modules": 1, "depth": 1, "attention": {"mask": mask}}
    network = archcompiler.compile(tiny_spec(stage))
    assert_as_planned(network, share)


@pytest.mark.parametrize("share", [0.7, 0.3])
@pytest.mark.parametrize("name", ["product", "norms", "gate", "pairs"])
def test_nothing_is_kept_for_the_gradient_of_the_image(name: str, share: float) -> None:
    assert_as_planned(archcompiler.compile(first_steps(OF_THE_IMAGE[name])), share)


OVER_POSITIONS = {"op": "softmax", "axis": "positions"}


@pytest.mark.parametrize("share", [0.9, 0.7, 0.5])
@pytest.mark.parametrize(
    "last",
    [
        {"softmax": OVER_POSITIONS},
        {"softmax": OVER_POSITIONS, "norm": {"op": "batch_norm"}, "conv2": CONV},
        {"softmax": OVER_POSITIONS, "conv2": CONV, "softmax2": OVER_POSITIONS, "conv3": CONV},
        {"act": {"op": "relu"}, "transpose": {"op": "transpose"}},
    ],
    ids=["end", "norm", "twice", "transpose"],
)
def test_what_a_kept_map_is_a_view_of_is_not_made_again(last: dict[str, Any], share: float) -> None:
    """What autograd has of a softmax over positions is in a row, and its map a view of that."""
    stage = {"channels": 16, "before": 2, "unit": "own"}
    blocks = {"own": {"steps": {"conv": CONV, **last}}}
    spec = tiny_spec(stage, stem={"type": "conv", "channels": 16}, blocks=blocks)
    assert_as_planned(archcompiler.compile(spec), share)


BLUR = {"op": "blur_pool", "kernel": 5, "stride": 1}
BEFORE_A_MAP: dict[str, dict[str, Any]] = {
    "blur": {"step": BLUR},
    "wide": {"step": {**BLUR, "kernel": 3}},
    "maximum": {"step": {"op": "maximum", "from": ["norm", "x", "conv"]}},
    "four": {"step": {"op": "maximum", "from": ["norm", "x", "conv", "norm"]}},
    "largest": {
        "largest": {"op": "reduce", "how": "max", "axis": "channels"},
        "weights": CONV,
        "step": {"op": "mul", "from": ["norm", "weights"]},
    },
    "both": {"larger": {"op": "maximum", "from": ["norm", "x", "conv"]}, "step": BLUR},
}


def with_steps(steps: dict[str, Any]) -> CompiledNetwork:
    """A network with these between a batch norm and a convolution."""
    steps = {"conv": CONV, "norm": {"op": "batch_norm"}, **steps, "last": CONV}
    stage = {"channels": 16, "before": 2, "unit": "own"}
    stem = {"type": "conv", "channels": 16}
    spec = tiny_spec(stage, stem=stem, blocks={"own": {"steps": steps}})
    return archcompiler.compile({**spec, "input": [3, 16, 16]})


@pytest.mark.parametrize("share", [0.8, 0.55, 0.4, 0.25])
@pytest.mark.parametrize("steps", BEFORE_A_MAP.values(), ids=BEFORE_A_MAP)
def test_what_comes_again_before_a_map(steps: dict[str, Any], share: float) -> None:
    """A map with its reflected edges, and the larger of the first two of three. The largest is
    looked for among what is made again, in which one that was kept need not be.
    """
    assert_as_planned(with_steps(steps), share)


@pytest.mark.parametrize("share", [0.8, 0.4, 0.25])
def test_a_copy_of_a_part_is_not_kept(share: float) -> None:
    """A group norm makes one of a part, and on a GPU of all that has its channels last."""
    norm = {"norm2": {"op": "group_norm", "groups": 2}}
    network = with_steps({"part": {"op": "part", "index": 1}, **norm})
    planned, whole = network.recomputing(share), with_steps(norm)
    assert planned.plan is not None
    # Without a plan it is the copy that is kept, or both, which is not foreseen.
    statistics = Ran(whole).kept - 4 * recomputed(whole.graph, {}).image_bytes
    kept = 4 * planned.plan.image_bytes + statistics
    assert Ran(planned).kept == pytest.approx(kept, rel=0.01)
    assert_same_gradients(network, share)


@pytest.mark.parametrize("share", [0.9, 0.8, 0.7])
def test_a_pattern_is_for_no_module_whose_map_is_made_again(share: float) -> None:
    """Some operators without parameters are modules, which have no name of a map."""
    network = with_steps(BEFORE_A_MAP["wide"]).recomputing(share)
    assert network.plan is not None
    made = names_of_maps(network.graph, every=True)
    for path, module in network.module().named_modules():
        name = path.replace(".", "/")
        if module._forward_pre_hooks:
            assert network.plan.maps[made[READ + name]] != "again", path
        if module._forward_hooks:
            assert network.plan.maps[made[name]] != "again", path


def test_a_norm_that_others_read_is_not_overwritten() -> None:
    """ReLU works in place on a BN that is made again, but only where nothing else reads that."""
    steps = {
        "norm": {"op": "norm"},
        # Differentiated after the other branch, which makes the ReLU again.
        "other": {"op": "conv", "channels": "c", "kernel": 3},
        "act": {"op": "act", "from": "norm"},
        "conv": {"op": "conv", "channels": "c", "kernel": 3},
        "add": {"op": "add", "from": ["conv", "other"]},
        "last": {"op": "norm"},
        "activated": {"op": "act"},
        "end": {"op": "conv", "channels": "c", "kernel": 1},
    }
    stage = {"channels": 16, "before": 2, "unit": "twice"}
    network = archcompiler.compile(tiny_spec(stage, blocks={"twice": {"steps": steps}}))
    for share in (0.7, 0.5, 0.35):
        assert_same_gradients(network, share)


@pytest.mark.parametrize("name", ["attention56_cifar", "attention56_volume"])
def test_a_file_with_a_plan_is_the_graph(name: str) -> None:
    network = archcompiler.compile(name)
    planned = network.recomputing(0.3)
    assert verify(planned).holds
    # Its hooks, which a plan puts on layers, are followed by those who read it as a stranger's.
    assert network.audit(planned.module()).same
    state = planned.module().state_dict()
    assert {k: v.shape for k, v in state.items()} == {
        k: v.shape for k, v in network.module().state_dict().items()
    }
    before, after = pickle.dumps(planned.module().train()), copy.deepcopy(planned.module())
    assert before
    assert len(list(after.parameters())) == len(list(planned.module().parameters()))


def test_dropout_is_not_drawn_again() -> None:
    """What draws numbers is kept: the backward pass is of the same draw."""
    steps = {
        "norm1": {"op": "norm"},
        "act1": {"op": "act"},
        "dropout": {"op": "dropout", "probability": 0.5},
        "act2": {"op": "silu"},
        "conv": {"op": "conv", "channels": "c", "kernel": 3},
        "drop_path": {"op": "drop_path", "probability": 0.5},
        "add": {"op": "add", "from": ["drop_path", "x"]},
    }
    spec = tiny_spec(
        {"channels": 16, "before": 2}, unit="dropped", blocks={"dropped": {"steps": steps}}
    )
    network = archcompiler.compile(spec)
    assert_same_gradients(network, 0.75)


def test_training_without_gradients() -> None:
    """Statistics of BN may be taken without gradients, and a part of a network may be frozen."""
    stage = {"channels": 16, "modules": 1, "depth": 1}
    network = archcompiler.compile(tiny_spec(stage, stem={"type": "conv_pool", "channels": 8}))
    plain, planned = (form.module().train() for form in (network, network.recomputing(0.4)))
    planned.load_state_dict(plain.state_dict())
    x = torch.randn(4, 3, 32, 32)
    found = []
    for model in (plain, planned):
        with torch.no_grad():
            model(x)
        model.stem.requires_grad_(False)
        model.stage1.before.requires_grad_(False)
        model(x).square().sum().backward()
        model(x).square().sum().backward()
        found.append([p.grad for p in model.parameters() if p.requires_grad])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-3, atol=1e-3)
    for one, two in zip(plain.buffers(), planned.buffers(), strict=True):
        torch.testing.assert_close(two, one)


class Wide(TorchDispatchMode):
    """Maps of this many elements and more in 32 bits."""

    def __init__(self, elements: int) -> None:
        super().__init__()
        self.elements, self.found = elements, 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        maps = [value for value in tree_leaves(result) if isinstance(value, torch.Tensor)]
        self.found += sum(m.numel() >= self.elements and m.dtype is torch.float32 for m in maps)
        return result


@pytest.mark.parametrize("autocast", [True, False], ids=["autocast", "all"])
@pytest.mark.parametrize("share", [0.75, 0.3])
def test_maps_of_16_bits_are_made_again_in_16(share: float, autocast: bool) -> None:
    network = archcompiler.compile(tiny_spec({"channels": 32, "modules": 1, "depth": 1}))
    gradients, wide = [], []
    for form in (network, network.recomputing(share)):
        torch.manual_seed(0)
        model = form.module().train()
        x = in_order(torch.randn(2, 3, 32, 32), model)
        if not autocast:
            model, x = model.bfloat16(), x.bfloat16()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y = model(x)
        with Wide(elements=2 * 8 * 4 * 4) as watch:
            y.float().square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
        wide.append(watch.found)
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(two, one)
    assert wide[1] == wide[0]


def test_a_plan_can_be_turned_off_and_evaluation_has_none() -> None:
    stage = {"channels": 32, "modules": 1, "depth": 1}
    network = archcompiler.compile(tiny_spec(stage)).recomputing(0.25)
    x = torch.randn(2, 3, 32, 32)
    whole = network.module(recompute={}).train()
    with Watch(whole, x) as watch:
        whole(x)
        y = whole(x)
    planned = network.module().train()
    with Watch(planned, x) as again:
        z = planned(x)
    assert sum(watch.alive.values()) > 3 * sum(again.alive.values())
    assert y.requires_grad
    assert z.requires_grad
    planned.eval()
    with torch.no_grad():
        assert not hasattr(planned(x), "again")
