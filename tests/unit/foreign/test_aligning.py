"""Two small networks that are walked down together."""

from __future__ import annotations

from typing import Any

import networkx as nx

from archcompiler.foreign.aligning import Alignment, align
from archcompiler.ir import TensorType

Graph = Any  # nx.MultiDiGraph


def graph(*nodes: tuple[str, str, str]) -> Graph:
    """Nodes in order of data flow: a name, an operator with its options and perhaps the side of
    its result, what it reads.
    """
    made: Graph = nx.MultiDiGraph()
    for name, operator, sources in nodes:
        operator, _, side = operator.partition(" → ")
        kind, *options = operator.split()
        pairs = tuple(tuple(option.split("=")) for option in options)
        made.add_node(name, label=(kind, pairs, TensorType(4, *[int(side or 8)] * 2)), op=None)
        made.add_edges_from((source, name, {"role": "data"}) for source in sources.split())
    return made


def kinds(found: Alignment) -> list[tuple[str, str]]:
    assert found.unmatched == ((), ())
    return [(deviation.kind, deviation.said) for deviation in found.deviations]


LONG = (
    ("relu1", "relu", "{}"), ("conv1", "conv k=3", "relu1"), ("relu2", "relu", "conv1"),
    ("conv2", "conv k=3", "relu2"), ("long", "relu", "conv2"),
)  # fmt: skip
SHORT = (("sigmoid", "sigmoid", "{}"), ("short", "tanh", "sigmoid"))


def test_of_equal_beginnings_the_one_that_goes_on_alike_is_meant() -> None:
    def branches(first: str, size: int) -> Graph:
        begin = (("a", "conv k=1", "input"), ("b", "conv k=1", "input"))
        short, long = ("a", "b") if first == "short" else ("b", "a")
        ways = [*SHORT, *LONG]
        return graph(
            ("input", "input", ""),
            *begin,
            *((n, op, of.format(short if (n, op, of) in SHORT else long)) for n, op, of in ways),
            ("add", "add", "short long"),
            ("last", f"conv k={size}", "add"),
        )

    for ours in ("short", "long"):
        for theirs in ("short", "long"):
            found = align(branches(ours, 1), branches(theirs, 3))
            assert kinds(found) == [("option", "conv k=3 for k=1")], (ours, theirs)


def test_an_operator_that_reads_another_result() -> None:
    def chain(read: str) -> Graph:
        return graph(
            ("input", "input", ""),
            ("conv", "conv k=3", "input"),
            ("relu", "relu", "conv"),
            ("pool", "pool", read),
            ("add", "add", "relu pool"),
        )

    found = align(chain("relu"), chain("conv"))
    assert kinds(found) == [("source", "pool reads another result")]
    difference = found.deviations[0].difference
    assert difference.theirs is not None
    assert difference.ours is not None
    assert (difference.theirs.reads, difference.ours.reads) == (("conv",), ("relu",))


def test_an_operator_that_is_left_out_is_not_one_without_a_match() -> None:
    def chain(*middle: str) -> Graph:
        names = ["input", "conv", *middle, "pool", "last"]
        reads = zip(names, ["", *names], strict=False)
        return graph(*((name, "conv k=3" if name == "last" else name, of) for name, of in reads))

    found = align(chain("relu"), chain())
    assert kinds(found) == [("missing", "relu")]
    assert [d.kind for d in align(chain(), chain("relu")).deviations] == ["extra"]


def test_a_sum_of_more_is_not_one_that_reads_another_result() -> None:
    def sums(read: str) -> Graph:
        return graph(
            ("input", "input", ""),
            ("conv", "conv k=3", "input"),
            ("relu", "relu", "conv"),
            ("pool", "pool", "relu"),
            ("mul", "mul", read),
        )

    found = align(sums("relu pool"), sums("conv relu pool"))
    assert [deviation.kind for deviation in found.deviations] == []
    assert found.unmatched == (("mul",), ("mul",))


def test_another_size_is_said_once() -> None:
    def sizes(side: int) -> Graph:
        return graph(
            ("input", "input", ""),
            ("pool", "pool → 4", "input"),
            ("up", f"interpolate → {side}", "pool"),
            ("add", f"add → {side}", "input up"),
            ("last", f"relu → {side}", "add"),
        )

    found = align(sizes(8), sizes(7))
    assert kinds(found) == [("size", "interpolate to 7×7 for 8×8")]
