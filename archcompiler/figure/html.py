"""The browser view: one self-contained file of panels, with search, drill-down and tooltips."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from archcompiler.figure.atlas import Sheet, draw_atlas
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.legend import SWATCH, entries_of, swatch
from archcompiler.figure.metrics import printable
from archcompiler.figure.page import footer_words
from archcompiler.figure.scene import Node, Panel, Wire
from archcompiler.figure.svg import number, paint, quote
from archcompiler.figure.themes import THEMES, Paint, Theme, ThemeName
from archcompiler.figure.words import plural

MARGIN = 10.0
LEAST = (380.0, 150.0)
MAX_BYTES = 399_000
"""Of a file that is mailed around, and of what a browser opens at once."""


@dataclass(frozen=True, slots=True)
class View:
    """The bytes of a file to come, and what it leaves out."""

    text: str
    notes: tuple[str, ...] = ()


def network_html(drawing: Drawing, dot: Dot, theme: ThemeName, scope: str = "") -> View:
    """The browser view of a network, opened at a scope: it needs no connection and no server."""
    atlas = draw_atlas(drawing, dot)
    description = printable(drawing.network.spec.description or "")
    home, shown = atlas.nearest(drawing.graph.root, scope)
    view = to_html(
        drawing.graph.name, atlas.sheets, atlas.omitted, description, footer_words(drawing), theme,
        home, drawing.residual,
    )  # fmt: skip
    if shown != scope:
        place = f"`{shown}`" if shown else "the network"
        note = f"html opens at {place}, which `{scope}` is part of"
        return View(view.text, (*view.notes, note))
    return view


def to_html(
    name: str,
    sheets: Sequence[Sheet],
    omitted: int,
    description: str,
    footer: str,
    theme: ThemeName,
    home: str,
    residual: bool,
) -> View:
    """One page of panels; `home` is the one that opens, `residual` is said of units.

    The innermost panels are left out where the file would be larger than `MAX_BYTES`.
    """
    kept, before = list(sheets), len(sheets) + 1
    while True:
        left_out = omitted + len(sheets) - len(kept)
        note = (
            f"{plural(left_out, 'inner scope')} not drawn, to keep the file below "
            f"{MAX_BYTES // 1000} kB"
            if left_out
            else ""
        )
        text = _page(name, kept, description, footer, theme, home, residual, note)
        excess = len(text.encode()) - MAX_BYTES
        if excess <= 0 or len(kept) == before:
            return View(text, (note,) if note else ())
        before = len(kept)
        share = excess / len(text.encode())
        kept = _outermost(kept, max(1, int(len(kept) * (1 - share)) - 1), home)


def _outermost(sheets: Sequence[Sheet], count: int, home: str) -> list[Sheet]:
    """So many of the sheets, and those on the way to the one that opens."""
    needed = next({sheet.panel.id, *sheet.trail} for sheet in sheets if sheet.panel.id == home)
    by_depth = sorted(sheets, key=lambda s: (s.panel.id not in needed, len(s.trail)))
    chosen = {sheet.panel.id for sheet in by_depth[: max(count, len(needed))]}
    return [sheet for sheet in sheets if sheet.panel.id in chosen]


def _page(
    name: str,
    sheets: Sequence[Sheet],
    description: str,
    footer: str,
    theme: ThemeName,
    home: str,
    residual: bool,
    note: str,
) -> str:
    environment = Environment(
        loader=PackageLoader("archcompiler.figure", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _asset("figure.js")
    light = THEMES["paper" if theme == "dark" else theme]
    crumbs = {sheet.panel.id: sheet.crumb for sheet in sheets}
    legend = entries_of((sheet.panel for sheet in sheets), residual)
    return environment.get_template("figure.html.jinja").render(
        title=sheets[0].title,
        description=description,
        footer=footer,
        note=note,
        home=home,
        sheets=[
            {
                "id": sheet.panel.id,
                "title": sheet.title,
                "also": sheet.also,
                "svg": Markup(_svg(sheet.panel, sheet.title, light, crumbs.keys(), LEAST)),
                "trail": [(id, crumbs[id]) for id in (*sheet.trail, sheet.panel.id)],
            }
            for sheet in sheets
        ],
        legend=[(Markup(_swatch(role, light)), words) for role, words in legend],
        data=Markup(_data(name, sheets)),
        style=Markup(_asset("figure.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        light=_variables(light),
        dark=_variables(THEMES["dark"]),
        # There is no dark palette for readers who see fewer colours: only on demand.
        scheme={"paper": "", "dark": "dark", "cvd": "light"}[theme],
    )


def _asset(name: str) -> str:
    return files("archcompiler.figure").joinpath("templates", name).read_text(encoding="utf-8")


def _svg(
    panel: Panel, title: str, theme: Theme, drawn: Collection[str], least: tuple[float, float]
) -> str:
    # A small panel keeps air around it, so that its text is not blown up to fill the window.
    width = max(panel.width + 2 * MARGIN, least[0])
    height = max(panel.height + 2 * MARGIN, least[1])
    box = ((panel.width - width) / 2, (panel.height - height) / 2, width, height)
    body = "".join(paint(panel, _by_variable(theme), _group(panel.id, drawn)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{" ".join(map(number, box))}" '
        f'role="group" aria-label="{quote(title)}" '
        f"font-family=\"Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif\">{body}</svg>"
    )


def _swatch(role: str, theme: Theme) -> str:
    drawn = swatch(role)
    parts = ((), (drawn,)) if isinstance(drawn, Wire) else ((drawn,), ())
    panel = Panel("legend", "", SWATCH, 8.0, lanes=parts[0], wires=parts[1])
    box = " ".join(map(number, (-1, -1, SWATCH + 2, 10)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" aria-hidden="true">'
        f"{''.join(paint(panel, _by_variable(theme)))}</svg>"
    )


def _group(panel: str, panels: Collection[str]) -> Callable[[Node, str], str]:
    """Names and links of a panel's nodes; only to panels that there are."""

    def group(node: Node, drawn: str) -> str:
        linked = node.link in panels
        link = f' data-link="{quote(node.link)}"' if linked else ""
        role = "button" if linked else "img"
        return (
            f'<g class="node" id="{quote(f"{panel}:{node.key}")}" tabindex="0" role="{role}" '
            f'aria-label="{quote(node.name)}"{link}>{drawn}</g>'
        )

    return group


