"""Nodes with centred lines of text, and the wires between them."""

from __future__ import annotations

from collections.abc import Sequence

from archcompiler.figure.metrics import CAP_HEIGHT, text_width
from archcompiler.figure.scene import (
    TEXT,
    Form,
    Info,
    Label,
    Node,
    Outline,
    Point,
    Rect,
    Wire,
)
from archcompiler.figure.words import FORMS

LINE = 8.4
PAD = 3.4
SLANT = 3.0
"""What the slanted sides of a pooling or interpolation take from the room for text."""


def card_size(lines: Sequence[str], role: str = "unit") -> Point:
    """Smallest outline for centred lines."""
    slant = SLANT if FORMS[role] in ("narrowing", "widening", "bevel") else 0.0
    width = max(text_width(line, TEXT) for line in lines) + 2 * (PAD + slant)
    return max(width, 12.0), len(lines) * LINE + 4.4


def card(
    key: str,
    name: str,
    center: Point,
    lines: Sequence[str],
    role: str,
    *,
    size: Point | None = None,
    form: Form | None = None,
    dashed: bool = False,
    info: Info | None = None,
    link: str = "",
) -> Node:
    """A node around `center`, just as large as its text unless a size is given."""
    width, height = size or card_size(lines, role)
    x, y = center
    outline = Outline(
        Rect(x - width / 2, y - height / 2, width, height), role, form or FORMS[role], dashed
    )
    return Node(key, name, outline, centered(lines, center), info, link)


def centered(lines: Sequence[str], center: Point, role: str = "ink") -> tuple[Label, ...]:
    """Lines of text around a point."""
    x, y = center
    top = y - (len(lines) - 1) * LINE / 2 + CAP_HEIGHT * TEXT / 2 - 0.15
    return tuple(Label(x, top + i * LINE, line, role=role) for i, line in enumerate(lines))


def wire(
    source: Node,
    target: Node,
    *via: Point,
    start: str = "right",
    end: str = "left",
    role: str = "flow",
) -> Wire:
    """A wire from a side of one node, over corners, to a side of another."""
    points = (_side(source.outline, start), *via, _side(target.outline, end))
    return Wire(points, role, True, source.key, target.key)


def _side(outline: Outline, side: str) -> Point:
    r = outline.rect
    # On the slanted sides of a trapezoid the middle lies inside the bounding box.
    inset = (
        r.x - (outline.polygon()[0][0] + outline.polygon()[3][0]) / 2
        if outline.form in ("narrowing", "widening")
        else 0.0
    )
    return {
        "left": (r.x - inset, r.cy),
        "right": (r.right + inset, r.cy),
        "top": (r.cx, r.y),
        "bottom": (r.cx, r.bottom),
    }[side]
