"""Recomputation by plan: against every other choice, and against what torch keeps and computes."""

from __future__ import annotations

import copy
import pickle
import weakref
from collections.abc import Iterator
from itertools import pairwise, product
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

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.analysis.budget import fitting, keeping
from archcompiler.analysis.front import Front, Fronts, Limits
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.recompute import TooLittle, chain_path, plan_recomputation, recomputed
from archcompiler.emit.kept import few_patterns
from archcompiler.ir import INPUT
from archcompiler.shipped import specs
from archcompiler.verify.proof import prove

aten = torch.ops.aten


class Choices:
    """Every choice of a network, one after the other, by a table of its operators in whole numbers.

    Written down a second time, without states, fronts and blocks inside of blocks.
    """

    def __init__(self, network: CompiledNetwork) -> None:
        nodes = list(network.graph.nodes())
        types = {INPUT: network.graph.input} | {node.path: node.type for node in nodes}
        read_by_layer = {x for n in nodes if n.op.parameters for x in n.inputs[:1]}
        ends = {n.inputs[0] for a, n in pairwise(nodes) if a.scope != n.scope}
        self.blocks = list(dict.fromkeys(map(chain_path, nodes)))
        place = {INPUT: -1}
        self.rows: list[tuple[Any, ...]] = []
        self.named: list[int] = []
        self.random: set[int] = set()
        for i, node in enumerate(nodes):
            inputs = tuple(types[name] for name in node.inputs)
            saved, work = node.op.saved(inputs, node.type), node.op.work(inputs, node.type)
            assert "size" not in node.op.roles(len(inputs))
            if node.op.view:
                place[node.path] = place[node.inputs[0]]
                continue
            place[node.path] = i
            sources = [place[name] for name in node.inputs]
            cost = work.macs or node.type.numel
            extra = saved.image_bytes
            kept = {sources[j] for j in saved.inputs} | ({i} if saved.output else set())
            block = self.blocks.index(chain_path(node))
            kind, size = node.op.kind, 4 * node.type.numel
            self.rows.append((i, block, sources, kept, size, cost, extra, kind == "max_pool"))
            if kind == "dropout":
                self.random.add(i)
            elif node.op.parameters or node.path in read_by_layer | ends:
                self.named.append(i)
        self.image = 4 * network.graph.input.numel

    def outcome(self, on: tuple[bool, ...], kept: set[int]) -> tuple[int, int]:
        """Bytes and work, for the blocks that recompute and the maps that are kept in them."""
        sizes, work, wanted = {-1: self.image}, 0, set()
        held: set[int] = set()
        for i, block, sources, saves, size, cost, extra, recalled in reversed(self.rows):
            sizes[i] = size
            if on[block]:
                wanted |= saves
                if recalled:
                    work, extra = work + cost, 0
            else:
                held |= saves
            sizes[-2 - i] = extra
            if extra:
                held.add(-2 - i)
            if i in wanted:
                if not on[block] or i in kept | self.random:
                    held.add(i)
                else:
                    work += cost
                    wanted |= set(sources)
        held |= wanted & {-1}
        return sum(sizes[i] for i in held), work

    def all(self) -> Iterator[tuple[int, int]]:
        blocks = {row[0]: row[1] for row in self.rows}
        for on in product((False, True), repeat=len(self.blocks)):
            free = [i for i in self.named if on[blocks[i]]]
            for bits in product((False, True), repeat=len(free)):
                yield self.outcome(on, {i for i, bit in zip(free, bits, strict=True) if bit})