def _by_variable(theme: Theme) -> Theme:
    """Colours by name: style sheets say what they are, in the light and in the dark."""

    def paint(role: str, known: Paint) -> Paint:
        fill = f"var(--{role})"
        return Paint(fill, fill if known.fill == known.stroke else f"var(--{role}-line)")

    return Theme(
        theme.name,
        "var(--page)",
        {role: f"var(--text-{role})" for role in theme.text},
        {role: paint(role, known) for role, known in theme.paints.items()},
        {role: f"var(--wire-{role})" for role in theme.lines},
    )


def _variables(theme: Theme) -> list[tuple[str, str]]:
    pairs = [("page", theme.page)]
    pairs += [(f"text-{role}", color) for role, color in theme.text.items()]
    pairs += [(f"wire-{role}", color) for role, color in theme.lines.items()]
    for role, known in theme.paints.items():
        pairs += [(role, known.fill), (f"{role}-line", known.stroke)]
    return pairs


def _data(name: str, sheets: Sequence[Sheet]) -> str:
    """What tooltips and the search know, as JSON that cannot end its script element."""
    nodes = {}
    for sheet in sheets:
        for node in sheet.panel.nodes:
            if node.info is not None:
                info = asdict(node.info)
                info["class"] = node.outline.role
                if sheet.network:
                    info["network"] = sheet.network
                nodes[f"{sheet.panel.id}:{node.key}"] = info
    also = [(path, sheet.panel.id) for sheet in sheets for path in sheet.also]
    data = {"name": name, "title": sheets[0].title, "nodes": nodes, "also": also}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
