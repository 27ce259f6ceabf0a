"""The results of a study as a figure: a line for each network with each setting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NoReturn, TypeAlias

from archcompiler.figure.diagram import Figure
from archcompiler.figure.metrics import text_width
from archcompiler.figure.page import Page
from archcompiler.figure.scale import Scale
from archcompiler.figure.scene import MARGIN, TEXT, Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.themes import THEMES
from archcompiler.study.spread import CONFIDENCE
from archcompiler.study.summary import Row, Summary, word

PlotFormat: TypeAlias = Literal["svg", "pdf", "png"]
PLOTS: Final[dict[str, PlotFormat]] = {".svg": "svg", ".pdf": "pdf", ".png": "png"}
WIDTH: Final = 360.0 - 2 * MARGIN
"""Points, margins aside: 5 inches with them."""
TOP: Final = 28.0
LINE: Final = 14.0
DOT: Final = 3.0
MEAN: Final = (2.0, 8.0)
"""Width and height of the mark of a mean."""
WIDEST: Final = 180.0
"""Of the names on the left."""


def plot(summary: Summary) -> Figure | None:
    """Each run as a dot, the means and their intervals, in any format of `PLOTS`; None where no
    run is done.
    """
    rows = [row for row in summary.rows if row.spread.values]
    if not rows:
        return None
    panel = _panel(summary, rows)

    def none(*_: object) -> NoReturn:
        raise AssertionError("a plot has no such format")

    return Figure(
        summary.study.name,
        THEMES["paper"],
        None,
        f"{summary.measure}; {_LEGEND}",
        lambda: Page(panel, (panel,)),
        none,
        none,
    )


_LEGEND: Final = f"dots: runs, bars: means with their {CONFIDENCE:.0%} intervals"


def _panel(summary: Summary, rows: list[Row]) -> Panel:
    names = [_shortened(_name(summary, row)) for row in rows]
    left = max(text_width(name, TEXT, False) for name in names) + 8
    bottom = TOP + LINE * len(rows)
    shown: list[float] = []
    for row in rows:
        shown += (*row.spread.values, *(row.spread.interval or ()))
    # An interval may leave what an accuracy can be; the axis has no place for that.
    scale = Scale([100 * min(max(value, 0.0), 1.0) for value in shown], left, WIDTH - 8)
    labels = [
        Label(0, 8, summary.study.name, 8.5, "start", bold=True),
        Label(0, 20, _LEGEND, TEXT, "start", role="muted"),
        Label(WIDTH, bottom + 24, f"{summary.measure} (%)", TEXT, "end", role="muted"),
    ]
    wires = []
    for tick in scale.ticks:
        place = scale.at(tick)
        wires.append(Wire(((place, TOP), (place, bottom)), "guide", False))
        labels.append(Label(place, bottom + 12, f"{tick:g}", role="muted"))
    nodes: list[Node] = []
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = TOP + LINE * (number + 0.5)
        labels.append(Label(0, y + 2.5, name, TEXT, "start"))
        if row.spread.interval is not None:
            low, high = (scale.at(100 * min(max(v, 0.0), 1.0)) for v in row.spread.interval)
            wires.append(Wire(((low, y), (high, y)), "flow", False))
        nodes += _marks(summary, row, number, scale, y)
    title = f"results of {summary.study.name}"
    return Panel("study", title, WIDTH, bottom + 28, tuple(nodes), tuple(wires), tuple(labels))


def _marks(summary: Summary, row: Row, number: int, scale: Scale, y: float) -> Iterator[Node]:
    """The mean, and the runs on top of it."""
    spread, name = row.spread, _name(summary, row)
    assert spread.mean is not None
    width, height = MEAN
    x = scale.at(100 * spread.mean)
    said = f"{name}: mean {spread.mean:.2%} of {len(spread.values)} runs"
    rect = Rect(x - width / 2, y - height / 2, width, height)
    yield Node(f"mean_{number}", said, Outline(rect, "different"))
    for run in row.runs:
        if run.result is not None:
            x = scale.at(100 * run.result.accuracy)
            rect = Rect(x - DOT / 2, y - DOT / 2, DOT, DOT)
            said = f"{run.cell.name}: {run.result.accuracy:.2%}"
            yield Node(run.cell.name, said, Outline(rect, "parameters", "pill"))


def _name(summary: Summary, row: Row) -> str:
    given = zip(summary.study.axes, row.setting, strict=True)
    return ", ".join([row.title, *(f"{k.rpartition('.')[2]} {word(v)}" for k, v in given)])


def _shortened(name: str) -> str:
    if text_width(name, TEXT, False) <= WIDEST:
        return name
    while text_width(f"{name}…", TEXT, False) > WIDEST:
        name = name[:-1]
    return f"{name}…"
