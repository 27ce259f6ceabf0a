"""Panels as PDF without any library: vectors, and text in the Helvetica that every viewer has."""

from __future__ import annotations

from math import ceil

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
)  # fmt: skip
from archcompiler.figure.svg import arrow, number
from archcompiler.figure.themes import Theme

KAPPA = 0.5523
"""Control points of a quarter circle."""
LONGEST = 14_400
"""Points that a page may be long in its own unit (ISO 32000-1, annex C)."""
_DASHED = f"[{DASHES[0]} {DASHES[1]}] 0 d"
_SOLID = "[] 0 d"


def to_pdf(panel: Panel, theme: Theme) -> bytes:
    """A PDF of one page. Characters outside Windows' Western code page become question marks."""
    width, height = panel.width + 2 * MARGIN, panel.height + 2 * MARGIN
    painter = _Painter(theme)
    painter.rect(Rect(-MARGIN, -MARGIN, width, height), 0.0, theme.page, "")
    for item in panel.layers():
        match item:
            case Outline():
                painter.outline(item)
            case Wire():
                painter.wire(item)
            case Label():
                painter.label(item)
    # Viewers take no page longer than this, but a larger unit.
    unit = max(1, ceil(max(width, height) / LONGEST))
    scale = number(1 / unit) if unit == 1 else f"{1 / unit:.9f}"
    flip = f"{scale} 0 0 -{scale} {number(MARGIN / unit)} {number((height - MARGIN) / unit)} cm\n"
    content = (flip + "\n".join(painter.lines)).encode("cp1252", "replace")
    title = panel.title.encode("utf-16-be", "replace").hex()
    return _document(content, width / unit, height / unit, unit, title)


def missing(text: str) -> set[str]:
    """Characters that the standard fonts of PDF do not have."""
    return {c for c in text if c.encode("cp1252", "replace") == b"?" != c.encode()}


def _document(content: bytes, width: float, height: float, unit: int, title: str) -> bytes:
    def font(name: str) -> bytes:
        return (
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"
        ).encode()

    box = f"[0 0 {number(width)} {number(height)}]"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /UserUnit {unit} /Contents 4 0 R "
        f"/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        font("Helvetica"),
        font("Helvetica-Bold"),
        f"<< /Title <feff{title}> /Producer (archcompiler) >>".encode(),
    ]
    out = bytearray(b"%PDF-1.6\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for index, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (index, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    return bytes(out)


class _Painter:
    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.lines: list[str] = []

    def outline(self, outline: Outline) -> None:
        paint, r = self.theme.paint(outline.role), outline.rect
        stroke = "" if outline.form == "plain" or paint.fill == paint.stroke else paint.stroke
        self.lines += [_DASHED if outline.dashed else _SOLID, f"{STROKE} w"]
        if outline.is_polygon:
            self._path(outline.polygon(), paint.fill, stroke)
            return
        for sheet in outline.sheets:
            self.rect(sheet, outline.radius, paint.fill, stroke)
        if outline.form == "double":
            self.rect(r.grown(-INSET), outline.radius - INSET, paint.fill, stroke)

    def rect(self, r: Rect, radius: float, fill: str, stroke: str) -> None:
        if radius <= 0:
            self._path(
                ((r.x, r.y), (r.right, r.y), (r.right, r.bottom), (r.x, r.bottom)), fill, stroke
            )
            return
        k = radius * (1 - KAPPA)
        steps = [f"{_at(r.x + radius, r.y)} m", f"{_at(r.right - radius, r.y)} l"]

        def corner(a: Point, b: Point, to: Point) -> None:
            steps.append(f"{_at(*a)} {_at(*b)} {_at(*to)} c")

        corner((r.right - k, r.y), (r.right, r.y + k), (r.right, r.y + radius))
        steps.append(f"{_at(r.right, r.bottom - radius)} l")
        corner((r.right, r.bottom - k), (r.right - k, r.bottom), (r.right - radius, r.bottom))
        steps.append(f"{_at(r.x + radius, r.bottom)} l")
        corner((r.x + k, r.bottom), (r.x, r.bottom - k), (r.x, r.bottom - radius))
        steps.append(f"{_at(r.x, r.y + radius)} l")
        corner((r.x, r.y + k), (r.x + k, r.y), (r.x + radius, r.y))
        self._finish(steps, fill, stroke)

    def _path(self, points: tuple[Point, ...], fill: str, stroke: str) -> None:
        first, *rest = points
        self._finish([f"{_at(*first)} m", *(f"{_at(*p)} l" for p in rest)], fill, stroke)

    def _finish(self, steps: list[str], fill: str, stroke: str) -> None:
        self.lines.append(_color(fill, "rg"))
        if stroke:
            self.lines.append(_color(stroke, "RG"))
        self.lines += [*steps, "h B" if stroke else "h f"]

    def wire(self, wire: Wire) -> None:
        color = self.theme.lines[wire.role]
        points, head = arrow(wire) if wire.arrow else (wire.points, ())
        dash = _DASHED if wire.dashed else _SOLID
        self.lines += [f"{wire.line_width} w", dash, _color(color, "RG")]
        first, *rest = points
        steps = [f"{_at(*first)} m"]
        if wire.curved:
            for i in range(0, len(rest), 3):
                steps.append(" ".join(_at(*p) for p in rest[i : i + 3]) + " c")
        else:
            steps += [f"{_at(*p)} l" for p in rest]
        self.lines += [*steps, "S"]
        if head:
            self._path(head, color, "")

    def label(self, label: Label) -> None:
        encoded = label.text.encode("cp1252", "replace").hex()
        font = "F2" if label.bold else "F1"
        self.lines += [
            _color(self.theme.text[label.role], "rg"),
            # The page is upside down, its text must not be.
            f"BT /{font} {number(label.size)} Tf 1 0 0 -1 {_at(label.bounds.x, label.y)} Tm "
            f"<{encoded}> Tj ET",
        ]


def _at(x: float, y: float) -> str:
    return f"{number(x)} {number(y)}"


def _color(color: str, operator: str) -> str:
    values = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return " ".join(f"{value:.3f}" for value in values) + f" {operator}"