@pytest.mark.parametrize(
    ("stage", "dropout"),
    [
        ({"channels": 16, "unit": "plain", "before": 2}, 0.5),
        ({"channels": 24, "unit": "preact_basic"}, 0.0),
        ({"channels": 16, "unit": {"type": "basic"}, "stride": 2}, 0.5),
    ],
)
def test_no_choice_is_better(stage: dict[str, Any], dropout: float) -> None:
    stem = {"type": "conv_pool", "channels": 8}
    head = {"type": "linear", "dropout": dropout}
    network = archcompiler.compile(tiny_spec(stage, stem=stem, head=head))
    choices = Choices(network)
    pairs = sorted(set(choices.all()))
    usual = recomputed(network.graph, {}).image_bytes
    assert (usual, 0) in pairs
    assert len(pairs) > 100
    exact = [size for size, _ in pairs[:: max(1, len(pairs) // 20)]]
    for budget in [*(usual * percent // 100 for percent in range(5, 101, 5)), *exact]:
        works = [work for size, work in pairs if size <= budget]
        if not works:
            with pytest.raises(TooLittle) as caught:
                plan_recomputation(network.graph, budget)
            assert caught.value.least == pairs[0][0]
            continue
        plan = plan_recomputation(network.graph, budget)
        assert plan.image_bytes <= budget
        assert plan.work == min(works), budget


def test_limits_lose_nothing() -> None:
    """The best pair is that of a search without limits, at any budget."""
    from archcompiler.analysis.recompute import _Planner

    stage = {"channels": 32, "modules": 1, "depth": 1}
    graph = archcompiler.compile(tiny_spec(stage)).graph
    planner = _Planner(graph, apart=False)
    whole = planner.front(Limits())
    usual = recomputed(graph, {}).image_bytes
    beyond = usual - planner.usual
    for i in range(0, len(whole), max(1, len(whole) // 8)):
        size, work = int(whole.sizes[i]), int(whole.works[i])
        assert plan_recomputation(graph, size + beyond).work == work


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12),
)
def test_fronts_are_sums_and_unions(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    fronts = Fronts(Limits())

    def made(pairs: list[tuple[int, int]]) -> Front:
        return fronts.union(*(Front.point(*pair, (str(pair),)) for pair in pairs))

    def best(pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
        return {
            p for p in pairs if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in pairs)
        }

    def found(front: Front) -> set[tuple[int, int]]:
        return set(zip(front.sizes.tolist(), front.works.tolist(), strict=True))

    a, b = made(one), made(two)
    assert found(a) == best(set(one))
    assert found(fronts.union(a, b)) == best({*one, *two})
    total = fronts.sum(a, b)
    assert found(total) == best({(p[0] + q[0], p[1] + q[1]) for p in one for q in two})
    for i, (size, work) in enumerate(zip(total.sizes, total.works, strict=True)):
        chosen = [eval(name[0]) for name in total.names(i)]
        assert (sum(p[0] for p in chosen), sum(p[1] for p in chosen)) == (size, work)


def test_patterns_match_what_is_kept_and_no_other() -> None:
    maps = [{"a.unit1.conv1"}, {"a.unit2.conv1"}, {"b.unit1.conv1"}, {"a", "a.unit2"}, {">c"}]
    others = {"a.unit1", "a.unit1.norm1", "c", "b.unit1"}
    assert few_patterns(maps, others) == ["*.conv?", ">c", "a"]
    assert few_patterns(maps[:1], {"a.unit2.conv1", "b.unit1.conv1"}) == ["a.unit1.*"]
    assert few_patterns([], others) == []


class Watch(TorchDispatchMode):
    """Storages that are alive, and multiply-accumulates of convolutions and matrix products."""

    def __init__(self, model: nn.Module, x: torch.Tensor) -> None:
        super().__init__()
        there = [*model.parameters(), *model.buffers(), x]
        self.there = {tensor.untyped_storage()._cdata for tensor in there}
        self.alive: dict[int, int] = {}
        self.macs = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        if function is aten.convolution.default:
            self.macs += result.numel() * prod(args[1].shape[1:])
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
        self.model = network.module().to(dtype).train()
        with torch.no_grad():
            for parameter in self.model.parameters():
                # Scales and shifts of BN that matter.
                parameter += 0.1 * torch.randn_like(parameter)
        x = in_order(torch.randn(images, *network.spec.input, dtype=dtype))
        torch.manual_seed(1)
        with Watch(self.model, x) as watch:
            y = self.model(x)
            self.kept = sum(watch.alive.values()) - y.nbytes + x.nbytes
            forward, watch.macs = watch.macs, 0
            y.square().sum().backward()
        self.forward, self.again = forward / images, watch.macs / images
        self.gradients = {n: p.grad for n, p in self.model.named_parameters()}
        self.buffers = dict(self.model.named_buffers())


def assert_as_planned(network: CompiledNetwork, share: float) -> None:
    plain, ran = Ran(network), Ran(network.recomputing(share))
    plan = network.recomputing(share).plan
    assert plan is not None
    batch = plain.kept - 4 * recomputed(network.graph, {}).image_bytes
    # A linear layer's weight is looked at through a view, which counts: the same for both.
    assert ran.kept == pytest.approx(4 * plan.image_bytes + batch, rel=0.01)
    linear = sum(n.op.parameters for n in network.graph.nodes() if n.op.role == "linear")
    assert ran.again <= plan.macs <= ran.again + linear
    assert_same_gradients(network, share)
    for name, buffer in plain.buffers.items():
        assert torch.equal(ran.buffers[name], buffer), name


def assert_same_gradients(network: CompiledNetwork, share: float) -> None:
    forms = (network, network.recomputing(share))
    plain, ran = (Ran(form, 2, torch.float64).gradients for form in forms)
    for name, gradient in plain.items():
        torch.testing.assert_close(ran[name], gradient, rtol=1e-5, atol=1e-8)


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


@pytest.mark.parametrize("name", ["attention56_cifar", "attention56_volume"])
def test_a_file_with_a_plan_is_the_graph(name: str) -> None:
    network = archcompiler.compile(name)
    planned = network.recomputing(0.3)
    assert prove(network.graph, planned.module()).holds
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


def test_autocast_is_on_again() -> None:
    network = archcompiler.compile(tiny_spec({"channels": 32, "modules": 1, "depth": 1}))
    gradients = []
    for form in (network, network.recomputing(0.3)):
        torch.manual_seed(0)
        model = form.module().train()
        x = torch.randn(2, 3, 32, 32)
        with torch.autocast("cpu", torch.bfloat16):
            y = model(x)
        y.float().square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, two in zip(*gradients, strict=True):
        assert torch.nn.functional.cosine_similarity(one.flatten(), two.flatten(), 0) > 0.999


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


def test_peaks_of_plans() -> None:
    """The peak of a step with a plan is the one that is foreseen; a room finds the plan for it."""
    from unit.analysis.test_peak import Measured, predicted

    stage = {"channels": 64, "modules": 1, "depth": 1, "stride": 2}
    network = archcompiler.compile(tiny_spec(stage))
    for share in (0.75, 0.4):
        form = network.recomputing(share)
        measured = Measured(form, 3)
        foreseen = measured.state + predicted(network, 3, plan=form.plan)
        assert foreseen == pytest.approx(measured.by_us(), rel=0.01)

    def peak(plan: Any) -> int:
        return step_memory(network.graph, plan=plan).peak(8)

    room = peak(keeping(network.graph, 0.6))
    found = fitting(network.graph, room, peak)
    assert found is not None
    assert peak(found) <= room
    assert found.work <= keeping(network.graph, 0.6).work
    assert fitting(network.graph, 1000, peak) is None


def test_indices_of_a_pool_are_there_while_it_is_differentiated() -> None:
    stem = {"type": "conv_pool", "channels": 8}
    graph = archcompiler.compile(tiny_spec(stem=stem)).graph
    pool = next(node for node in graph.nodes() if node.path == "stem/pool")
    numel = pool.type.numel
    usual = step_memory(graph)
    planned = step_memory(graph, plan=recomputed(graph, {"stem": frozenset()}))
    before, after = (
        next(m for m in step.moments if m.where == "stem/pool" and m.gradients)
        for step in (usual, planned)
    )
    # 8 bytes for each of them: by autograd as usual, or made for the moment.
    assert after.passing.image - before.passing.image == 8 * numel
    assert usual.forward.image - planned.forward.image >= 8 * numel


def test_blocks_apart_read_no_maps_of_others() -> None:
    stages = [{"channels": 16 * 2**i, "before": 3, "stride": 1 + i} for i in range(2)]
    network = archcompiler.compile(tiny_spec(*stages))
    plan = keeping(network.graph, 0.2, apart=True)
    together = keeping(network.graph, 0.2)
    assert together.work <= plan.work
    nodes = {node.path: node for node in network.graph.nodes()}
    for node in nodes.values():
        for name in node.inputs:
            if name != INPUT and chain_path(nodes[name]) != chain_path(node):
                assert plan.maps[name] != "again"
