"""Where Graphviz puts nodes, clusters and edges: in points, y downwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.engine import Dot
from archcompiler.figure.scene import Point, Rect

if TYPE_CHECKING:
    import graphviz

Curve = tuple[str, str, tuple[Point, ...]]
"""Tail, head and the control points of a Bézier curve."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A graph that has been laid out; everything goes by its name in the DOT."""

    width: float
    height: float
    centers: dict[str, Point]
    clusters: dict[str, Rect]
    curves: tuple[Curve, ...]

    def renamed(self, names: dict[str, str]) -> Layout:
        """The same, by other names."""
        return replace(
            self,
            centers={names[name]: point for name, point in self.centers.items()},
            curves=tuple((names[a], names[b], points) for a, b, points in self.curves),
        )


def lay_out(source: graphviz.Digraph, dot: Dot) -> Layout:
    """Run `dot`. Names in the source should be numbers of ours: a scope could be called anything.

    Raises CompileError E602 if the program fails.
    """
    try:
        data = json.loads(dot.render(source.source, "json0"))
    except ValueError:
        raise CompileError(error("E602", f"`{dot.path}` has laid out nothing")) from None
    _, _, width, height = _numbers(data["bb"])
    objects = data.get("objects", [])
    clusters: dict[str, Rect] = {}
    centers: dict[str, Point] = {}
    for found in objects:
        if "pos" in found:
            x, y = _numbers(found["pos"])
            centers[found["name"]] = (x, height - y)
        elif "bb" in found:
            left, low, right, high = _numbers(found["bb"])
            clusters[found["name"]] = Rect(left, height - high, right - left, high - low)
    names = {found["_gvid"]: found["name"] for found in objects}
    curves = tuple(
        (names[edge["tail"]], names[edge["head"]], _curve(edge["pos"], height))
        for edge in data.get("edges", [])
    )
    return Layout(width, height, centers, clusters, curves)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _curve(text: str, height: float) -> tuple[Point, ...]:
    points = (_numbers(pair) for pair in text.split())
    return tuple((x, height - y) for x, y in points)
