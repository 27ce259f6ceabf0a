"""One page of panels: the network, its distinct attention modules, its units, a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from archcompiler.analysis.depth import trunk_depth
from archcompiler.figure.contents import ModuleGroup, UnitGroup, module_groups, unit_groups
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.legend import draw_legend
from archcompiler.figure.metrics import wrap
from archcompiler.figure.module import draw_module
from archcompiler.figure.module_size import measure
from archcompiler.figure.overview import draw_overview
from archcompiler.figure.scene import TEXT, Label, Panel, Wire, merge
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.words import CLASS_NAMES, shape_words

Level = Literal["auto", "network", "stage", "module", "unit", "op"]
SHELF = 14.0
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


def compose(
    drawing: Drawing, width: float, level: Level, dot: Dot | None, extra: Sequence[Panel] = ()
) -> Page:
    """One page `width` points wide. `auto` takes the deepest level that fits it."""
    if level != "auto":
        return _compose(drawing, width, level, dot, extra)
    room = BLOCK[1] * max(1.0, width / BLOCK[0])
    levels: tuple[Level, ...] = ("unit", "module", "stage", "network")
    for index, candidate in enumerate(levels):
        page = _compose(drawing, width, candidate, dot, extra)
        most = len(drawing.graph.root.steps)
        while candidate == "network" and page.panel.height > room and most > 6:
            most = most * 4 // 5
            page = _compose(drawing, width, candidate, dot, extra, most)
        if page.panel.height <= room or candidate == "network":
            if index:
                page.notes.insert(
                    0,
                    f"folded to `--level {candidate}`: more does not fit a page of "
                    f"{width / 72:.3g} by {room / 72:.3g} inches",
                )
            return page
    raise AssertionError("the last level always fits")


def _compose(
    drawing: Drawing,
    width: float,
    level: Level,
    dot: Dot | None,
    extra: Sequence[Panel],
    most: int = 0,
) -> Page:
    notes = ["stages in the middle share one card"] if most else []
    lettered = level in ("module", "unit") or bool(extra)
    letters = (f"({letter})" for letter in "abcdefghijklmnopqrstuvwxyz" * 40)
    overview = draw_overview(
        drawing, width, next(letters) if lettered else "", detailed=level != "network", most=most
    )
    shelves: list[list[Panel]] = [[overview]]
    if extra:
        shelves += _shelve(extra, width)
    elif level in ("module", "unit"):
        shelves += _modules(drawing, module_groups(drawing.graph), width, letters, notes)
        if level == "unit" and dot is not None:
            units = [
                _unit(drawing, group, dot, next(letters), width)
                for group in unit_groups(drawing.graph)
            ]
            fitting = [unit for unit in units if unit.width <= width]
            if len(fitting) < len(units):
                notes.append("a unit is wider than the page and left out")
            shelves += _shelve(fitting, width)
        elif level == "unit":
            notes.append("units are not drawn: no `dot` to lay them out")
    _append_legend(shelves, width)
    return _stack(drawing, shelves, width, notes)


def _modules(
    drawing: Drawing,
    groups: Sequence[ModuleGroup],
    width: float,
    letters: object,
    notes: list[str],
) -> list[list[Panel]]:
    rows: list[list[tuple[ModuleGroup, float]]] = []
    for group in groups:
        found = measure(group.block)
        if found is None:
            continue
        need = min(found.width, width)
        if rows and sum(w + APART for _, w in rows[-1]) + need <= width:
            rows[-1].append((group, need))
        else:
            rows.append([(group, need)])
    shelves: list[list[Panel]] = []
    for row in rows:
        tight = sum(w for _, w in row)
        stretch = (width - APART * (len(row) - 1)) / tight
        shelf: list[Panel] = []
        for group, need in row:
            try:
                panel = draw_module(
                    drawing, group.block, group.scope, group.title, need * stretch,
                    next(letters),  # type: ignore[call-overload]
                )  # fmt: skip
            except ValueError as reason:
                notes.append(str(reason))
                continue
            shelf.append(panel)
            if any(node.name.endswith("more levels") for node in panel.nodes):
                notes.append(f"the mask of {group.scope} is folded below its upper levels")
        if shelf:
            shelves.append(shelf)
    return shelves


def _unit(drawing: Drawing, group: UnitGroup, dot: Dot, letter: str, width: float) -> Panel:
    return draw_scope(
        drawing, group.block, group.scope, group.title, dot, letter, group.note, width
    )


def _shelve(panels: Sequence[Panel], width: float) -> list[list[Panel]]:
    shelves: list[list[Panel]] = []
    for panel in panels:
        if shelves and sum(p.width + APART for p in shelves[-1]) + panel.width <= width:
            shelves[-1].append(panel)
        else:
            shelves.append([panel])
    return shelves


def _append_legend(shelves: list[list[Panel]], width: float) -> None:
    """Beside the last panels if there is room, else below them."""
    panels = [panel for shelf in shelves for panel in shelf]
    room = width - sum(panel.width + 2 * APART for panel in shelves[-1])
    tall = max(panel.height for panel in shelves[-1])
    beside = draw_legend(panels, room) if room > 100 else None
    if not any(node.outline.role in CLASS_NAMES for panel in panels for node in panel.nodes):
        return
    if beside is not None and beside.width <= room and beside.height <= tall:
        # Its right edge on the page's, its middle on theirs.
        free = width - beside.width - sum(panel.width + APART for panel in shelves[-1])
        shelves[-1].append(beside.moved(free, tall - beside.height))
    else:
        shelves.append([draw_legend(panels, width)])


def _stack(drawing: Drawing, shelves: list[list[Panel]], width: float, notes: list[str]) -> Page:
    placed: list[Panel] = []
    y = 0.0
    for shelf in shelves:
        x = 0.0
        for panel in shelf:
            placed.append(panel.moved(x, y))
            x += panel.width + APART
        y += max(panel.height for panel in shelf) + SHELF
    foot = footer(drawing, width).moved(0, y - 4)
    placed.append(foot)
    size = (width, y - 4 + foot.height)
    parts = tuple(panel for shelf in shelves for panel in shelf)
    return Page(merge("page", drawing.title, size, placed), parts, notes)


def footer_words(drawing: Drawing) -> str:
    totals, graph = drawing.totals, drawing.graph
    return " · ".join(
        (
            graph.name,
            f"{totals.parameters:,} parameters",
            f"{totals.macs:,} MACs at {shape_words(graph.input)}",
            f"trunk depth {trunk_depth(graph)}",
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
