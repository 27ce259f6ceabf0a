"""A space by brute force: every spec of it compiled by itself, and compared with every other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import archcompiler
from archcompiler.analysis.costs import CostModel, total
from archcompiler.analysis.depth import trunk_depth
from archcompiler.config.toml import toml_value
from archcompiler.diagnostics import CompileError
from archcompiler.spec.bounds import parse_bounds

QUANTITIES = ("params", "macs", "memory", "depth")


@dataclass
class Enumerated:
    """What there is in a space."""

    networks: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """The costs of each network, by a digest of its operators."""
    compiled: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many specs do not compile, by the code of their first error."""

    def front(self, space: dict[str, Any]) -> set[int]:
        """Digests of the networks that keep to the budget and that none beats, from all pairs."""
        objective = space.get("objective", {"minimise": ["params", "macs"], "maximise": ["depth"]})
        signs = [(name, 1) for name in objective.get("minimise", ())]
        signs += [(name, -1) for name in objective.get("maximise", ())]
        bounds = {name: parse_bounds(text) for name, text in space.get("budget", {}).items()}
        points = {}
        for digest, costs in self.networks.items():
            cost = dict(zip(QUANTITIES, costs, strict=True))
            if all(bound.holds(cost[name]) for name, each in bounds.items() for bound in each):
                points[digest] = tuple(sign * cost[name] for name, sign in signs)
        different = set(points.values())
        best = {
            one
            for one in different
            if not any(
                other != one and all(a <= b for a, b in zip(other, one, strict=True))
                for other in different
            )
        }
        return {digest for digest, point in points.items() if point in best}


def enumerated(base: Path, axes: dict[str, list[Any]]) -> Enumerated:
    """Compile every spec of a space, each with its values as `--set`."""
    found = Enumerated()
    for settings in choices(axes):
        try:
            digest, costs = measured(base, settings)
        except CompileError as wrong:
            found.refused[wrong.diagnostics[0].code] += 1
            continue
        found.compiled += 1
        found.networks[digest] = costs
    return found


def choices(axes: dict[str, list[Any]]) -> Iterator[list[str]]:
    for values in product(*axes.values()):
        yield [f"{key}={toml_value(value)}" for key, value in zip(axes, values, strict=True)]


def measured(base: Path, settings: list[str]) -> tuple[int, tuple[int, ...]]:
    """A digest of a network, and what it costs, as `flops` has it."""
    graph = archcompiler.compile(base, settings).graph
    cost = total(CostModel(graph).network)
    nodes = [(node.path, repr(node.op), node.inputs, node.type) for node in graph.nodes()]
    costs = cost.params, cost.macs, cost.saved_bytes, trunk_depth(graph)
    return hash(tuple(nodes)), costs
