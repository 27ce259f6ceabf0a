"""All panels of the browser view: a network, its scopes, modules and units, each laid out once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archcompiler.blocks import ATTENTION, HOURGLASS, MASK, UNITS
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.module import draw_module
from archcompiler.figure.module_size import measure
from archcompiler.figure.overview import draw_overview
from archcompiler.figure.scene import Panel
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.words import shape_words
from archcompiler.ir import Block

WIDTH = 700.0
MODULE = 620.0
MAX_PANELS = 120
"""More distinct scopes than these are not drawn: the file has to stay small."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A panel with its place in the scope tree."""

    panel: Panel
    scope: str
    title: str
    trail: tuple[str, ...]
    """Ids of the panels above, the network first."""


def draw_atlas(drawing: Drawing, dot: Dot) -> list[Sheet]:
    """The network and every distinct scope below it, with links from cards to panels."""
    scopes = _distinct(drawing)
    overview = _without_heading(draw_overview(drawing, WIDTH))
    sheets = [Sheet(overview, "", drawing.title, ())]
    ids = {"": "network"} | {path: _id(path) for path, _ in scopes}
    for path, block in scopes:
        parts = path.split("/")
        above = ["/".join(parts[:i]) for i in range(len(parts))]
        trail = tuple(dict.fromkeys(ids[scope] for scope in above if scope in ids))
        title = f"{path}, {shape_words(block.output_type)}"
        if block.kind == ATTENTION:
            panel = draw_module(drawing, block, path, title, _module_width(block))
        else:
            panel = draw_scope(drawing, block, path, title, dot)
        panel = _without_heading(replace(panel, id=ids[path]))
        sheets.append(Sheet(panel, path, title, trail))
    return sheets


def _module_width(block: Block) -> float:
    tight = measure(block)
    return max(MODULE, tight.width if tight else 0.0)


def _without_heading(panel: Panel) -> Panel:
    """The browser shows the title above the panel."""
    return replace(panel, labels=tuple(label for label in panel.labels if not label.bold))


def _id(path: str) -> str:
    return "s-" + path.replace("/", "-")


def _distinct(drawing: Drawing) -> list[tuple[str, Block]]:
    """Scopes with a panel of their own, outermost first; equal ones once. Fills `links`."""
    found: list[tuple[str, Block]] = []
    known: dict[str, str] = {}
    queue: list[tuple[str, Block]] = [("", drawing.graph.root)]
    while queue:
        path, block = queue.pop(0)
        for run in runs(block):
            body = run.body
            if not isinstance(body, Block) or not body.steps:
                continue
            inner = f"{path}/{run.first.name}" if path else run.first.name
            if body.kind in (MASK, HOURGLASS) or (
                body.kind == UNITS and len(list(runs(body))) == 1
            ):
                # A module's panel shows its mask; a run of equal units needs none but the unit's.
                queue.append((inner, body))
                continue
            key = digest(body, relative=False)
            if key not in known:
                if len(found) >= MAX_PANELS:
                    continue
                known[key] = _id(inner)
                found.append((inner, body))
                queue.append((inner, body))
            drawing.links[id(body)] = known[key]
    _link_runs(drawing)
    return found


def _link_runs(drawing: Drawing) -> None:
    """Give equal blocks that were lowered apart the link of the one that is drawn."""
    for _, block in drawing.graph.blocks():
        for step in block.steps:
            body = step.body
            if isinstance(body, Block) and id(body) not in drawing.links and body.kind == UNITS:
                link = drawing.link(body)
                if link:
                    drawing.links[id(body)] = link
