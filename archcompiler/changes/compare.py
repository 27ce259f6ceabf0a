"""Two networks side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.total import Cost
from archcompiler.compiler import CompiledNetwork
from archcompiler.figure.differences import Difference, spec_differences
from archcompiler.tables.report import Report

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """What one part of the networks costs in either; None where it is not there."""

    name: str
    old: Cost | None
    new: Cost | None


@dataclass(frozen=True)
class Keys:
    """What becomes of the keys of a `state_dict`, with shapes."""

    appear: Mapping[str, Shape]
    vanish: Mapping[str, Shape]
    reshaped: Mapping[str, tuple[Shape, Shape]]
    kept: tuple[str, ...]
    """Keys whose weights can be loaded as they are."""

    @property
    def equal(self) -> bool:
        return not (self.appear or self.vanish or self.reshaped)


@dataclass(frozen=True)
class Changes:
    """From an old network to a new one."""

    old: CompiledNetwork
    new: CompiledNetwork
    values: tuple[Difference, ...]
    stages: tuple[Pair, ...]
    total: Pair
    depth: tuple[int, int]
    keys: Keys | None
    """None where they are not known, because PyTorch is missing."""

    @property
    def equal(self) -> bool:
        """Whether the networks are the same but for what they are called."""
        same = self.old.loaded.sha256 == self.new.loaded.sha256
        costs = self.total.old == self.total.new
        return (same or not self.values) and costs and (self.keys is None or self.keys.equal)


def compare(old: CompiledNetwork, new: CompiledNetwork) -> Changes:
    """Everything that a reviewer, or who has weights of the old network, may ask for."""
    left, right = Report(old, old.graph, "stage"), Report(new, new.graph, "stage")
    before = {row.name: row.cost for row in left.rows}
    after = {row.name: row.cost for row in right.rows}
    # The head comes last, also where the new network has more stages.
    names = [name for name in (*before, *after) if name != "head"]
    ordered = [*dict.fromkeys(names), *({"head"} & (before.keys() | after.keys()))]
    return Changes(
        old,
        new,
        tuple(spec_differences(old, new)),
        tuple(Pair(name, before.get(name), after.get(name)) for name in ordered),
        Pair("total", left.cost, right.cost),
        (trunk_depth(old.graph), trunk_depth(new.graph)),
        _keys(old, new),
    )


def _keys(old: CompiledNetwork, new: CompiledNetwork) -> Keys | None:
    try:
        from archcompiler.verify.state import state_dict_shapes
    except ImportError:
        return None
    a, b = state_dict_shapes(old), state_dict_shapes(new)
    return Keys(
        {key: shape for key, shape in b.items() if key not in a},
        {key: shape for key, shape in a.items() if key not in b},
        {key: (a[key], shape) for key, shape in b.items() if key in a and a[key] != shape},
        tuple(key for key, shape in b.items() if a.get(key) == shape),
    )


def by_scope(keys: Mapping[str, object], others: Mapping[str, object]) -> dict[str, int]:
    """How many of the keys there are below each scope that nothing of the others is in.

    A key that stands alone there is its own.
    """
    taken = {key[: len(key) - len(rest)] for key in others for rest in _endings(key)}
    found: dict[str, int] = {}
    for key in keys:
        scopes = (key[: len(key) - len(rest)] for rest in _endings(key))
        scope = next((scope for scope in scopes if scope not in taken), key)
        found[scope] = found.get(scope, 0) + 1
    return found


def _endings(key: str) -> list[str]:
    """What is left of a key after each of its dots, and at its end."""
    parts = key.split(".")
    return [f".{'.'.join(parts[i:])}" for i in range(1, len(parts))] + [""]
