"""What deserves a panel: the distinct attention modules and unit types of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcompiler.ir.kinds import ATTENTION, STAGE, UNIT, UnitConfig
from archcompiler.figure.counts import Counts, short
from archcompiler.figure.drawing import Drawing, unit_key
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.words import enumerate_words, plural, shape_words
from archcompiler.ir import Block


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Attention modules that are equal but for their widths: drawn once, for the first."""

    block: Block
    scope: str
    title: str
    note: str
    """How many there are, and what they cost together."""


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """Units that are equal but for their widths, and how the first of a stage differs."""

    block: Block
    scope: str
    title: str
    note: str = ""


def module_groups(drawing: Drawing) -> list[ModuleGroup]:
    """The distinct attention modules, in the order of the forward pass."""
    found: dict[str, list[tuple[str, Block, str, int]]] = {}
    for step in drawing.graph.root.steps:
        if not isinstance(step.body, Block) or step.body.kind != STAGE:
            continue
        for run in runs(step.body):
            body = run.body
            if isinstance(body, Block) and body.kind == ATTENTION:
                place = (step.name, body, f"{step.name}/{run.first.name}", run.count)
                found.setdefault(digest(body), []).append(place)
    return [_module_group(drawing, places) for places in found.values()]


def _module_group(drawing: Drawing, places: list[tuple[str, Block, str, int]]) -> ModuleGroup:
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
    total = Counts(0, 0)
    for _, body, _, count in places:
        total += drawing.counter.of(body, body.output_type) * count
    modules = plural(sum(count for *_, count in places), "module")
    note = f"{modules}, {short(total.parameters)} parameters, {short(total.macs)} MACs"
    return ModuleGroup(block, scope, title, note)


def unit_groups(drawing: Drawing) -> list[UnitGroup]:
    """One unit of every type and options; one that keeps its shape if there is one."""
    same: dict[str, list[tuple[str, Block]]] = {}
    for path, block in _units(drawing.graph.root, ""):
        same.setdefault(unit_key(_config(block).unit), []).append((path, block))
    groups: list[UnitGroup] = []
    for key, units in same.items():
        path, block = min(units, key=lambda item: not _keeps_shape(item[1]))
        note = _difference([b for _, b in units if not _keeps_shape(b) and b is not block])
        groups.append(UnitGroup(block, path, f"Unit: {drawing.unit_names[key]}", note))
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
        words.append("1×1 projection")
    strides = sorted({_config(block).stride for block in changing} - {1})
    if strides:
        words.append(f"stride {' or '.join(map(str, strides))} where the size changes")
    return f"first of a stage: {', '.join(words)}" if words else ""
