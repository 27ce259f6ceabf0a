"""What to make again, as it is planned, against every other choice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tiny import tiny_spec

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.analysis.budget import NoRoom, fitting, keeping
from archcompiler.analysis.front import Front, Fronts, Limits, Room
from archcompiler.analysis.hull import WIDTH, Beam, Corners
from archcompiler.analysis.peak import step_memory
from archcompiler.analysis.planner import (
    CLOSE,
    WIDE,
    Planner,
    TooLittle,
    chosen_blocks,
    plan_recomputation,
)
from archcompiler.analysis.recompute import (
    chain_path,
    recomputed,
    usual_bytes,
)
from archcompiler.emit.kept import few_patterns
from archcompiler.ir import INPUT
from archcompiler.shipped import specs

take = Room.take


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
                    work += 0 if recalled else cost
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
    stage = {"channels": 32, "modules": 1, "depth": 1}
    graph = archcompiler.compile(tiny_spec(stage)).graph
    planner = Planner(graph, apart=False)
    whole = planner.solve(Fronts(Limits()))
    usual = recomputed(graph, {}).image_bytes
    beyond = usual - planner.usual
    for i in range(0, len(whole), max(1, len(whole) // 8)):
        size, work = int(whole.sizes[i]), int(whole.works[i])
        assert plan_recomputation(graph, size + beyond).work == work


def test_a_corner_is_the_best_pair_at_its_rate() -> None:
    stage = {"channels": 32, "modules": 1, "depth": 1}
    planner = Planner(archcompiler.compile(tiny_spec(stage)).graph, apart=False)
    whole = planner.solve(Fronts(Limits()))
    found = {rate: planner.solve(Corners(rate)) for rate in (0.0, 0.3, 2.0, 37.0, 1e9)}
    pairs = list(zip(whole.sizes.tolist(), whole.works.tolist(), strict=True))
    for rate, corner in found.items():
        assert corner == min(pairs, key=lambda pair, r=rate: (pair[1] + r * pair[0], pair[0]))
    assert len(set(found.values())) > 2


@pytest.mark.parametrize("spec", ["ghostnet", "shufflenet_v2"])
def test_what_a_beam_misses_is_found(spec: str) -> None:
    """Few of their choices are worth the rate itself: pairs off the line come closer."""
    graph = archcompiler.compile(spec).graph
    best, near = (keeping(graph, 0.75, close=close) for close in (False, True))
    assert 0 < best.work <= near.work <= best.work / (1 - CLOSE)


def test_the_least_work_of_all_is_that_of_the_beam_where_none_has_less() -> None:
    """What is shown of a share that nobody has asked for is then what a run with it does."""
    graph = archcompiler.compile("attention56_cifar").graph
    best, near = (keeping(graph, 0.75, close=close) for close in (False, True))
    assert best == near


def test_fronts_of_which_nothing_was_left_out_are_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the best pair is far from the line, finer grains prove no more than it is the best."""
    graph = archcompiler.compile("attentioninception56").graph
    grains: list[int] = []

    class Seen(Fronts):
        def __init__(self, limits: Limits, room: Room | None = None) -> None:
            super().__init__(limits, room)
            grains.append(limits.grain)

    monkeypatch.setattr("archcompiler.analysis.hull.Fronts", Seen)
    near = keeping(graph, 0.75, close=True)
    finest = min(grain for grain in grains if grain)
    assert grains[-1] == finest > 100
    assert near.work == keeping(graph, 0.75).work


@pytest.mark.parametrize("share", [0.0, 0.3, 0.75, 1.0])
def test_a_beam_goes_along_the_line(share: float) -> None:
    """Of the pairs that are best at a rate: the ends, and a few about a share of the way."""
    stages = ({"channels": c, "unit": "preact_basic", "before": 3} for c in (8, 12, 20))
    graph = archcompiler.compile(tiny_spec(*stages)).graph
    planner = Planner(graph, apart=False)
    whole = planner.solve(Fronts(Limits()))
    pairs = list(zip(whole.sizes.tolist(), whole.works.tolist(), strict=True))
    rate = 0.5  # of a batch norm and a ReLU that are made again in place of two maps
    least = min(work + rate * size for size, work in pairs)
    line = sorted(pair for pair in pairs if pair[1] + rate * pair[0] == least)
    beam = planner.solve(Beam(rate, share))
    found = [(pair.size, pair.work) for pair in beam]
    assert WIDTH < len(found) < len(line)
    assert set(found) <= set(line)
    assert found[0] == line[0]
    assert found[-1] == line[-1]
    target = line[0][0] + share * (line[-1][0] - line[0][0])
    between = sorted(size for size, _ in found[1:-1])
    assert min(abs(size - target) for size in between) <= (line[-1][0] - line[0][0]) / 20
    beyond = usual_bytes(graph) - planner.usual
    for pair in beam:
        chosen = recomputed(graph, chosen_blocks(pair.names()))
        assert (chosen.image_bytes - beyond, chosen.work) == (pair.size, pair.work)


@pytest.mark.parametrize("spec", specs())
def test_what_is_kept_as_usual_is_what_the_costs_say(spec: str) -> None:
    graph = archcompiler.compile(spec).graph
    assert usual_bytes(graph) == recomputed(graph, {}).image_bytes


