"""Panels as DOT with positions, which any Graphviz redraws: `layout=nop2` is in the file."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from archcompiler.figure.engine import SYSTEM_FONTS
from archcompiler.figure.metrics import printable
from archcompiler.figure.scene import (
    INSET,
    MARGIN,
    STROKE,
    Label,
    Node,
    Outline,
    Panel,
    Point,
    Wire,
)
from archcompiler.figure.svg import arrow, number
from archcompiler.figure.themes import Theme

if TYPE_CHECKING:
    import graphviz

_SHAPES = {"narrowing": "invtrapezium", "widening": "trapezium", "bevel": "hexagon"}
SLACK = 1.4
_RISE = 0.357
"""Graphviz puts a line's baseline this share of its size below the middle of the node."""


def to_dot(panel: Panel, theme: Theme, description: str) -> str:
    """A digraph named after the panel; nodes keep the names of their scopes."""
    import graphviz

    drawn = _Dot(panel, theme)
    drawn.source = graphviz.Digraph(
        name=safe(panel.title) or "figure",
        comment="".join(c if c.isprintable() else " " for c in description),
        graph_attr={
            "layout": "nop2",
            "bb": f"0,0,{number(panel.width + 2 * MARGIN)},{number(panel.height + 2 * MARGIN)}",
            "bgcolor": theme.page,
            "outputorder": "nodesfirst",
            "pad": "0",
        },
        node_attr={
            "fixedsize": "true",
            "fontname": SYSTEM_FONTS[0],
            "penwidth": str(STROKE),
            "label": "",
            "margin": "0",
        },
        edge_attr={"penwidth": "0.8", "arrowsize": "0.36"},
    )
    drawn.page()
    for lane in panel.lanes:
        drawn.outline(drawn.fresh("lane"), lane)
    for node in (*panel.frames, *panel.cards):
        drawn.node(node)
    for label in panel.labels:
        drawn.label(label)
    for wire in panel.wires:
        drawn.wire(wire)
    text: str = drawn.source.source
    return text


def safe(text: str) -> str:
    """A name that DOT cannot read as a port, a keyword or markup."""
    return re.sub(r"[^A-Za-z0-9_.\-/]", "_", text)


class _Dot:
    source: graphviz.Digraph

    def __init__(self, panel: Panel, theme: Theme) -> None:
        self.panel, self.theme = panel, theme
        self.counts: dict[str, int] = {}

    def fresh(self, prefix: str) -> str:
        self.counts[prefix] = self.counts.get(prefix, 0) + 1
        return f"_{prefix}{self.counts[prefix]}"

    def at(self, x: float, y: float) -> str:
        """DOT counts upwards."""
        return f"{number(x + MARGIN)},{number(self.panel.height - y + MARGIN)}"

    def page(self) -> None:
        """Two invisible points that keep the margins."""
        corners = (
            (-MARGIN, -MARGIN),
            (self.panel.width + MARGIN, self.panel.height + MARGIN),
        )
        for x, y in corners:
            self._point(self.fresh("corner"), (x, y))

    def _point(self, name: str, point: Point) -> None:
        self.source.node(
            name, shape="point", style="invis", width="0.001", height="0.001", pos=self.at(*point)
        )

    def outline(self, name: str, outline: Outline, **attributes: str) -> None:
        r, paint = outline.rect, self.theme.paint(outline.role)
        styles = ["filled"]
        if outline.form in ("round", "pill", "double", "stack") and outline.role != "conv":
            styles.append("rounded")
        if outline.dashed:
            styles.append("dashed")
        if outline.form == "stack":
            for sheet in outline.sheets[:-1]:
                back = Outline(sheet, outline.role, "round")
                self.outline(self.fresh("sheet"), back)
        round_ = outline.form == "pill" and r.width - r.height < 1
        stroke = paint.fill if outline.form == "plain" else paint.stroke
        if outline.form == "double":
            self.outline(self.fresh("sheet"), Outline(r, outline.role, "round"))
            r = r.grown(-INSET)
        self.source.node(
            name,
            shape="circle" if round_ else _SHAPES.get(outline.form, "box"),
            style=",".join(styles),
            fillcolor=paint.fill,
            color=stroke,
            width=f"{r.width / 72:.4f}",
            height=f"{r.height / 72:.4f}",
            pos=self.at(r.cx, r.cy),
            **attributes,
        )

    def node(self, node: Node) -> None:
        r = node.outline.rect
        inside = all(
            label.anchor == "middle" and abs(label.x - r.cx) < 0.1 and not label.bold
            for label in node.labels
        )
        attributes = {"tooltip": _text(node.name)}
        if inside and node.labels:
            attributes["label"] = "\\n".join(_text(label.text) for label in node.labels)
            attributes |= self._font(node.labels[0])
        self.outline(safe(node.key), node.outline, **attributes)
        if not inside:
            for label in node.labels:
                self.label(label)

    def _font(self, label: Label) -> dict[str, str]:
        return {
            "fontsize": number(label.size),
            "fontcolor": self.theme.text[label.role],
            "fontname": SYSTEM_FONTS[label.bold],
        }

    def label(self, label: Label) -> None:
        bounds = label.bounds
        # Room for a wider font than Helvetica, on the side where the text may grow.
        width = bounds.width * SLACK
        x = {"start": label.x + width / 2, "middle": label.x, "end": label.x - width / 2}
        justified = {"start": "\\l", "middle": "", "end": "\\r"}[label.anchor]
        self.source.node(
            self.fresh("text"),
            shape="none",
            label=_html_free(_text(label.text) + justified),
            width=f"{width / 72:.4f}",
            height=f"{1.3 * label.size / 72:.4f}",
            pos=self.at(x[label.anchor], label.y - _RISE * label.size),
            **self._font(label),
        )

    def wire(self, wire: Wire) -> None:
        ends = []
        for key, point in ((wire.source, wire.points[0]), (wire.target, wire.points[-1])):
            name = safe(key) if key else self.fresh("end")
            if not key:
                self._point(name, point)
            ends.append(name)
        points = wire.points
        prefix = ""
        if wire.arrow:
            points, _ = arrow(wire)
            prefix = f"e,{self.at(*wire.points[-1])} "
        if not wire.curved:
            points = _bezier(points)
        self.source.edge(
            *ends,
            pos=prefix + " ".join(self.at(*point) for point in points),
            color=self.theme.lines[wire.role],
            style="dashed" if wire.dashed else "solid",
            arrowhead="normal" if wire.arrow else "none",
            penwidth=str(wire.line_width),
        )


def _bezier(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """A polyline as control points of cubic curves."""
    found = [points[0]]
    for (ax, ay), (bx, by) in pairwise(points):
        dx, dy = (bx - ax) / 3, (by - ay) / 3
        found += [(ax + dx, ay + dy), (bx - dx, by - dy), (bx, by)]
    return tuple(found)


def _text(text: str) -> str:
    import graphviz

    escaped: str = graphviz.escape(printable(text))
    return escaped


def _html_free(text: str) -> str:
    import graphviz

    plain: str = graphviz.nohtml(text)
    return plain
