"""Where two specs differ, value by value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Block, Graph
from archcompiler.ir.kinds import ATTENTION, HEAD, MASK, STAGE, STEM, UNIT

Difference = tuple[str, str, str]
"""Path in the spec, and the value on either side."""

_KINDS: Final = {
    "attention": ATTENTION,
    "head": HEAD,
    "mask": MASK,
    "stem": STEM,
    "trunk": UNIT,
    "unit": UNIT,
}
"""Kind of the block that a table of a spec gives options to."""


def spec_differences(left: CompiledNetwork, right: CompiledNetwork) -> list[Difference]:
    """Values of the resolved specs that differ; what every stage inherits is said once."""
    a, b = _values(left), _values(right)
    a, b = _spelt_as(b, a), _spelt_as(a, b)
    ignored = ("name", "title", "description", "class_name")
    found: dict[str, Difference] = {}
    for path in sorted({*a, *b}, key=_order):
        x = a.get(path) or _default(left.graph, path)
        y = b.get(path) or _default(right.graph, path)
        if x == y or path in ignored:
            continue
        stage = path.partition(".")[0]
        if path != stage and (stage in found):
            # A stage that one network lacks is one difference, not one a value.
            continue
        inherited = path.partition(".")[2] if path.startswith("stages[") else ""
        if inherited in found and found[inherited][1:] == (x, y):
            continue
        found[path] = (path, x, y)
    return _joined(list(found.values()))


def _values(network: CompiledNetwork) -> dict[str, str]:
    values = network.spec.model_dump(mode="json")
    for stage in values["stages"]:
        # What its block makes of an option that is left open may differ from stage to stage.
        stage["unit"] = stage["unit"] or values["unit"]
    return dict(_flat(values, ""))


def _spelt_as(others: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    """What fills a slot by its name alone, where the others have a table with its options too."""
    return {f"{p}.type" if f"{p}.type" in others else p: value for p, value in values.items()}


def _default(graph: Graph, path: str) -> str:
    """What an option is that a spec leaves to its block, as the graph has it; – if it has none."""
    *around, option = path.split(".")
    root: Block | None = graph.root
    stage = re.fullmatch(r"stages\[(\d+)\]", around[0]) if around else None
    if stage is not None:
        stages = [step.body for step in graph.root.steps if step.body.kind == STAGE]
        number = int(stage[1])
        body = stages[number] if number < len(stages) else None
        root = body if isinstance(body, Block) else None
    kind = _KINDS.get(around[-1]) if around else None
    if root is None or kind is None:
        return "–"
    for _, block in root.blocks():
        if block.kind == kind and option in block.options:
            return json.dumps(block.options[option], ensure_ascii=False)
    return "–"


def _joined(differences: list[Difference]) -> list[Difference]:
    """Stages that one network lacks, several in a row as one: `stages[3–29]`."""
    found: list[Difference] = []
    first = last = -1
    for path, x, y in differences:
        number = re.fullmatch(r"stages\[(\d+)\]", path)
        if number and found and last == int(number[1]) - 1 and found[-1][1:] == (x, y):
            last = int(number[1])
            found[-1] = (f"stages[{first}–{last}]", x, y)
            continue
        first = last = int(number[1]) if number else -2
        found.append((path, x, y))
    return found


def _order(path: str) -> tuple[bool, list[tuple[int, str]]]:
    """Stages last, by their numbers."""
    parts = re.split(r"(\d+)", path)
    return path.startswith("stages["), [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and path == "stages":
        for index, inner in enumerate(value):
            yield f"{path}[{index}]", "a stage"
            yield from _flat(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, json.dumps(value, ensure_ascii=False)
