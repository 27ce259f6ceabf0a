"""All panels of the browser view: a network, its scopes, modules and units, each laid out once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archcompiler.blocks import ATTENTION, HOURGLASS, MASK, UNITS
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.module import draw_module
from archcompiler.figure.module_size import tightest
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
    crumb: str
    """What the panel is called in the trail that leads to it."""
    trail: tuple[str, ...]
    """Ids of the panels above, the network first."""
    also: tuple[str, ...] = ()
    """Paths of the other scopes that look the same and have no panel of their own."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """The panels of a network, outermost first, and how many scopes have none."""

    sheets: list[Sheet]
    omitted: int


def draw_atlas(drawing: Drawing, dot: Dot, prefix: str = "", above: tuple[str, ...] = ()) -> Atlas:
    """The network and every distinct scope below it, with links from cards to panels.

    Ids get a prefix and trails begin with `above` where another network is in the same file.
    """
    places = _distinct(drawing, prefix)
    overview = _without_heading(replace(draw_overview(drawing, WIDTH), id=f"{prefix}network"))
    sheets = [Sheet(overview, "", drawing.title, drawing.title, above)]
    ids = {"": overview.id} | {found.path: found.id for found in places}
    for found in places[:MAX_PANELS]:
        parts = found.path.split("/")
        outer = ("/".join(parts[:i]) for i in range(len(parts)))
        trail = (*above, *dict.fromkeys(ids[scope] for scope in outer if scope in ids))
        title = f"{found.path}, {shape_words(found.block.output_type)}"
        if found.block.kind == ATTENTION:
            width = max(MODULE, tightest(found.block).width)
            panel = draw_module(drawing, found.block, found.path, title, width)
        else:
            panel = draw_scope(drawing, found.block, found.path, title, dot)
        panel = _without_heading(replace(panel, id=found.id))
        sheets.append(Sheet(panel, found.path, title, parts[-1], trail, tuple(found.also)))
    return Atlas(sheets, len(places) - MAX_PANELS if len(places) > MAX_PANELS else 0)


def _without_heading(panel: Panel) -> Panel:
    """The browser shows the title above the panel."""
    return replace(panel, labels=tuple(label for label in panel.labels if not label.bold))


@dataclass(slots=True)
class _Place:
    """A scope with a panel of its own."""

    id: str
    path: str
    block: Block
    also: list[str] = field(default_factory=list)


def _distinct(drawing: Drawing, prefix: str) -> list[_Place]:
    """Scopes with a panel of their own, outermost first; equal ones once. Fills `links`."""
    found: dict[str, _Place] = {}
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
            if key in found:
                found[key].also.append(inner)
            else:
                found[key] = _Place(f"{prefix}s-" + inner.replace("/", "-"), inner, body)
                queue.append((inner, body))
            drawing.links[id(body)] = found[key].id
    _link_runs(drawing)
    return list(found.values())


def _link_runs(drawing: Drawing) -> None:
    """Give equal blocks that were lowered apart the link of the one that is drawn."""
    for _, block in drawing.graph.blocks():
        for step in block.steps:
            body = step.body
            if isinstance(body, Block) and id(body) not in drawing.links and body.kind == UNITS:
                link = drawing.link(body)
                if link:
                    drawing.links[id(body)] = link
