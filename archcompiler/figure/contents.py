"""What deserves a panel: the distinct attention modules and unit types of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcompiler.blocks import ATTENTION, STAGE, UNIT, UnitConfig
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.words import enumerate_words, shape_words, unit_words
from archcompiler.ir import Block, Graph


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Attention modules that are equal but for their widths: drawn once, for the first."""

    block: Block
    scope: str
    title: str


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """Units that are equal but for their widths, and how the first of a stage differs."""

    block: Block
    scope: str
    title: str
    note: str = ""


def module_groups(graph: Graph) -> list[ModuleGroup]:
    """The distinct attention modules, in the order of the forward pass."""
    found: dict[str, list[tuple[str, Block, str, int]]] = {}
    for step in graph.root.steps:
        if not isinstance(step.body, Block) or step.body.kind != STAGE:
            continue
        for run in runs(step.body):
            body = run.body
            if isinstance(body, Block) and body.kind == ATTENTION:
                place = (step.name, body, f"{step.name}/{run.first.name}", run.count)
                found.setdefault(digest(body), []).append(place)
    return [_module_group(places) for places in found.values()]


def _module_group(places: list[tuple[str, Block, str, int]]) -> ModuleGroup:
    _, block, scope, _ = places[0]
    names = [
        name.removeprefix("stage") + (f" (× {count})" if count > 1 else "")
        for name, _, _, count in places[:4]
    ]
    if len(places) > 4:
        names = [*names[:3], f"{len(places) - 3} more"]
    noun = "stage" if len(places) == 1 else "stages"
    title = f"Attention module of {noun} {enumerate_words(names)}"
    shapes = {shape_words(body.output_type) for _, body, _, _ in places}
    title += f", {shape_words(block.output_type)}"
    if len(shapes) > 1:
        title += f" in stage {places[0][0].removeprefix('stage')}"
    return ModuleGroup(block, scope, title)


def unit_groups(graph: Graph) -> list[UnitGroup]:
    """One unit of every type; one that keeps its shape if there is one."""
    units = list(_units(graph.root, ""))
    groups: list[UnitGroup] = []
    for type_ in dict.fromkeys(_config(block).unit.type for _, block in units):
        same = [(path, block) for path, block in units if _config(block).unit.type == type_]
        path, block = min(same, key=lambda item: not _keeps_shape(item[1]))
        note = _difference([b for _, b in same if not _keeps_shape(b) and b is not block])
        noun = unit_words(type_)
        title = f"Unit: {noun}"
        groups.append(UnitGroup(block, path, title, note))
    return groups


def _units(block: Block, path: str) -> Iterator[tuple[str, Block]]:
    """Distinct units with the path where each is first used."""
    seen: set[int] = set()
    stack = [(path, block)]
    while stack:
        path, block = stack.pop()
        if id(block) in seen:
            continue
        seen.add(id(block))
        if block.kind == UNIT:
            yield path, block
            continue
        stack.extend(
            (f"{path}/{step.name}" if path else step.name, step.body)
            for step in reversed(block.steps)
            if isinstance(step.body, Block)
        )


def _config(block: Block) -> UnitConfig:
    assert isinstance(block.config, UnitConfig)
    return block.config


def _keeps_shape(block: Block) -> bool:
    return block.input == block.output_type


def _difference(changing: list[Block]) -> str:
    """What the units that change the shape do besides."""
    words = []
    if any(step.name == "project" for block in changing for step in block.steps):
        words.append("1×1 projection on the shortcut")
    strides = sorted({_config(block).stride for block in changing} - {1})
    if strides:
        words.append(f"stride {' or '.join(map(str, strides))} where the size changes")
    return f"first of a stage: {', '.join(words)}" if words else ""
