"""Loss and accuracy over the iterations, as SVG and as PNG, drawn by hand: it is a few lines, and
a plotting library would be the largest thing that the package depends on.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from archcompiler.runner.report.metrics import Row
from archcompiler.runner.store.folder import RunFolder

WIDTH, HEIGHT = 900, 380
_TOP, _BOTTOM = 56, 330
_PANELS = ((60, 430), (520, 890))
_COLOURS = {"train": "#8a8f98", "validation": "#c2410c", "test": "#1d6f8a"}
_INK, _RULE = "#1f2328", "#d8dbe0"

Point = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """One pair of axes and a line for each split."""

    title: str
    left: int
    right: int
    ticks: tuple[float, ...]
    """Values of the vertical axis, rising."""
    last: int
    """End of the horizontal axis; it starts at 0."""
    lines: tuple[tuple[str, tuple[Point, ...]], ...]
    """For each split its points, in pixels."""
    percent: bool

    def y(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    def label(self, value: float) -> str:
        # As many digits as tell two ticks apart: accuracies of a run at its end are close together.
        return f"{value * 100:.6g}%" if self.percent else f"{value:.6g}"


def write_curves(rows: Sequence[Row], title: str, folder: RunFolder) -> None:
    """Draw `curves.svg` and `curves.png` of a run."""
    panels = [
        _panel(rows, "loss", "loss", *_PANELS[0]),
        _panel(rows, "accuracy", "accuracy", *_PANELS[1]),
    ]
    folder.write(folder.path / "curves.svg", _svg(panels, title).encode())
    folder.write(folder.path / "curves.png", _png(panels, title))


def _panel(rows: Iterable[Row], key: str, title: str, left: int, right: int) -> Panel:
    rows = [row for row in rows if isinstance(row.get(key), (int, float))]
    values = [row[key] for row in rows if math.isfinite(row[key])]
    ticks = _ticks(min(values, default=0.0), max(values, default=1.0))
    last = max((row["iteration"] for row in rows), default=1)
    empty = Panel(title, left, right, ticks, last, (), key == "accuracy")
    lines = tuple(
        (
            split,
            tuple(
                (left + row["iteration"] / last * (right - left), empty.y(row[key]))
                for row in rows
                if row["split"] == split and math.isfinite(row[key])
            ),
        )
        for split in _COLOURS
        if any(row["split"] == split for row in rows)
    )
    return Panel(title, left, right, ticks, last, lines, key == "accuracy")


def _legend(panels: Sequence[Panel]) -> Iterable[tuple[int, str]]:
    """Where the name of each split stands: to the right, one after the other."""
    drawn = [split for split in _COLOURS if any(split in dict(p.lines) for p in panels)]
    return ((WIDTH - 95 * (len(drawn) - i), split) for i, split in enumerate(drawn))


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Round values that enclose a range, about five of them."""
    span = max(high - low, abs(high) * 0.01, 1e-6)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if span / (step * m) <= 5)
    first, end = math.floor(low / step), math.ceil(high / step)
    return tuple(i * step for i in range(first, max(end, first + 1) + 1))


def _svg(panels: Sequence[Panel], title: str) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" fill="{_INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="20" y="26" font-size="16">{escape(title)}</text>',
    ]
    for x, split in _legend(panels):
        parts.append(f'<text x="{x}" y="26" fill="{_COLOURS[split]}">{split}</text>')
    for panel in panels:
        for tick in panel.ticks:
            y = f"{panel.y(tick):.1f}"
            parts.append(
                f'<line x1="{panel.left}" x2="{panel.right}" y1="{y}" y2="{y}" stroke="{_RULE}"/>'
                f'<text x="{panel.left - 6}" y="{y}" dy="4" text-anchor="end">'
                f"{panel.label(tick)}</text>"
            )
        parts.append(
            f'<text x="{panel.left}" y="{_BOTTOM + 20}">0</text>'
            f'<text x="{panel.right}" y="{_BOTTOM + 20}" text-anchor="end">{panel.last:,}</text>'
            f'<text x="{(panel.left + panel.right) / 2}" y="{_BOTTOM + 38}" text-anchor="middle">'
            f"{panel.title} by iteration</text>"
        )
        for split, points in panel.lines:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{_COLOURS[split]}" '
                'stroke-width="2" stroke-linejoin="round"/>'
            )
            if split != "train":
                parts += [
                    f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_COLOURS[split]}"/>'
                    for x, y in points
                ]
    return "\n".join([*parts, "</svg>", ""])


_SCALE = 2
"""Pixels of the PNG for one of the drawing."""


def _png(panels: Sequence[Panel], title: str) -> bytes:
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    font, large = (ImageFont.load_default(size * _SCALE) for size in (12, 15))

    def text(x: float, y: float, words: str, anchor: str = "ls", fill: str = _INK) -> None:
        draw.text((x * _SCALE, y * _SCALE), words, fill, font, anchor)

    draw.text((20 * _SCALE, 26 * _SCALE), title, _INK, large, "ls")
    for place, split in _legend(panels):
        text(place, 26, split, fill=_COLOURS[split])
    for panel in panels:
        for tick in panel.ticks:
            y = panel.y(tick)
            draw.line(_scaled([(panel.left, y), (panel.right, y)]), _RULE, _SCALE)
            text(panel.left - 6, y, panel.label(tick), "rm")
        text(panel.left, _BOTTOM + 20, "0")
        text(panel.right, _BOTTOM + 20, f"{panel.last:,}", "rs")
        middle = (panel.left + panel.right) / 2
        text(middle, _BOTTOM + 38, f"{panel.title} by iteration", "ms")
        for split, points in panel.lines:
            if len(points) > 1:
                draw.line(_scaled(points), _COLOURS[split], 2 * _SCALE, "curve")
            for x, y in points if split != "train" else ():
                box = _scaled([(x - 3, y - 3), (x + 3, y + 3)])
                draw.ellipse(box, _COLOURS[split])
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return data.getvalue()


def _scaled(points: Iterable[Point]) -> list[Point]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]
