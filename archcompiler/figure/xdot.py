"""Panels as drawing operations of Graphviz, so that its renderer makes a PNG stroke for stroke.

The wheel's `dot` carries the font whose metrics the layout was made with; no other is needed.
"""

from __future__ import annotations

from archcompiler.figure.scene import (
    INSET,
    MARGIN,
    STROKE,
    Label,
    Outline,
    Panel,
    Point,
    Rect,
    Wire,
)
from archcompiler.figure.svg import arrow, number
from archcompiler.figure.themes import Theme

KAPPA = 0.5523
CHUNK = 4_000
LONGEST = 32_000
"""Pixels of a PNG's side; Cairo draws no more than 32,767."""


def resolution(panel: Panel, dpi: int) -> int:
    """Dots per inch, fewer than `dpi` where the picture would be too large."""
    inches = (max(panel.width, panel.height) + 2 * MARGIN) / 72
    return max(1, min(dpi, int(LONGEST / inches)))


def to_xdot(panel: Panel, theme: Theme, dpi: int, fonts: tuple[str, str]) -> str:
    """A DOT file without nodes but for two in the corners; the figure is its background."""
    width, height = panel.width + 2 * MARGIN, panel.height + 2 * MARGIN
    pen = _Pen(theme, MARGIN, height - MARGIN, fonts)
    pen.panel(panel)
    corners = "\n".join(
        f'{name} [shape=point style=invis width=0.001 pos="{x},{y}"];'
        for name, x, y in (("a", "0", "0"), ("b", number(width), number(height)))
    )
    text = _quoted(" ".join(pen.operations))
    return (
        f'digraph {{\ngraph [layout=nop2 dpi={dpi} pad=0 margin=0 bgcolor="{theme.page}" '
        f'bb="0,0,{number(width)},{number(height)}" _background={text}];\n{corners}\n}}\n'
    )


def _quoted(text: str) -> str:
    """A DOT string in pieces: older Graphviz reads none longer than 16 kB."""
    pieces = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)]
    escaped = (piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces)
    return " +\n".join(f'"{piece}"' for piece in escaped)


class _Pen:
    def __init__(self, theme: Theme, left: float, top: float, fonts: tuple[str, str]) -> None:
        self.theme, self.left, self.top, self.fonts = theme, left, top, fonts
        self.operations: list[str] = []

    def panel(self, panel: Panel) -> None:
        for item in panel.layers():
            match item:
                case Outline():
                    self._outline(item)
                case Wire():
                    self._wire(item)
                case Label():
                    self._label(item)

    def _text(self, operator: str, text: str) -> None:
        self.operations.append(f"{operator} {len(text.encode())} -{text}")

    def _points(self, operator: str, points: list[Point]) -> None:
        places = " ".join(f"{number(self.left + x)} {number(self.top - y)}" for x, y in points)
        self.operations.append(f"{operator} {len(points)} {places}")

    def _style(self, width: float, dashed: bool) -> None:
        self._text("S", "dashed" if dashed else "solid")
        self._text("S", f"setlinewidth({width})")

    def _outline(self, outline: Outline) -> None:
        paint, r = self.theme.paint(outline.role), outline.rect
        bare = outline.form == "plain"
        self._style(STROKE, outline.dashed)
        self._text("c", paint.fill if bare else paint.stroke)
        self._text("C", paint.fill)
        if outline.is_polygon:
            self._points("P", list(outline.polygon()))
            return
        for sheet in outline.sheets:
            self._rect(sheet, outline.radius)
        if outline.form == "double":
            self._rect(r.grown(-INSET), outline.radius - INSET)

    def _rect(self, r: Rect, radius: float) -> None:
        if radius <= 0:
            self._points("P", [(r.x, r.y), (r.right, r.y), (r.right, r.bottom), (r.x, r.bottom)])
            return
        k = radius * (1 - KAPPA)
        x, y, right, bottom = r.x, r.y, r.right, r.bottom
        start = (x + radius, y)
        points = [
            start,
            *_line(start, (right - radius, y)),
            (right - k, y), (right, y + k), (right, y + radius),
            *_line((right, y + radius), (right, bottom - radius)),
            (right, bottom - k), (right - k, bottom), (right - radius, bottom),
            *_line((right - radius, bottom), (x + radius, bottom)),
            (x + k, bottom), (x, bottom - k), (x, bottom - radius),
            *_line((x, bottom - radius), (x, y + radius)),
            (x, y + k), (x + k, y), start,
        ]  # fmt: skip
        self._points("b", points)

    def _wire(self, wire: Wire) -> None:
        color = self.theme.lines[wire.role]
        points, head = arrow(wire) if wire.arrow else (wire.points, ())
        self._style(wire.line_width, wire.dashed)
        self._text("c", color)
        self._points("B" if wire.curved else "L", list(points))
        if head:
            self._style(0.1, False)
            self._text("C", color)
            self._points("P", list(head))

    def _label(self, label: Label) -> None:
        if not label.text:
            # Graphviz stops reading at a text without a character.
            return
        bounds = label.bounds
        self._text("c", self.theme.text[label.role])
        self._text(f"F {number(label.size)}", self.fonts[label.bold])
        place = f"{number(self.left + bounds.cx)} {number(self.top - label.y)}"
        # Centred on what Helvetica would take: at most a hair off where the bold is narrower.
        if label.anchor == "start":
            place = f"{number(self.left + bounds.x)} {number(self.top - label.y)}"
        self._text(
            f"T {place} {'-1' if label.anchor == 'start' else '0'} {number(bounds.width)}",
            label.text,
        )


def _line(a: Point, b: Point) -> tuple[Point, Point, Point]:
    (ax, ay), (bx, by) = a, b
    dx, dy = (bx - ax) / 3, (by - ay) / 3
    return (ax + dx, ay + dy), (bx - dx, by - dy), b
