"""What makes a figure unreadable, found on its coordinates: tests run this over every page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from archcompiler.figure.scene import TEXT, Label, Panel, Point, Rect, Wire

MAX_CURVE_STEPS = 24


def problems(panel: Panel, smallest: float = TEXT) -> Iterator[str]:
    """Small text, text over text, text outside its card, lines through text, cards over cards."""
    labels = list(panel.all_labels())
    page = Rect(0, 0, panel.width, panel.height).grown(4.0)
    for label in labels:
        if label.size < smallest:
            yield f"`{label.text}` is {label.size:g} pt"
        if not page.contains(label.bounds):
            yield f"`{label.text}` leaves the page"
    inks = [(label, _core(label)) for label in labels]
    for (a, core), (b, other) in combinations(inks, 2):
        if core.overlaps(other):
            yield f"`{a.text}` overlaps `{b.text}`"
    for node in panel.nodes:
        if not page.contains(node.outline.rect):
            yield f"{node.key} leaves the page"
        for label in node.labels:
            if not node.outline.rect.contains(label.bounds):
                yield f"`{label.text}` is wider than its card {node.key}"
    yield from _cards(panel)
    yield from _lines(panel, labels)


def _core(label: Label) -> Rect:
    """The ink of a label: half a point less on every side than its box."""
    return label.bounds.grown(-0.5)


def _cards(panel: Panel) -> Iterator[str]:
    for a, b in combinations(panel.cards, 2):
        if a.outline.rect.overlaps(b.outline.rect):
            yield f"{a.key} overlaps {b.key}"
    for label in panel.labels:
        core = _core(label)
        for node in panel.cards:
            if node.outline.rect.overlaps(core):
                yield f"`{label.text}` lies on {node.key}"


def _lines(panel: Panel, labels: list[Label]) -> Iterator[str]:
    # Behind a label with a backing a line does not show.
    inks = [(label, _core(label)) for label in labels if not label.backing]
    for wire in panel.wires:
        points = _flatten(wire)
        for a, b in pairwise(points):
            for label, core in inks:
                if _crosses(a, b, core):
                    yield f"{wire.source or '?'} → {wire.target or '?'} crosses `{label.text}`"
            ends = (wire.source, wire.target)
            for node in panel.cards:
                if node.key not in ends and _crosses(a, b, node.outline.rect.grown(-1)):
                    yield f"{wire.source or '?'} → {wire.target or '?'} crosses {node.key}"


def _flatten(wire: Wire) -> list[Point]:
    if not wire.curved:
        return list(wire.points)
    found = [wire.points[0]]
    for i in range(0, len(wire.points) - 3, 3):
        p = wire.points[i : i + 4]
        for step in range(1, MAX_CURVE_STEPS + 1):
            t = step / MAX_CURVE_STEPS
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(
                (
                    sum(w * x for w, (x, _) in zip(weights, p, strict=True)),
                    sum(w * y for w, (_, y) in zip(weights, p, strict=True)),
                )
            )
    return found


def _crosses(a: Point, b: Point, r: Rect) -> bool:
    """Whether a segment enters a rectangle (Liang and Barsky's clipping)."""
    if r.width <= 0 or r.height <= 0:
        return False
    enter, leave = 0.0, 1.0
    dx, dy = b[0] - a[0], b[1] - a[1]
    for delta, low, high in ((dx, r.x - a[0], r.right - a[0]), (dy, r.y - a[1], r.bottom - a[1])):
        if abs(delta) < 1e-9:
            if low > 0 or high < 0:
                return False
            continue
        first, last = sorted((low / delta, high / delta))
        enter, leave = max(enter, first), min(leave, last)
    return enter < leave
