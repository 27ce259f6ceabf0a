"""One page of panels: the network, its distinct attention modules, its units, a legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from archcompiler.figure.contents import (
    ModuleGroup,
    UnitGroup,
    module_groups,
    part_groups,
    unit_groups,
)
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.legend import draw_legend
from archcompiler.figure.metrics import wrap
from archcompiler.figure.module import draw_module
from archcompiler.figure.module_size import tightest
from archcompiler.figure.overview import draw_overview
from archcompiler.figure.recognition import ModuleShape
from archcompiler.figure.scene import MARGIN, TEXT, Label, Panel, Wire, merge
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.words import CLASS_NAMES, shape_words
from archcompiler.ir import Block
from archcompiler.ir.kinds import MASK

Level = Literal["auto", "network", "stage", "module", "unit", "op"]
SHELF = 12.0
"""Space between rows of panels."""
APART = 10.0
"""Space between panels of a row."""
BLOCK = (504.0, 684.0)
"""A page's text block, 7 by 9.5 inches; one column of it is as high."""


@dataclass
class Page:
    """A composed page, and what had to be left out to keep it readable."""

    panel: Panel
    parts: tuple[Panel, ...]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a page shows beside the row of stages."""

    name: str
    """As a note calls it."""
    modules: tuple[ModuleGroup, ...] = ()
    units: tuple[UnitGroup, ...] = ()
    detailed: bool = True
    """Whether the stages show what is in them."""
    most: int = 0
    """How many cards the row may have; 0 for as many as there are stages."""


def plan(drawing: Drawing, level: Level) -> Plan:
    """The page of a level that was asked for."""
    return Plan(
        f"`--level {level}`",
        tuple(module_groups(drawing)) if level in ("module", "unit") else (),
        (*unit_groups(drawing), *part_groups(drawing)) if level == "unit" else (),
        detailed=level not in ("network", "op"),
    )


def plans(drawing: Drawing, expanded: bool) -> Iterator[Plan]:
    """Pages from the deepest level to one that fits anywhere; none has more than the one before."""
    full = plan(drawing, "unit")
    if not expanded:
        yield full
        if full.modules and full.units:
            yield plan(drawing, "module")
        if len(full.modules) > 1:
            deepest = max(full.modules, key=_depth)
            yield Plan("its deepest attention module", (deepest,), full.units)
            yield Plan("its deepest attention module", (deepest,))
            yield Plan("the row of stages and its deepest module", (deepest,), detailed=False)
    yield plan(drawing, "stage")
    yield plan(drawing, "network")
    most = len(drawing.graph.root.steps)
    while most > 6:
        most = most * 4 // 5
        yield replace(plan(drawing, "network"), most=most)


def _depth(group: ModuleGroup) -> int:
    """Levels of a module's mask."""
    return len(group.shape.levels) if group.shape is not None else 0


def compose_bare(drawing: Drawing, width: float, dot: Dot | None) -> Panel:
    """The page without legend and footer, for a place that has its own; of any height."""
    return _compose(drawing, width, plan(drawing, "unit"), dot, (), bare=True).panel


def compose(
    drawing: Drawing, width: float, level: Level, dot: Dot | None, extra: Sequence[Panel] = ()
) -> Page:
    """One page `width` points wide with its margins, or as wide as the widest `extra` panel needs.

    `auto` takes the first of the `plans` that fits a page.
    """
    room = BLOCK[1] * max(1.0, width / BLOCK[0]) - 2 * MARGIN
    inner = max(width - 2 * MARGIN, *(panel.width for panel in extra), 0.0)
    candidates = [plan(drawing, level)] if level != "auto" else list(plans(drawing, bool(extra)))
    for candidate in candidates:
        page = _compose(drawing, inner, candidate, dot, extra)
        if page.panel.height <= room:
            break
    if candidate is not candidates[0]:
        size = f"{(inner + 2 * MARGIN) / 72:.3g} by {(room + 2 * MARGIN) / 72:.3g} inches"
        page.notes.insert(
            0,
            f"folded to {candidate.name}: more does not fit a page of {size}; "
            f"{candidates[0].name} draws more, on a higher one",
        )
    if inner > width - 2 * MARGIN:
        wide = f"{(inner + 2 * MARGIN) / 72:.3g} inches wide"
        page.notes.append(f"{wide}: what was asked for does not fit into {width / 72:.3g}")
    return page


def _compose(
    drawing: Drawing,
    width: float,
    plan: Plan,
    dot: Dot | None,
    extra: Sequence[Panel],
    *,
    bare: bool = False,
) -> Page:
    notes = []
    if plan.most:
        notes.append("stages in the middle share one card: `--level network` has one for each")
    letters = (f"({letter})" for letter in "abcdefghijklmnopqrstuvwxyz" * 40)
    letter = next(letters) if plan.modules or plan.units else ""
    shelves = [[draw_overview(drawing, width, letter, detailed=plan.detailed, most=plan.most)]]
    shelves += _modules(drawing, plan.modules, width, letters, notes)
    others = [group for group in plan.modules if group.shape is None]
    modules = _scopes(drawing, others, "module", dot, letters, width, notes)
    closed = next(filter(None, map(_mask_scope, others)), None)
    if modules and closed and not plan.units and not extra:
        notes.append(f"masks such as {closed} are one card: `--expand {closed}` draws one")
    units = modules + _scopes(drawing, plan.units, "unit", dot, letters, width, notes)
    drawn = {panel.id for shelf in (*shelves, units) for panel in shelf}
    shelves += _shelve([*units, *(panel for panel in extra if panel.id not in drawn)], width)
    if not bare:
        _append_legend(shelves, width, drawing.residual)
    return _stack(drawing, shelves, width, notes, () if bare else (footer(drawing, width),))


