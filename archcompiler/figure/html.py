"""The browser view: one self-contained file of panels, with search, drill-down and tooltips."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from archcompiler.figure.atlas import Sheet, draw_atlas
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.metrics import printable
from archcompiler.figure.page import footer_words
from archcompiler.figure.scene import Node
from archcompiler.figure.svg import number, paint, quote
from archcompiler.figure.themes import THEMES, Paint, Theme, ThemeName
from archcompiler.figure.words import CLASS_NAMES

MARGIN = 10.0
LEAST = (380.0, 150.0)


def to_html(drawing: Drawing, dot: Dot, theme: ThemeName) -> str:
    """A page that needs no network and no server."""
    sheets = draw_atlas(drawing, dot)
    environment = Environment(
        loader=PackageLoader("archcompiler.figure", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _asset("figure.js")
    light = THEMES["paper" if theme == "dark" else theme]
    titles = {sheet.panel.id: _crumb(sheet, drawing) for sheet in sheets}
    return environment.get_template("figure.html.jinja").render(
        title=drawing.title,
        description=printable(drawing.network.spec.description or ""),
        footer=footer_words(drawing),
        sheets=[
            {
                "id": sheet.panel.id,
                "title": sheet.title,
                "svg": Markup(_svg(sheet, light)),
                "trail": [(id, titles[id]) for id in (*sheet.trail, sheet.panel.id)],
            }
            for sheet in sheets
        ],
        data=Markup(_data(drawing, sheets)),
        style=Markup(_asset("figure.css")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        light=_variables(light),
        dark=_variables(THEMES["dark"]),
        scheme="dark" if theme == "dark" else "",
        roles=[(role, name) for role, name in CLASS_NAMES.items() if _used(sheets, role)],
    )


def _asset(name: str) -> str:
    return files("archcompiler.figure").joinpath("templates", name).read_text(encoding="utf-8")


def _crumb(sheet: Sheet, drawing: Drawing) -> str:
    if not sheet.trail:
        return drawing.title
    return sheet.scope.rpartition("/")[2]


def _used(sheets: list[Sheet], role: str) -> bool:
    return any(node.outline.role == role for sheet in sheets for node in sheet.panel.nodes)


def _svg(sheet: Sheet, theme: Theme) -> str:
    panel = sheet.panel
    # A small panel keeps air around it, so that its text is not blown up to fill the window.
    width, height = (
        max(panel.width + 2 * MARGIN, LEAST[0]),
        max(panel.height + 2 * MARGIN, LEAST[1]),
    )
    box = ((panel.width - width) / 2, (panel.height - height) / 2, width, height)
    body = "".join(paint(panel, _by_variable(theme), _group(panel.id)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{" ".join(map(number, box))}" '
        f'role="group" aria-label="{quote(sheet.title)}" '
        f"font-family=\"Helvetica, Arial, 'Liberation Sans', Arimo, sans-serif\">{body}</svg>"
    )


def _group(panel: str) -> Callable[[Node, str], str]:
    def group(node: Node, drawn: str) -> str:
        link = f' data-link="{quote(node.link)}"' if node.link else ""
        role = "button" if node.link else "img"
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


def _data(drawing: Drawing, sheets: list[Sheet]) -> str:
    """What tooltips and the search know, as JSON that cannot end its script element."""
    nodes = {}
    for sheet in sheets:
        for node in sheet.panel.nodes:
            if node.info is not None:
                info = asdict(node.info)
                info["class"] = node.outline.role
                nodes[f"{sheet.panel.id}:{node.key}"] = info
    data = {"name": drawing.graph.name, "nodes": nodes}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
