"""What a figure is made of: outlines, labels and wires with coordinates, in points, y downwards.

A role (`conv`, `skip`, `muted`) says what a thing is; a theme says how that looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from archcompiler.figure.metrics import CAP_HEIGHT, DESCENT, text_width

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
Form = Literal[
    "rect", "round", "pill", "narrowing", "widening", "bevel", "double", "stack", "plain"
]

MARGIN = 4.0
"""Around a page; its width counts this too."""
FRAMES = frozenset({"stage", "trunk", "mask"})
"""Roles of what others stand in."""
STROKE = 0.7
"""Of outlines, in points, as are the dashes and the inset of a double outline."""
DASHES = (2.4, 1.6)
INSET = 1.5
TEXT = 7.0
"""The smallest text of a figure: readable when the page is printed at its own width."""


@dataclass(frozen=True, slots=True)
class Rect:
    """A place on the page."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def cx(self) -> float:
        return self.x + self.width / 2

    @property
    def cy(self) -> float:
        return self.y + self.height / 2

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(self.x + dx, self.y + dy, self.width, self.height)

    def grown(self, by: float) -> Rect:
        return Rect(self.x - by, self.y - by, self.width + 2 * by, self.height + 2 * by)

    def overlaps(self, other: Rect, slack: float = 0.01) -> bool:
        return (
            self.x + slack < other.right
            and other.x + slack < self.right
            and self.y + slack < other.bottom
            and other.y + slack < self.bottom
        )

    def contains(self, other: Rect, slack: float = 0.01) -> bool:
        return (
            self.x - slack <= other.x
            and self.y - slack <= other.y
            and other.right <= self.right + slack
            and other.bottom <= self.bottom + slack
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """A filled shape. Its form is the cue beside the colour of its role."""

    rect: Rect
    role: str
    form: Form = "rect"
    dashed: bool = False

    def moved(self, dx: float, dy: float) -> Outline:
        return replace(self, rect=self.rect.moved(dx, dy))

    @property
    def is_polygon(self) -> bool:
        return self.form in ("narrowing", "widening", "bevel")

    @property
    def sheets(self) -> tuple[Rect, ...]:
        """The rectangles of all other forms, back to front: several where units are stacked."""
        if self.form != "stack":
            return (self.rect,)
        return tuple(self.rect.moved(offset, -offset) for offset in (1.8, 0.9, 0.0))

    @property
    def radius(self) -> float:
        """Of the corners. Convolutions keep theirs square, also where several are stacked."""
        if self.form == "rect" or self.role == "conv":
            return 0.0
        half = min(self.rect.width, self.rect.height) / 2
        return half if self.form == "pill" else min(3.0, half)

    def polygon(self) -> tuple[Point, ...]:
        """Corners of the forms that are not rectangles."""
        r, cut = self.rect, min(self.rect.height / 3, 5.0)
        if self.form == "narrowing":
            return ((r.x, r.y), (r.right, r.y), (r.right - cut, r.bottom), (r.x + cut, r.bottom))
        if self.form == "widening":
            return ((r.x + cut, r.y), (r.right - cut, r.y), (r.right, r.bottom), (r.x, r.bottom))
        if self.form == "bevel":
            return (
                (r.x + cut, r.y),
                (r.right - cut, r.y),
                (r.right, r.cy),
                (r.right - cut, r.bottom),
                (r.x + cut, r.bottom),
                (r.x, r.cy),
            )
        return ((r.x, r.y), (r.right, r.y), (r.right, r.bottom), (r.x, r.bottom))


@dataclass(frozen=True, slots=True)
class Label:
    """One line of text; (x, y) is on its baseline."""

    x: float
    y: float
    text: str
    size: float = TEXT
    anchor: Anchor = "middle"
    bold: bool = False
    role: str = "ink"
    backing: str = ""
    """Role of a patch below it, where lines may pass behind the words."""

    @property
    def patch(self) -> Outline:
        return Outline(self.bounds.grown(1.0), self.backing, "plain")

    @property
    def bounds(self) -> Rect:
        width = text_width(self.text, self.size, self.bold)
        shift = {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        height = (CAP_HEIGHT + DESCENT) * self.size
        return Rect(self.x - shift, self.y - CAP_HEIGHT * self.size, width, height)

    def moved(self, dx: float, dy: float) -> Label:
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True, slots=True)
class Wire:
    """A line along `points`, or a Bézier curve with them as control points."""

    points: tuple[Point, ...]
    role: str = "flow"
    arrow: bool = True
    source: str = ""
    target: str = ""
    curved: bool = False

    @property
    def dashed(self) -> bool:
        return self.role == "skip"

    @property
    def line_width(self) -> float:
        return {"guide": 0.4, "rule": 0.5}.get(self.role, 0.8)

    def moved(self, dx: float, dy: float) -> Wire:
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


@dataclass(frozen=True, slots=True)
class Info:
    """What a tooltip says about a node, and what the json states."""

    scope: str
    what: str
    shape: str = ""
    parameters: int | None = None
    macs: int | None = None
    spec: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Node:
    """Something with a name: an outline with its labels."""

    key: str
    name: str
    """Accessible name: what a screen reader says."""
    outline: Outline
    labels: tuple[Label, ...] = ()
    info: Info | None = None
    link: str = ""
    """Panel that shows what is inside."""

    def moved(self, dx: float, dy: float) -> Node:
        return replace(
            self,
            outline=self.outline.moved(dx, dy),
            labels=tuple(label.moved(dx, dy) for label in self.labels),
        )


@dataclass(frozen=True, slots=True)
class Panel:
    """One laid out drawing. Later parts cover earlier ones: lanes, frames, wires, nodes, labels."""

    id: str
    title: str
    width: float
    height: float
    nodes: tuple[Node, ...] = ()
    wires: tuple[Wire, ...] = ()
    labels: tuple[Label, ...] = ()
    lanes: tuple[Outline, ...] = ()

    def node(self, key: str) -> Node:
        return next(node for node in self.nodes if node.key == key)

    @property
    def frames(self) -> tuple[Node, ...]:
        """Nodes that others stand in."""
        return tuple(node for node in self.nodes if node.outline.role in FRAMES)

    @property
    def cards(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.outline.role not in FRAMES)

    def layers(self) -> Iterator[Outline | Wire | Label]:
        """Everything there is to draw, from back to front."""
        yield from self.lanes
        for node in self.frames:
            yield node.outline
            yield from node.labels
        yield from self.wires
        for node in self.cards:
            yield node.outline
            yield from node.labels
        for label in self.labels:
            if label.backing:
                yield label.patch
            yield label

    def all_labels(self) -> Iterator[Label]:
        for node in self.nodes:
            yield from node.labels
        yield from self.labels

    def cropped(self) -> Panel:
        """The same without room on the right that nothing stands in."""
        right = [node.outline.rect.right for node in self.nodes]
        right += [x for wire in self.wires for x, _ in wire.points]
        right += [label.bounds.right for label in self.all_labels()]
        right += [lane.rect.right for lane in self.lanes]
        return replace(self, width=max(right))

    def moved(self, dx: float, dy: float) -> Panel:
        return replace(
            self,
            nodes=tuple(node.moved(dx, dy) for node in self.nodes),
            wires=tuple(wire.moved(dx, dy) for wire in self.wires),
            labels=tuple(label.moved(dx, dy) for label in self.labels),
            lanes=tuple(lane.moved(dx, dy) for lane in self.lanes),
        )


def merge(id: str, title: str, size: Point, panels: list[Panel]) -> Panel:
    """Panels that stand where they shall as one; keys get the panel's id in front."""
    return Panel(
        id,
        title,
        *size,
        nodes=tuple(replace(n, key=f"{p.id}.{n.key}") for p in panels for n in p.nodes),
        wires=tuple(
            replace(
                w,
                source=f"{p.id}.{w.source}" if w.source else "",
                target=f"{p.id}.{w.target}" if w.target else "",
            )
            for p in panels
            for w in p.wires
        ),
        labels=tuple(label for p in panels for label in p.labels),
        lanes=tuple(lane for p in panels for lane in p.lanes),
    )
