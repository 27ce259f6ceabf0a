"""Panels as PDF: vectors, and text in a font that is in the file, the same bytes on every machine.

The layout is made with Helvetica's widths. The font that comes with the library is wider, so every
label is set as wide as it was laid out.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Final

from archcompiler.figure.scene import (
    DASHES,
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
from archcompiler.figure.svg import arrow
from archcompiler.figure.themes import Theme

if TYPE_CHECKING:
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

LONGEST: Final = 14_400
"""Points that a page may be long (ISO 32000-1, annex C)."""
_FONTS: Final = ("Vera", "VeraBd")
"""Regular and bold, both of reportlab."""


def to_pdf(panel: Panel, theme: Theme) -> bytes:
    """A PDF of one page, reduced to `LONGEST` points where it would be longer."""
    from reportlab.pdfgen.canvas import Canvas

    width, height = panel.width + 2 * MARGIN, panel.height + 2 * MARGIN
    scale = reduction(panel)
    out = BytesIO()
    canvas = Canvas(out, pagesize=(width * scale, height * scale), invariant=1, pageCompression=1)
    canvas.setTitle(panel.title)
    canvas.setCreator("archcompiler")
    # A page's y grows upwards, a panel's downwards.
    canvas.transform(scale, 0, 0, -scale, MARGIN * scale, (height - MARGIN) * scale)
    painter = _Painter(canvas, theme)
    painter.rect(Rect(-MARGIN, -MARGIN, width, height), 0.0, theme.page, "")
    for item in panel.layers():
        match item:
            case Outline():
                painter.outline(item)
            case Wire():
                painter.wire(item)
            case Label():
                painter.label(item)
    canvas.save()
    return out.getvalue()


def reduction(panel: Panel) -> float:
    """What a page is reduced by, so that viewers take it."""
    return min(1.0, LONGEST / (max(panel.width, panel.height) + 2 * MARGIN))


def missing(text: str) -> set[str]:
    """Characters that the embedded font does not have."""
    return {c for c in text if any(ord(c) not in _font(n).face.charToGlyph for n in _FONTS)}


@cache
def _font(name: str) -> TTFont:
    from reportlab.pdfbase.pdfmetrics import registerFont
    from reportlab.pdfbase.ttfonts import TTFont

    font = TTFont(name, f"{name}.ttf")
    registerFont(font)
    return font


class _Painter:
    def __init__(self, canvas: Canvas, theme: Theme) -> None:
        self.canvas, self.theme = canvas, theme

    def outline(self, outline: Outline) -> None:
        paint, r = self.theme.paint(outline.role), outline.rect
        stroke = "" if outline.form == "plain" or paint.fill == paint.stroke else paint.stroke
        self.canvas.setDash(*DASHES) if outline.dashed else self.canvas.setDash()
        self.canvas.setLineWidth(STROKE)
        if outline.is_polygon:
            self._polygon(outline.polygon(), paint.fill, stroke)
            return
        for sheet in outline.sheets:
            self.rect(sheet, outline.radius, paint.fill, stroke)
        if outline.form == "double":
            self.rect(r.grown(-INSET), outline.radius - INSET, paint.fill, stroke)

    def rect(self, r: Rect, radius: float, fill: str, stroke: str) -> None:
        self._colors(fill, stroke)
        place = (r.x, r.y, r.width, r.height)
        if radius > 0:
            self.canvas.roundRect(*place, radius, stroke=bool(stroke), fill=1)
        else:
            self.canvas.rect(*place, stroke=bool(stroke), fill=1)

    def _polygon(self, points: tuple[Point, ...], fill: str, stroke: str) -> None:
        self._colors(fill, stroke)
        path = self.canvas.beginPath()
        path.moveTo(*points[0])
        for point in points[1:]:
            path.lineTo(*point)
        path.close()
        self.canvas.drawPath(path, stroke=bool(stroke), fill=1)

    def _colors(self, fill: str, stroke: str) -> None:
        self.canvas.setFillColor(fill)
        if stroke:
            self.canvas.setStrokeColor(stroke)

    def wire(self, wire: Wire) -> None:
        color = self.theme.lines[wire.role]
        points, head = arrow(wire) if wire.arrow else (wire.points, ())
        self.canvas.setLineWidth(wire.line_width)
        self.canvas.setDash(*DASHES) if wire.dashed else self.canvas.setDash()
        self.canvas.setStrokeColor(color)
        first, *rest = points
        path = self.canvas.beginPath()
        path.moveTo(*first)
        if wire.curved:
            for i in range(0, len(rest), 3):
                path.curveTo(*(value for point in rest[i : i + 3] for value in point))
        else:
            for point in rest:
                path.lineTo(*point)
        self.canvas.drawPath(path)
        if head:
            self._polygon(head, color, "")

    def label(self, label: Label) -> None:
        text = "".join("?" if missing(c) else c for c in label.text)
        name = _FONTS[label.bold]
        wide = _font(name).stringWidth(text, label.size)
        if not wide:
            return
        line = self.canvas.beginText()
        line.setFont(name, label.size)
        line.setFillColor(self.theme.text[label.role])
        line.setHorizScale(100 * min(1.0, label.bounds.width / wide))
        # The page is upside down, its text must not be.
        line.setTextTransform(1, 0, 0, -1, label.bounds.x, label.y)
        line.textOut(text)
        self.canvas.drawText(line)