PAIRS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12)


@given(PAIRS, PAIRS)
def test_fronts_are_sums_and_unions(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    fronts = Fronts(Limits())

    def made(pairs: list[tuple[int, int]]) -> Front:
        return fronts.union(*(fronts.point(*pair, (str(pair),)) for pair in pairs))

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


@given(PAIRS, PAIRS, st.integers(0, 40), st.integers(0, 20), st.sampled_from([1, 4, 1000]))
def test_a_sum_in_chunks_has_all_within_the_limits(
    one: list[tuple[int, int]], two: list[tuple[int, int]], most: int, gap: int, chunk: int
) -> None:
    free, limited = Fronts(Limits()), Fronts(Limits(most, 1.0, gap))
    a, b = (free.union(*(free.point(*pair) for pair in pairs)) for pairs in (one, two))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archcompiler.analysis.front.CHUNK", chunk)
        found = limited.sum(a, b)
    whole = free.sum(a, b)
    best = whole.sizes + whole.works <= (whole.sizes + whole.works).min() + gap
    wanted = best & (whole.sizes <= most)
    pairs = set(zip(found.sizes.tolist(), found.works.tolist(), strict=True))
    assert pairs >= set(
        zip(whole.sizes[wanted].tolist(), whole.works[wanted].tolist(), strict=True)
    )
    assert all(size <= most for size, _ in pairs)


@example([(0, 2), (1, 1), (2, 0)], [(0, 1), (1, 0)], 4, 60, 20)
@given(PAIRS, PAIRS, st.sampled_from([1, 2, 7 * 7 * 4]), st.integers(0, 60), st.integers(0, 20))
def test_a_sum_is_that_of_all_pairs_in_order(
    one: list[tuple[int, int]], two: list[tuple[int, int]], grain: int, most: int, gap: int
) -> None:
    """Whichever way it is made: of equals the first is taken, as plans are the same everywhere."""
    made = Fronts(Limits())
    a, b = (
        made.union(*(made.point(5 + grain * size, work, (f"{i}",)) for i, (size, work) in found))
        for found in (enumerate(one), enumerate(two, len(one)))
    )
    limited = Fronts(Limits(grain * most, 1 / grain, gap))
    found = []
    for few in (0, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("archcompiler.analysis.front.FEW", few)
            for front in (made.sum(a, b), limited.sum(a, b)):
                names = [tuple(front.names(i)) for i in range(len(front))]
                found.append((front.sizes.tolist(), front.works.tolist(), names))
    assert found[:2] == found[2:]


@pytest.mark.parametrize("share", [0.75, 0.5, 0.25])
def test_a_search_that_is_too_wide_stops_close_to_the_least(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = archcompiler.compile("attention56_cifar").graph
    least = keeping(graph, share)
    monkeypatch.setattr("archcompiler.analysis.planner.WIDE", 1e4)
    close = keeping(graph, share)
    assert least.work <= close.work <= (1 + CLOSE) * least.work
    assert close.image_bytes <= share * usual_bytes(graph)


def test_a_network_of_many_sizes_of_maps_is_planned_in_seconds() -> None:
    """All choices for it are more than any memory has room for."""
    graph = archcompiler.compile("efficientnet_b0").graph
    with pytest.MonkeyPatch.context() as patch:
        looked = []
        patch.setattr(Room, "take", lambda room, pairs: (looked.append(pairs), take(room, pairs)))
        plan = keeping(graph, 0.5)
    assert max(looked) > WIDE
    assert plan.image_bytes <= 0.5 * usual_bytes(graph)


def test_patterns_match_what_is_kept_and_no_other() -> None:
    maps = [{"a.unit1.conv1"}, {"a.unit2.conv1"}, {"b.unit1.conv1"}, {"a", "a.unit2"}, {">c"}]
    others = {"a.unit1", "a.unit1.norm1", "c", "b.unit1"}
    assert few_patterns(maps, others) == ["*.conv?", ">c", "a"]
    assert few_patterns(maps[:1], {"a.unit2.conv1", "b.unit1.conv1"}) == ["a.unit1.*"]
    assert few_patterns([], others) == []


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
    assert peak(found) <= room
    assert found.work <= keeping(network.graph, 0.6).work
    with pytest.raises(NoRoom) as none:
        fitting(network.graph, 1000, peak)
    least = none.value.least
    assert peak(fitting(network.graph, least, peak)) == least


def test_indices_of_a_pool_are_there_while_it_is_differentiated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("archcompiler.analysis.peak.highest_of", list)
    stem = {"type": "conv_pool", "channels": 8}
    graph = archcompiler.compile(tiny_spec(stem=stem)).graph
    pool = next(node for node in graph.nodes() if node.path == "stem/pool")
    numel = pool.type.numel
    usual = step_memory(graph)
    planned = step_memory(graph, plan=recomputed(graph, {"stem": frozenset()}))
    for step in (usual, planned):
        pooled, done = (
            next(m for m in reversed(step.moments) if m.where == where)
            for where in ("stem/pool", "stem/relu")
        )
        # 8 bytes for each of them: by autograd as usual, or made for the moment.
        assert pooled.kept.image - done.kept.image == 8 * numel
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
