"""What deserves a panel: the distinct attention modules and unit types of a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcompiler.analysis.total import Cost
from archcompiler.figure.drawing import Drawing, block_key
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.labels import name_words, step_words, stride_of
from archcompiler.figure.recognition import ModuleShape, modules_in, recognise
from archcompiler.figure.skips import skips
from archcompiler.figure.words import enumerate_words, plural, role_of, shape_words, short
from archcompiler.ir import INPUT, Block
from archcompiler.ir.kinds import ATTENTION, BLOCK, MASK, STAGE, UNIT
from archcompiler.ops.split import Part


@dataclass(frozen=True, slots=True)
class ModuleGroup:
    """Attention modules that are equal but for their widths: drawn once, for the first."""

    block: Block
    shape: ModuleShape | None
    """Its parts, if it has the form that the paper draws."""
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
    total = Cost()
    for _, body, _, count in places:
        total += drawing.costs.block(body) * count
    modules = plural(sum(count for *_, count in places), "module")
    note = f"{modules}, {short(total.params)} parameters, {short(total.macs)} MACs"
    return ModuleGroup(block, recognise(block), scope, title, note)


def unit_groups(drawing: Drawing) -> list[UnitGroup]:
    """One unit of every type and options; one that keeps its shape if there is one."""
    same: dict[str, list[tuple[str, Block]]] = {}
    for path, block in _units(drawing.graph.root):
        same.setdefault(block_key(block), []).append((path, block))
    groups: list[UnitGroup] = []
    for key, units in same.items():
        path, block = min(units, key=lambda item: not _keeps_shape(item[1]))
        note = _difference(block, [b for _, b in units if not _keeps_shape(b) and b is not block])
        groups.append(UnitGroup(block, path, f"Unit: {drawing.unit_names[key]}", note))
    return groups


def part_groups(drawing: Drawing) -> list[UnitGroup]:
    """Blocks inside units and other parts that have a card there, but no panel yet."""
    root = drawing.graph.root
    shown = set[Block]().union(*(shape.drawn for shape in modules_in(root)))
    found: dict[str, UnitGroup] = {}
    for path, block in root.blocks():
        if block.kind in (BLOCK, MASK) and block.steps and block not in shown:
            title = f"{'Mask' if block.kind == MASK else 'Block'}: {name_words(block)}"
            found.setdefault(block_key(block), UnitGroup(block, path, title))
    return list(found.values())


def _units(root: Block) -> Iterator[tuple[str, Block]]:
    """Distinct units with the path where each is first used."""
    found = root.blocks(enters=lambda block: block.kind != UNIT)
    return ((path, block) for path, block in found if block.kind == UNIT)


def _keeps_shape(block: Block) -> bool:
    return block.input == block.output_type


def _difference(shown: Block, changing: list[Block]) -> str:
    """What the units that change the shape do besides, and what they lack."""
    words = list(dict.fromkeys(filter(None, map(_shortcut, changing))))
    words += dict.fromkeys(filter(None, (_added(shown, unit) for unit in changing)))
    words += dict.fromkeys(filter(None, (_absent(shown, unit) for unit in changing)))
    strides = sorted({stride_of(block) for block in changing} - {1})
    if strides:
        words.append(f"stride {' or '.join(map(str, strides))} where the size changes")
    return f"first of a stage: {', '.join(words)}" if words else ""


def _added(shown: Block, unit: Block) -> str:
    """What a unit has beside the one that is shown, but for the way around it; "" if nothing."""
    names = {step.name for step in shown.steps} | {*_around(unit)}
    words = [
        step_words(step)[0]
        for step in unit.steps
        if step.name not in names and not isinstance(step.body, Block)
        if role_of(step.body) not in ("join", "norm")
    ]
    return f"also {' and '.join(dict.fromkeys(words))}" if words else ""


def _absent(shown: Block, unit: Block) -> str:
    """What a unit lacks of the one that is shown: `no skip connection`; "" if it has all."""
    names = {step.name for step in unit.steps}
    missing = [step for step in shown.steps if step.name not in names]
    words = ["skip connection"] if skips(shown) and not skips(unit) else []
    if sum(step.body.kind == "add" for step in missing) > len(words):
        words.append("sums inside")
    words += [
        "split" if isinstance(step.body, Part) else step_words(step)[0]
        for step in missing
        if not isinstance(step.body, Block) and step.body.kind not in ("add", "mul")
        if role_of(step.body) != "norm"
    ]
    return f"no {' and no '.join(dict.fromkeys(words))}" if words else ""


def _shortcut(unit: Block) -> str:
    """What stands on the way around a unit: `1×1 projection`; "" if there is no way around."""
    steps = map(unit.step, _around(unit))
    words = [
        step_words(step)[0]
        for step in steps
        if not isinstance(step.body, Block) and role_of(step.body) not in ("join", "norm")
    ]
    if len(words) == 1 and "conv" in words[0].split():
        return words[0].replace("conv", "projection")
    return f"{' and '.join(words)} on the shortcut" if words else ""


def _around(unit: Block) -> tuple[str, ...]:
    """The steps of the shortest way through a unit that the longest one has not."""
    shortest: dict[str, tuple[str, ...]] = {INPUT: ()}
    longest: dict[str, tuple[str, ...]] = {INPUT: ()}
    for step in unit.steps:
        shortest[step.name] = (*min((shortest[name] for name in step.inputs), key=len), step.name)
        longest[step.name] = (*max((longest[name] for name in step.inputs), key=len), step.name)
    passed = {*longest[unit.output]}
    return tuple(name for name in shortest[unit.output] if name not in passed)
