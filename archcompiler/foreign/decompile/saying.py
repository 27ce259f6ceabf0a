"""Operators in the words of a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archcompiler.foreign.decompile.flow import RESAMPLED, Flow, Unsayable, factors
from archcompiler.ops import ArgumentError, Operator
from archcompiler.ops.registry import FAMILIES, find_operator
from archcompiler.ops.resize import Interpolate, Upsample

_FIELDS: Final = {
    ("conv", "channels"): "out_channels",
    ("conv_transpose", "channels"): "out_channels",
    ("linear", "features"): "out_features",
}
"""Where an operator keeps an argument under another name."""
_NORMS: Final = {"batch_norm": "batch", "group_norm": "group", "layer_norm": "layer"}
"""What a spec's `norm.type` calls them."""

Table = dict[str, Any]
"""A step, or another table of a spec."""


def said(flow: Flow, node: str) -> Table:
    """The `op` of a step and its arguments, those left out that are so by default.

    Raises Unsayable for an operator that its own arguments do not say.
    """
    kind, attributes, _ = flow.view.nodes[node]["label"]
    op = flow.op(node)
    assert op is not None
    channels = tuple(flow.type(source).channels for source in flow.reads[node])
    dims = flow.type(node).dims
    if kind == RESAMPLED:
        options = dict(attributes)
        if node not in flow.targets:
            scale = factors(flow, node)
            assert scale is not None
            op = Upsample(options["mode"], options["align_corners"], _merged(scale))
        else:
            op = Interpolate(options["mode"], options["align_corners"])
    elif kind != op.kind:
        op = _named(kind)()
    table = arguments(op, channels, dims)
    if table is None:
        raise Unsayable(node, f"`{op.kind}` has something that a spec cannot say")
    return {"op": op.kind, **table}


def _merged(sides: tuple[int, ...]) -> Any:
    return sides[0] if len(set(sides)) == 1 else sides


def _named(kind: str) -> type[Operator]:
    found = find_operator(kind)
    assert found is not None, kind
    return found


def arguments(op: Operator, channels: tuple[int, ...], dims: int) -> Table | None:
    """The fewest arguments that make an operator for these inputs; None if none do."""

    def makes(table: Table) -> bool:
        try:
            made = type(op).make(channels, dims, **table).simplified
        except ArgumentError:
            return False
        return made is not None and made == op and type(made) is type(op)

    whole = {name: _plain(getattr(op, _FIELDS.get((op.kind, name), name))) for name in op.arguments}
    # One argument may be for some values of another alone.
    tables = [whole, *({k: v for k, v in whole.items() if k != name} for name in whole)]
    table = next(filter(makes, tables), None)
    if table is None:
        return None
    for name in reversed(list(table)):
        fewer = {key: value for key, value in table.items() if key != name}
        if makes(fewer):
            table = fewer
    return table


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Words:
    """What `norm` and `act` mean in a network: what it has most of."""

    norm: Table = field(default_factory=dict)
    """The operator and its arguments; empty where there is none."""
    act: Table = field(default_factory=dict)

    def of(self, table: Table) -> Table:
        """A step with the words for its operator."""
        for word, meaning in (("norm", self.norm), ("act", self.act)):
            if meaning and table == meaning:
                return {"op": word}
        return table

    def spec(self) -> Table:
        """The keys of a spec that say so, without what is so by default."""
        found: Table = {}
        if self.act and self.act != {"op": "relu"}:
            found["activation"] = _reference(self.act)
        if self.norm and self.norm != {"op": "batch_norm"}:
            found["norm"] = {"type": _NORMS[self.norm["op"]], **_options(self.norm)}
        return found


def words(steps: Mapping[str, Table]) -> Words:
    """The norm and the activation that most steps have."""
    norms = _most(table for table in steps.values() if table["op"] in _NORMS)
    acts = _most(
        table
        for table in steps.values()
        if FAMILIES.get(table["op"]) == "activation" and table["op"] not in ("sigmoid", "identity")
    )
    return Words(norms, acts)


def _most(tables: Any) -> Table:
    found = [tuple(sorted(table.items())) for table in tables]
    if not found:
        return {}
    (best, _), *_ = Counter(found).most_common(1)
    table = dict(best)
    return {"op": table.pop("op"), **table}


def _options(table: Table) -> Table:
    return {key: value for key, value in table.items() if key != "op"}


def _reference(table: Table) -> Any:
    options = _options(table)
    return {"type": table["op"], **options} if options else table["op"]
