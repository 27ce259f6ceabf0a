"""All panels of the browser view: a network, its scopes, modules and units, each laid out once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import digest, runs
from archcompiler.figure.module import draw_module
from archcompiler.figure.module_size import tightest
from archcompiler.figure.page import compose_bare
from archcompiler.figure.recognition import modules_in, recognise
from archcompiler.figure.scene import Panel
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.words import shape_words
from archcompiler.ir import Block, Graph
from archcompiler.ir.kinds import UNITS

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
    """Heading of the panel."""
    crumb: str
    """What the panel is called in the trail that leads to it."""
    trail: tuple[str, ...]
    """Ids of the panels above, the network first."""
    also: tuple[str, ...] = ()
    """Paths of the other scopes that look the same and have no panel of their own."""
    network: str = ""
    """Which network it is of, where a file has two."""


@dataclass(frozen=True, slots=True)
class Atlas:
    """The panels of a network, outermost first, and how many scopes have none."""

    sheets: list[Sheet]
    omitted: int
    ids: dict[str, str]
    """Digest of a scope → id of its panel."""
    drawing: Drawing
    """The network with links to the panels."""

    def nearest(self, root: Block, scope: str) -> tuple[str, str]:
        """Panel that shows a scope: its own, or that of the innermost scope around it; with the
        path of that scope.
        """
        panel, path, block = self.sheets[0].panel.id, "", root
        names = scope.split("/") if scope else []
        for depth, name in enumerate(names, 1):
            body = block.step(name).body
            assert isinstance(body, Block)
            block = body
            own = self.ids.get(digest(block, relative=False))
            if own is not None:
                panel, path = own, "/".join(names[:depth])
        return panel, path


def draw_atlas(
    drawing: Drawing, dot: Dot, prefix: str = "", above: tuple[str, ...] = (), network: str = ""
) -> Atlas:
    """The network and every distinct scope below it, with links from cards to panels.

    Where another network is in the same file, ids get a prefix, trails begin with `above`, and
    titles with what the `network` is called.
    """
    whose = f"{network}: " if network else ""
    places, links = _distinct(drawing.graph, prefix)
    drawing = replace(drawing, links=links)
    overview = replace(compose_bare(drawing, WIDTH, dot), id=f"{prefix}network")
    name = network or drawing.title
    sheets = [Sheet(overview, "", name, name, above, network=network)]
    ids = {"": overview.id} | {found.path: found.id for found in places}
    for found in places[:MAX_PANELS]:
        parts = found.path.split("/")
        outer = ("/".join(parts[:i]) for i in range(len(parts)))
        trail = (*above, *dict.fromkeys(ids[scope] for scope in outer if scope in ids))
        title = f"{whose}{found.path}, {shape_words(found.block.output_type)}"
        shape = recognise(found.block)
        if shape is not None:
            width = max(MODULE, tightest(shape).width)
            panel = draw_module(drawing, shape, found.path, title, width)
        else:
            panel = draw_scope(drawing, found.block, found.path, title, dot)
        panel = _without_heading(replace(panel, id=found.id))
        sheets.append(Sheet(panel, found.path, title, parts[-1], trail, tuple(found.also), network))
    drawn = {found.digest: found.id for found in places[:MAX_PANELS]}
    return Atlas(sheets, len(places) - len(drawn), drawn, drawing)


def _without_heading(panel: Panel) -> Panel:
    """The browser shows the title above the panel."""
    return replace(panel, labels=tuple(label for label in panel.labels if not label.bold))


@dataclass(slots=True)
class _Place:
    """A scope with a panel of its own."""

    id: str
    digest: str
    path: str
    block: Block
    also: list[str] = field(default_factory=list)


def _distinct(graph: Graph, prefix: str) -> tuple[list[_Place], dict[Block, str]]:
    """Scopes with a panel of their own, outermost first, equal ones once; and their panels' ids."""
    found: dict[str, _Place] = {}
    links: dict[Block, str] = {}
    # A module's panel shows its mask.
    shown = set[Block]().union(*(shape.drawn for shape in modules_in(graph.root)))
    queue: list[tuple[str, Block]] = [("", graph.root)]
    while queue:
        path, block = queue.pop(0)
        for run in runs(block):
            body = run.body
            if not isinstance(body, Block) or not body.steps:
                continue
            inner = f"{path}/{run.first.name}" if path else run.first.name
            if body in shown or (body.kind == UNITS and len(list(runs(body))) == 1):
                # A run of equal units needs no panel but the unit's.
                queue.append((inner, body))
                continue
            key = digest(body, relative=False)
            if key in found:
                found[key].also.append(inner)
            else:
                found[key] = _Place(f"{prefix}s-" + inner.replace("/", "-"), key, inner, body)
                queue.append((inner, body))
            links[body] = found[key].id
    return list(found.values()), links
