"""The front as a figure: each spec that was found by two of its quantities, and the one changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NoReturn, TypeAlias

from archcompiler.figure.diagram import Figure
from archcompiler.figure.page import Page
from archcompiler.figure.scale import Scale
from archcompiler.figure.scene import MARGIN, TEXT, Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.themes import THEMES
from archcompiler.figure.words import short
from archcompiler.search.model import NAMES, QuantityName
from archcompiler.search.parts import Costs
from archcompiler.search.report import TITLES, name_of, summary
from archcompiler.search.searching import Candidate, Result

PlotFormat: TypeAlias = Literal["svg", "pdf", "png"]
PLOTS: Final[dict[str, PlotFormat]] = {".svg": "svg", ".pdf": "pdf", ".png": "png"}
WIDTH: Final = 360.0 - 2 * MARGIN
"""Points, margins aside: 5 inches with them."""
AREA: Final = Rect(46.0, 30.0, WIDTH - 60.0, 210.0)
"""What the axes enclose."""
DOT: Final = 4.5


def plot(result: Result, candidates: Sequence[Candidate]) -> Figure:
    """The specs that were found by two objectives, in any format of `PLOTS`."""
    x, y = _axes(result)
    panel = _panel(result, candidates, x, y)
    words = " ".join(summary(result, len(candidates)))

    def none(*_: object) -> NoReturn:
        raise AssertionError("a plot has no such format")

    return Figure(
        f"{result.space.name}_front",
        THEMES["paper"],
        None,
        words,
        lambda: Page(panel, (panel,)),
        none,
        none,
    )


def _axes(result: Result) -> tuple[QuantityName, QuantityName]:
    """What is to be less to the right, what is to be more upwards, as far as there are both."""
    better = result.space.better
    names = sorted(better, key=lambda name: better[name] == "more")
    others: tuple[QuantityName, ...] = ("macs", "params")
    names += [name for name in others if name not in names]
    return names[0], names[-1] if better.get(names[-1]) == "more" else names[1]


def _panel(
    result: Result, candidates: Sequence[Candidate], x: QuantityName, y: QuantityName
) -> Panel:
    costs = [result.base, *(candidate.costs for candidate in candidates)]
    across = Scale([_of(c, x) for c in costs], AREA.x, AREA.right)
    up = Scale([_of(c, y) for c in costs], AREA.bottom, AREA.y)
    labels = [
        Label(0, 8, f"{result.count:,} of {result.space.size:,} specs", 8.5, "start", bold=True),
        Label(0, 20, f"{_title(y)}, upwards", TEXT, "start", role="muted"),
        Label(AREA.right, AREA.bottom + 24, _title(x), TEXT, "end", role="muted"),
    ]
    wires = []
    for tick in across.ticks:
        place = across.at(tick)
        wires.append(Wire(((place, AREA.y), (place, AREA.bottom)), "guide", False))
        labels.append(Label(place, AREA.bottom + 12, _number(tick), role="muted"))
    for tick in up.ticks:
        place = up.at(tick)
        wires.append(Wire(((AREA.x, place), (AREA.right, place)), "guide", False))
        labels.append(Label(AREA.x - 5, place + 2.5, _number(tick), anchor="end", role="muted"))
    nodes = list(_points(result, candidates, lambda c: (across.at(_of(c, x)), up.at(_of(c, y)))))
    base = nodes[0].outline.rect
    side: Literal["start", "end"] = "end" if base.cx > AREA.cx else "start"
    gap = -DOT if side == "end" else DOT
    name = result.space.base.name
    labels.append(Label(base.cx + gap, base.cy - 4, name, anchor=side, role="accent", backing="io"))
    height = AREA.bottom + 28
    title = f"{_title(y)} and {_title(x)} of the specs found"
    return Panel("front", title, WIDTH, height, tuple(nodes), tuple(wires), tuple(labels))


def _points(
    result: Result, candidates: Sequence[Candidate], at: Callable[[Costs], tuple[float, float]]
) -> Iterator[Node]:
    """A point for the spec that is changed, and one for each of different costs."""

    def node(key: str, costs: Costs, role: str) -> Node:
        x, y = at(costs)
        said = ", ".join(
            f"{short(cost)} {TITLES[name][0]}" for name, cost in zip(NAMES, costs, strict=True)
        )
        rect = Rect(x - DOT / 2, y - DOT / 2, DOT, DOT)
        return Node(key, f"{key}: {said}", Outline(rect, role, "pill"))

    yield node(result.space.base.name, result.base, "different")
    seen: set[Costs] = set()
    for number, candidate in enumerate(candidates, 1):
        if candidate.costs not in seen:
            seen.add(candidate.costs)
            yield node(name_of(result.space, number), candidate.costs, "parameters")


def _of(costs: Costs, name: QuantityName) -> int:
    return costs[NAMES.index(name)]


def _title(name: QuantityName) -> str:
    title, unit, _ = TITLES[name]
    return f"{title} ({unit})" if unit else title


def _number(value: float) -> str:
    for bound, prefix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= bound:
            return f"{value / bound:g}{prefix}"
    return f"{value:g}"
