"""Panels as SVG: vectors with names, for print and, with classes for colours, for HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from archcompiler.figure.scene import (
    DASHES,
    INSET,
    MARGIN,
    STROKE,
    Label,
    Node,
    Outline,
    Panel,
    Point,
    Rect,
    Wire,
)
from archcompiler.figure.themes import Theme

FONT = "Helvetica, Arial, 'Liberation Sans', Arimo, 'DejaVu Sans Condensed', sans-serif"
ARROW = 3.6
_DASHED = f' stroke-dasharray="{DASHES[0]} {DASHES[1]}"'


def quote(text: str) -> str:
    """Text as XML content or attribute value; what XML cannot carry at all becomes U+FFFD."""
    return escape("".join(c if _allowed(c) else "\ufffd" for c in text), quote=True)


def _allowed(character: str) -> bool:
    code = ord(character)
    return code in (9, 10, 13) or 32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


def number(value: float) -> str:
    """Two decimals at most: a thousandth of a millimetre."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def to_svg(panel: Panel, theme: Theme, description: str) -> str:
    """A standalone SVG document, `panel.width` points wide and a margin around."""
    width, height = panel.width + 2 * MARGIN, panel.height + 2 * MARGIN
    box = " ".join(map(number, (-MARGIN, -MARGIN, width, height)))
    body = "\n".join(paint(panel, theme))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(width)}pt" '
        f'height="{number(height)}pt" viewBox="{box}" role="graphics-document" '
        f'aria-labelledby="figure-title figure-description" '
        f'font-family="{quote(FONT)}">\n'
        f'<title id="figure-title">{quote(panel.title)}</title>\n'
        f'<desc id="figure-description">{quote(description)}</desc>\n'
        f'<rect x="{number(-MARGIN)}" y="{number(-MARGIN)}" width="{number(width)}" '
        f'height="{number(height)}" fill="{theme.page}"/>\n'
        f"{body}\n</svg>\n"
    )


def paint(
    panel: Panel, theme: Theme, group: Callable[[Node, str], str] | None = None
) -> Iterator[str]:
    """The elements of a panel, back to front; `group` wraps those of a node."""
    group = group or _group
    for lane in panel.lanes:
        yield _outline(lane, theme)
    for node in panel.frames:
        yield group(node, _drawn(node, theme))
    for wire in panel.wires:
        yield _wire(wire, theme)
    for node in panel.cards:
        yield group(node, _drawn(node, theme))
    for label in panel.labels:
        if label.backing:
            yield _outline(label.patch, theme)
        yield _label(label, theme)


def _drawn(node: Node, theme: Theme) -> str:
    return _outline(node.outline, theme) + "".join(_label(label, theme) for label in node.labels)


def _group(node: Node, drawn: str) -> str:
    return (
        f'<g id="{quote(node.key)}" role="img" aria-label="{quote(node.name)}">'
        f"<title>{quote(tooltip(node))}</title>{drawn}</g>"
    )


def tooltip(node: Node) -> str:
    """The lines that a viewer shows over a node."""
    info = node.info
    if info is None:
        return node.name
    lines = [node.name, info.scope, info.shape]
    if info.parameters is not None:
        lines.append(f"{info.parameters:,} parameters")
    if info.macs is not None:
        lines.append(f"{info.macs:,} MACs")
    if info.spec:
        lines.append(f"spec: {info.spec}")
    return "\n".join(filter(None, lines))


def _outline(outline: Outline, theme: Theme) -> str:
    paint = theme.paint(outline.role)
    style = f'fill="{paint.fill}" stroke="{paint.stroke}" stroke-width="{STROKE}"'
    if outline.form == "plain" or paint.fill == paint.stroke:
        style = f'fill="{paint.fill}"'
    if outline.dashed:
        style += _DASHED
    return shapes(outline, style)


def shapes(outline: Outline, style: str) -> str:
    """The elements of an outline, each with the attributes of `style`."""
    r = outline.rect
    if outline.is_polygon:
        return f'<polygon points="{_points(outline.polygon())}" {style}/>'
    if outline.form == "double":
        return _rect(r, outline.radius, style) + _rect(
            r.grown(-INSET), max(0.0, outline.radius - INSET), style
        )
    return "".join(_rect(sheet, outline.radius, style) for sheet in outline.sheets)


def _rect(r: Rect, radius: float, style: str) -> str:
    rounded = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(r.x)}" y="{number(r.y)}" width="{number(r.width)}" '
        f'height="{number(r.height)}"{rounded} {style}/>'
    )


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def _wire(wire: Wire, theme: Theme) -> str:
    color = theme.lines[wire.role]
    style = f'fill="none" stroke="{color}" stroke-width="{wire.line_width}"'
    if wire.dashed:
        style += _DASHED
    return wire_shapes(wire, style, f'fill="{color}"')


def wire_shapes(wire: Wire, style: str, head_style: str) -> str:
    """The line of a wire and its arrow head."""
    points, head = arrow(wire) if wire.arrow else (wire.points, ())
    if wire.curved:
        first, *rest = points
        path = f"M{number(first[0])},{number(first[1])} C{_points(tuple(rest))}"
        line = f'<path d="{path}" {style}/>'
    else:
        line = f'<polyline points="{_points(points)}" {style}/>'
    return line + (f'<polygon points="{_points(head)}" {head_style}/>' if head else "")


def arrow(wire: Wire) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """The line cut short, and the triangle of the head at its end."""
    *rest, (px, py), (x, y) = wire.points
    length = ((x - px) ** 2 + (y - py) ** 2) ** 0.5 or 1.0
    ux, uy = (x - px) / length, (y - py) / length
    bx, by = x - ux * ARROW, y - uy * ARROW
    half = ARROW * 0.38
    head = ((x, y), (bx - uy * half, by + ux * half), (bx + uy * half, by - ux * half))
    return (*rest, (px, py), (bx, by)), head


def _label(label: Label, theme: Theme) -> str:
    anchor = f' text-anchor="{label.anchor}"' if label.anchor != "start" else ""
    weight = ' font-weight="bold"' if label.bold else ""
    return (
        f'<text x="{number(label.x)}" y="{number(label.y)}" font-size="{number(label.size)}"'
        f'{anchor}{weight} fill="{theme.text[label.role]}">{quote(label.text)}</text>'
    )