def _modules(
    drawing: Drawing,
    groups: Sequence[ModuleGroup],
    width: float,
    letters: Iterator[str],
    notes: list[str],
) -> list[list[Panel]]:
    """Modules of the form that the paper draws."""
    rows: list[list[tuple[ModuleGroup, ModuleShape, float]]] = []
    for group in groups:
        if group.shape is None:
            continue
        need = min(tightest(group.shape).width, width)
        if rows and sum(w + APART for *_, w in rows[-1]) + need <= width:
            rows[-1].append((group, group.shape, need))
        else:
            rows.append([(group, group.shape, need)])
    shelves: list[list[Panel]] = []
    for row in rows:
        stretch = (width - APART * (len(row) - 1)) / sum(need for *_, need in row)
        shelf: list[Panel] = []
        for group, shape, need in row:
            try:
                panel = draw_module(
                    drawing, shape, group.scope, group.title, need * stretch, next(letters),
                    group.note,
                )  # fmt: skip
            except ValueError as reason:
                notes.append(str(reason))
                continue
            shelf.append(panel)
            if any(node.key == "folded" for node in panel.nodes):
                mask = f"{group.scope}/{shape.mask.name}"
                notes.append(
                    f"the mask of {group.scope} is folded below its upper levels: "
                    f"`--expand {mask}` draws it"
                )
        shelves.append(shelf)
    return [shelf for shelf in shelves if shelf]


def _mask_scope(group: ModuleGroup) -> str | None:
    """Where the mask of a module is, if it is a block."""
    for step in group.block.steps:
        if isinstance(step.body, Block) and step.body.kind == MASK:
            return f"{group.scope}/{step.name}"
    return None


def _scopes(
    drawing: Drawing,
    groups: Sequence[ModuleGroup | UnitGroup],
    noun: str,
    dot: Dot | None,
    letters: Iterator[str],
    width: float,
    notes: list[str],
) -> list[Panel]:
    """Groups that Graphviz lays out."""
    if dot is None:
        if groups:
            notes.append(f"{noun}s are not drawn: no `dot` to lay them out")
        return []
    panels = [
        draw_scope(drawing, g.block, g.scope, g.title, dot, next(letters), g.note, width)
        for g in groups
    ]
    if any(panel.width > width for panel in panels):
        notes.append(f"a {noun} is wider than the page and left out")
    return [panel for panel in panels if panel.width <= width]


def _shelve(panels: Sequence[Panel], width: float) -> list[list[Panel]]:
    shelves: list[list[Panel]] = []
    for panel in panels:
        if shelves and sum(p.width + APART for p in shelves[-1]) + panel.width <= width:
            shelves[-1].append(panel)
        else:
            shelves.append([panel])
    return shelves


def _append_legend(shelves: list[list[Panel]], width: float, residual: bool) -> None:
    """Beside the last panels if there is room, else below them."""
    panels = [panel for shelf in shelves for panel in shelf]
    room = width - sum(panel.width + 2 * APART for panel in shelves[-1])
    tall = max(panel.height for panel in shelves[-1])
    beside = draw_legend(panels, room, residual) if room > 100 else None
    if not any(node.outline.role in CLASS_NAMES for panel in panels for node in panel.nodes):
        return
    if beside is not None and beside.width <= room and beside.height <= tall:
        # Its right edge on the page's, its middle on theirs.
        free = width - beside.width - sum(panel.width + APART for panel in shelves[-1])
        shelves[-1].append(beside.moved(free, tall - beside.height))
    else:
        shelves.append([draw_legend(panels, width, residual)])


def _stack(
    drawing: Drawing,
    shelves: list[list[Panel]],
    width: float,
    notes: list[str],
    foot: Sequence[Panel],
) -> Page:
    placed: list[Panel] = []
    y = 0.0
    for shelf in shelves:
        x = 0.0
        for panel in shelf:
            placed.append(panel.moved(x, y))
            x += panel.width + APART
        y += max(panel.height for panel in shelf) + SHELF
    y -= SHELF
    for panel in foot:
        y += SHELF - 4
        placed.append(panel.moved(0, y))
        y += panel.height
    size = (width, y)
    parts = tuple(panel for shelf in shelves for panel in shelf)
    return Page(merge("page", drawing.title, size, placed), parts, notes)


def footer_words(drawing: Drawing) -> str:
    totals, graph = drawing.totals, drawing.graph
    return " · ".join(
        (
            graph.name,
            f"{totals.params:,} parameters",
            f"{totals.macs:,} MACs at {shape_words(graph.input)}",
            f"trunk depth {drawing.trunk_depth}",
            f"spec {drawing.sha256[:12]}",
        )
    )


def footer(drawing: Drawing, width: float) -> Panel:
    """Totals, name and hash of the spec under a rule."""
    lines = wrap(footer_words(drawing), TEXT, width)
    return Panel(
        "footer", "", width, 3.0 + 9.0 * len(lines),
        wires=(Wire(((0, 0), (width, 0)), "rule", False),),
        labels=tuple(
            Label(0, 9.5 + 9 * i, line, role="muted", anchor="start")
            for i, line in enumerate(lines)
        ),
    )  # fmt: skip
