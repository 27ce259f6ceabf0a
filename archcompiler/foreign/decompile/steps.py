"""Operators in order as the steps of a block, with names as a person would give them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from archcompiler.foreign.decompile.saying import Table

X: Final = "x"
_SHORT: Final = {
    "batch_norm": "norm",
    "group_norm": "norm",
    "layer_norm": "norm",
    "linear": "fc",
    "global_avg_pool": "pool",
    "avg_pool": "pool",
    "max_pool": "pool",
    "upsample": "up",
}
"""What a step is called after its operator."""


class Item(NamedTuple):
    """A step before it has a name."""

    value: str
    """What it gives."""
    table: Mapping[str, Any]
    reads: tuple[str, ...]


def as_steps(items: Sequence[Item], entry: str) -> dict[str, Table]:
    """The steps of a block whose input is `entry`; `from` only where it is needed."""
    names = {entry: X}
    bases = [_base(item) for item in items]
    count = Counter(bases)
    seen: Counter[str] = Counter()
    found: dict[str, Table] = {}
    last = X
    for item, base in zip(items, bases, strict=True):
        seen[base] += 1
        name = f"{base}{seen[base]}" if count[base] > 1 else base
        names[item.value] = name
        reads = [names[value] for value in item.reads]
        table = {"op": item.table["op"]}
        if reads != [last]:
            table["from"] = reads[0] if len(reads) == 1 else reads
        found[name] = table | {key: value for key, value in item.table.items() if key != "op"}
        last = name
    return found


def module(steps: Mapping[str, Table], unit: Table) -> Table:
    """The steps of a gate as an attention module, with `p` units before and after them."""
    outer = {key: value for key, value in unit.items() if key != "from"} | {"repeat": "p"}
    inner = {
        name: step | ({"from": _after(step["from"])} if "from" in step else {})
        for name, step in steps.items()
    }
    options = {"p": {"default": 1, "least": 0}}
    return {"options": options, "steps": {"pre": outer, **inner, "post": outer}}


def _after(sources: Any) -> Any:
    """What is read where units stand before the input's readers."""
    if isinstance(sources, list):
        return [_after(source) for source in sources]
    return "pre" if sources == X else sources


def _base(item: Item) -> str:
    word = str(item.table["op"])
    word = _SHORT.get(word, word)
    return re.sub(r"\d+$", "", word) or "step"
