"""A space by brute force: every spec of it compiled by itself, and compared with every other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.depth import trunk_depth
from archcompiler.config.toml import toml_value
from archcompiler.diagnostics import CompileError
from archcompiler.spec.bounds import parse_bounds

QUANTITIES = ("params", "macs", "memory", "depth")
Settings: TypeAlias = tuple[str, ...]


@dataclass
class Enumerated:
    """What there is in a space."""

    costs: dict[Settings, tuple[int, ...]] = field(default_factory=dict)
    """What each spec that compiles costs, as `flops` has it."""
    network: dict[Settings, int] = field(default_factory=dict)
    """A digest of its operators: what changes nothing makes no other network."""
    refused: Counter[str] = field(default_factory=Counter)
    """How many specs do not compile, by the code of their first error."""

    def front(self, space: dict[str, Any]) -> set[int]:
        """Digests of the networks that keep to the budget and that none beats, from all pairs."""
        objective = space.get("objective", {"minimise": ["params", "macs"], "maximise": ["depth"]})
        signs = [(name, 1) for name in objective.get("minimise", ())]
        signs += [(name, -1) for name in objective.get("maximise", ())]
        bounds = {name: parse_bounds(text) or () for name, text in space["budget"].items()}
        points = {}
        for settings, costs in self.costs.items():
            cost = dict(zip(QUANTITIES, costs, strict=True))
            if all(bound.holds(cost[name]) for name, each in bounds.items() for bound in each):
                points[self.network[settings]] = tuple(sign * cost[name] for name, sign in signs)
        different = set(points.values())
        beaten = {
            one
            for one in different
            for other in different
            if other != one and all(a <= b for a, b in zip(other, one, strict=True))
        }
        return {digest for digest, point in points.items() if point not in beaten}


def enumerated(base: Path, axes: dict[str, list[Any]]) -> Enumerated:
    """Compile every spec of a space, each with its values as `--set`."""
    found = Enumerated()
    for values in product(*axes.values()):
        settings = as_settings(dict(zip(axes, values, strict=True)))
        try:
            graph = archcompiler.compile(base, settings).graph
        except CompileError as wrong:
            found.refused[wrong.diagnostics[0].code] += 1
            continue
        cost = network_cost(graph)
        found.costs[settings] = cost.params, cost.macs, cost.saved_bytes, trunk_depth(graph)
        nodes = [(node.path, repr(node.op), node.inputs, node.type) for node in graph.nodes()]
        found.network[settings] = hash(tuple(nodes))
    return found


def as_settings(values: dict[str, Any]) -> Settings:
    return tuple(f"{key}={toml_value(value)}" for key, value in values.items())
