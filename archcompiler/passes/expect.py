"""What a spec expects of its network is so."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.sizes import takes, valid_sizes
from archcompiler.ir import Graph
from archcompiler.passes.finding import Finding
from archcompiler.spec.bounds import QUANTITIES, parse_bounds, sides_of
from archcompiler.spec.model import Expect

_WORDS = {
    "params": "the network has {} parameters",
    "macs": "one image takes {} multiply-accumulates",
    "memory": "autograd keeps {} bytes of one image",
    "depth": "the trunk has {} layers",
}


def check_expected(graph: Graph, expect: Expect) -> Iterator[Finding]:
    """Tell (E320) what is not as the spec expects, at the input that it names."""
    wanted = expect.model_dump(exclude_none=True)
    if not wanted:
        return
    actual = _actual(graph)
    for key in QUANTITIES:
        for bound in parse_bounds(wanted.get(key, ())) or ():
            if not bound.holds(actual[key]):
                message = f"{_WORDS[key].format(f'{actual[key]:,}')}, not {bound}"
                off = actual[key] - bound.value
                share = f" ({abs(off) / bound.value:.1%})" if bound.value else ""
                note = f"{abs(off):,.0f}{share} {'more' if off > 0 else 'less'}"
                notes = (note,) if off else ()
                yield Finding("E320", message, (("expect", key),), "", notes=notes)
    for index, size in enumerate(wanted.get("valid", ())):
        sides = sides_of(size, graph.input.dims)
        if sides is not None and not takes(graph, sides):
            message = f"the network does not take {'×'.join(map(str, sides))} pixels"
            notes = (f"valid: {valid_sizes(graph)}",)
            yield Finding("E320", message, (("expect", "valid", index),), "", notes=notes)


def _actual(graph: Graph) -> dict[str, int]:
    cost = network_cost(graph)
    return {
        "params": cost.params,
        "macs": cost.macs,
        "memory": cost.saved_bytes,
        "depth": trunk_depth(graph),
    }
