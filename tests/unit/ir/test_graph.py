from pathlib import Path

import networkx as nx
import pytest

import archcompiler
from archcompiler.builder import BlockBuilder
from archcompiler.ir import INPUT, Graph, TensorType
from archcompiler.ir.kinds import ATTENTION, MASK
from archcompiler.ops import Relu

SPECS = Path(__file__).parents[3] / "specs"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return archcompiler.compile(SPECS / "attention56.toml").graph


def test_the_flat_view_has_every_operator_once(graph: Graph) -> None:
    paths = [node.path for node in graph.nodes()]
    assert len(paths) == len(set(paths)) == graph.root.operator_count


def test_the_flat_view_is_in_topological_order(graph: Graph) -> None:
    written = {INPUT}
    for node in graph.nodes():
        assert set(node.inputs) <= written
        written.add(node.path)


def test_the_flat_graph_has_one_source_and_one_sink(graph: Graph) -> None:
    flat = graph.to_networkx()
    assert nx.is_directed_acyclic_graph(flat)
    assert [n for n in flat if not flat.in_degree(n)] == [INPUT]
    assert [n for n in flat if not flat.out_degree(n)] == ["head/classifier"]
    gate = dict(flat.in_edges["stage1/attention1/mask/sigmoid", "stage1/attention1/gate", 0])
    assert gate == {"role": "mask"}


def test_a_node_knows_its_scope_its_kinds_and_its_place_in_the_spec(graph: Graph) -> None:
    node = next(n for n in graph.nodes() if n.path == "stage2/attention1/mask/sigmoid")
    assert node.scope == "stage2/attention1/mask"
    assert node.kinds[-2:] == (ATTENTION, MASK)
    assert node.origin[:3] == ("stages", 1, "attention")


def test_ten_thousand_equal_modules_are_one_block() -> None:
    network = archcompiler.compile(SPECS / "attention452.toml", ["stages.0.modules=10000"])
    stage = network.graph.root.step("stage1").body
    modules = [s.body for s in stage.steps if s.name.startswith("attention")]  # type: ignore[union-attr]
    assert len(modules) == 10_000
    assert len(set(map(id, modules))) == 1
    assert sum(block.kind == ATTENTION for _, block in network.graph.blocks()) == 3


def test_blocks_visits_each_once_outermost_first(graph: Graph) -> None:
    paths = [path for path, _ in graph.blocks()]
    assert paths[0] == ""
    assert len({id(block) for _, block in graph.blocks()}) == len(paths)
    assert all(p.rpartition("/")[0] in paths for p in paths if "/" in p)


def test_a_step_of_a_name_that_is_there_already_is_refused() -> None:
    builder = BlockBuilder("block", TensorType(8, 4, 4))
    builder.add("relu", Relu(), builder.x)
    for name in ("relu", INPUT):
        with pytest.raises(ValueError, match="two steps called"):
            builder.add(name, Relu(), builder.x)
