"""Two networks side by side, stage by stage, with what differs marked and listed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.diagram import Figure, Request
from archcompiler.figure.differences import Difference, spec_differences
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import Run, digest, runs
from archcompiler.figure.labels import block_words, name_words
from archcompiler.figure.metrics import shorten
from archcompiler.figure.page import BLOCK, Page, footer_words
from archcompiler.figure.scene import MARGIN, TEXT, Form, Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.themes import THEMES, ThemeName
from archcompiler.figure.words import enumerate_words, one_line, shape_words, short
from archcompiler.ir import Block, Step
from archcompiler.ir.kinds import UNIT

GUTTER = 20.0
CARD = 33.0
BETWEEN = 9.0
LINE = 10.0
MOST_LISTED = 30

if TYPE_CHECKING:
    from archcompiler.figure.html import View


@dataclass(frozen=True, slots=True)
class Pair:
    """The parts of both networks that stand in one row; empty where one has no such part.

    Several on a side are a run of rows that share one.
    """

    left: tuple[Step, ...]
    right: tuple[Step, ...]
    differs: bool

    def __add__(self, other: Pair) -> Pair:
        return Pair(self.left + other.left, self.right + other.right, self.differs)

    def alike(self, other: Pair) -> bool:
        """Whether both rows say the same of their parts: equal, different, on one side only."""
        return (bool(self.left), bool(self.right), self.differs) == (
            bool(other.left), bool(other.right), other.differs,
        )  # fmt: skip


def _pair(left: Step | None, right: Step | None) -> Pair:
    if left is None or right is None:
        return Pair((left,) if left else (), (right,) if right else (), True)
    assert isinstance(left.body, Block)
    assert isinstance(right.body, Block)
    differs = digest(left.body, relative=False) != digest(right.body, relative=False)
    return Pair((left,), (right,), differs)


def compare(left: CompiledNetwork, right: CompiledNetwork, request: Request) -> Figure:
    """The figure of two networks. Raises CompileError E604: it has one level and no scopes."""
    if request.level != "auto" or request.expand:
        raise CompileError(
            error(
                "E604",
                f"a comparison has no `{'--expand' if request.expand else '--level'}`",
                notes=("it draws both networks stage by stage",),
                help="draw each spec by itself, or both as html, where every scope opens",
            )
        )
    a, b = Drawing(left), Drawing(right)
    differences, rows = spec_differences(left, right), pairs(a, b)
    inner = request.width - 2 * MARGIN
    room = BLOCK[1] * max(1.0, request.width / BLOCK[0]) - 2 * MARGIN

    def compose() -> Page:
        notes = [] if any(row.differs for row in rows) else ["the two networks are equal"]
        panel = _Comparison(a, b, inner).panel(rows, differences)
        if panel.height > room:
            panel = _Comparison(a, b, inner).panel(folded(rows), differences)
            notes.append("stages in a row that are alike share one card: more does not fit a page")
        return Page(panel, (panel,), notes)

    def to_json(panel: Panel) -> str:
        return _to_json(a, b, differences)

    def to_html(dot: Dot) -> View:
        return _to_html(Drawing(left), Drawing(right), differences, dot, request.theme)

    return Figure(
        f"{left.name}_vs_{right.name}",
        THEMES[request.theme],
        request.dot,
        f"{footer_words(a)}\n{footer_words(b)}",
        compose,
        to_json,
        to_html,
    )


def pairs(left: Drawing, right: Drawing) -> list[Pair]:
    """Stem with stem, stages by their number, head with head."""
    a, b = left.graph.root.steps, right.graph.root.steps
    stages = max(len(a), len(b)) - 2
    found = [_pair(a[0], b[0])]
    for i in range(1, stages + 1):
        found.append(_pair(a[i] if i < len(a) - 1 else None, b[i] if i < len(b) - 1 else None))
    return [*found, _pair(a[-1], b[-1])]


def folded(rows: list[Pair]) -> list[Pair]:
    """Rows with neighbours that say the same of their parts as one; stem and head stay."""
    found = [rows[0]]
    for index, row in enumerate(rows[1:], 1):
        if 1 < index < len(rows) - 1 and row.alike(found[-1]):
            found[-1] += row
        else:
            found.append(row)
    return found


class _Comparison:
    def __init__(self, left: Drawing, right: Drawing, width: float) -> None:
        self.sides = (left, right)
        self.names = _names(left, right)
        self.width = width
        self.each = (width - GUTTER) / 2
        self.nodes: list[Node] = []
        self.wires: list[Wire] = []
        self.labels: list[Label] = []

    def panel(self, rows: list[Pair], differences: list[Difference]) -> Panel:
        y = self._heads()
        before = ["", ""]
        for pair in rows:
            for side, steps in enumerate((pair.left, pair.right)):
                if not steps:
                    continue
                node = self._card(side, steps, y, pair)
                x = node.outline.rect.cx
                start = y - BETWEEN
                if before[side]:
                    above = next(n for n in self.nodes if n.key == before[side])
                    start = above.outline.rect.bottom
                    self.wires.append(Wire(((x, start), (x, y)), "flow", True, above.key, node.key))
                before[side] = node.key
                self.nodes.append(node)
            y += CARD + BETWEEN
        y = self._list(differences, y + 6)
        return Panel(
            "comparison",
            f"{self.sides[0].title} and {self.sides[1].title}",
            self.width,
            self._foot(y),
            tuple(self.nodes),
            tuple(self.wires),
            tuple(self.labels),
        )

    def _x(self, side: int) -> float:
        return side * (self.each + GUTTER)

    def _heads(self) -> float:
        for side, drawing in enumerate(self.sides):
            x, totals = self._x(side), drawing.totals
            title = shorten(drawing.title, 8.5, self.each, bold=True)
            self.labels.append(Label(x, 8, title, 8.5, "start", bold=True))
            words = (
                f"{short(totals.params)} parameters · {short(totals.macs)} MACs at "
                f"{shape_words(drawing.graph.input)}"
            )
            text = shorten(words, TEXT, self.each)
            self.labels.append(Label(x, 18, text, role="muted", anchor="start"))
        return 26.0

    def _card(self, side: int, steps: tuple[Step, ...], y: float, pair: Pair) -> Node:
        drawing, run = self.sides[side], Run(steps)
        step = run.first
        assert isinstance(step.body, Block)
        rect = Rect(self._x(side), y, self.each, CARD)
        name = run.name.replace("stage", "stages " if run.count > 1 else "stage ")
        role = "different" if pair.differs else "stage"
        inside = "" if run.count > 1 else shorten(_inside(step, pair), TEXT, self.each - 12)
        info = drawing.joint_info(drawing.graph.root, "", steps, inside or name)
        words = f"{short(info.parameters or 0)} parameters · {short(info.macs or 0)} MACs"
        labels = [
            Label(rect.x + 6, y + 10, name, anchor="start", bold=True),
            Label(rect.right - 6, y + 10, info.shape, role="muted", anchor="end"),
            Label(rect.x + 6, y + 28, words, anchor="start", role="muted"),
        ]
        if inside:
            labels.append(Label(rect.x + 6, y + 19, inside, anchor="start"))
        if pair.differs:
            mark = "only here" if not (pair.left and pair.right) else "differs"
            labels.append(Label(rect.right - 6, y + 28, mark, role="accent", anchor="end"))
        key = f"{'ab'[side]}.{step.name}"
        form: Form = "double" if pair.differs else "round"
        differs = "differs" if pair.differs else "equal"
        spoken = ", ".join(filter(None, (self.names[side], name, differs, inside, info.shape)))
        link = drawing.link(step.body) if run.count == 1 else ""
        return Node(key, spoken, Outline(rect, role, form), tuple(labels), info, link)

    def _list(self, differences: list[Difference], y: float) -> float:
        self.labels.append(Label(0, y, "Differences of the specs", 7.5, "start", bold=True))
        if not differences:
            self.labels.append(Label(0, y + LINE, "none", role="muted", anchor="start"))
            return y + 2 * LINE
        column = self.width / 3
        for index, difference in enumerate(differences[:MOST_LISTED]):
            row = y + 2 + (index + 1) * LINE
            for i, text in enumerate(difference):
                role = "ink" if i else "muted"
                shown = shorten(text, TEXT, column - 8)
                self.labels.append(Label(i * column, row, shown, role=role, anchor="start"))
        rest = len(differences) - MOST_LISTED
        y += 2 + (min(len(differences), MOST_LISTED) + 1) * LINE
        if rest > 0:
            self.labels.append(Label(0, y, f"and {rest} more", role="muted", anchor="start"))
            y += LINE
        return y

    def _foot(self, y: float) -> float:
        self.wires.append(Wire(((0, y), (self.width, y)), "rule", False))
        for drawing in self.sides:
            y += LINE
            text = shorten(footer_words(drawing), TEXT, self.width)
            self.labels.append(Label(0, y, text, role="muted", anchor="start"))
        return y + 2


def _inside(step: Step, pair: Pair) -> str:
    """`unit, attention module × 6, unit`, and the types of units where it is those that differ."""
    words = _words(step)
    sides = [_words(side[0]) for side in (pair.left, pair.right) if side]
    if pair.differs and len(sides) == 2 and sides[0] == sides[1]:
        types = [_unit_types(side[0]) for side in (pair.left, pair.right)]
        if types[0] != types[1]:
            words += f"; {enumerate_words(types[step not in pair.left])}"
    return words


def _unit_types(step: Step) -> list[str]:
    """What the types of units below a step are called."""
    assert isinstance(step.body, Block)
    return sorted({name_words(block) for _, block in step.body.blocks() if block.kind == UNIT})


def _words(step: Step) -> str:
    assert isinstance(step.body, Block)
    words = []
    for run in runs(step.body):
        if not isinstance(run.body, Block):
            words.append(run.body.kind.replace("_", " "))
        elif run.body.steps:
            words.append(one_line(block_words(run.body, run.count, run.first.name)))
    return ", ".join(words)


def _names(left: Drawing, right: Drawing) -> tuple[str, str]:
    """What tells the two networks apart."""
    if left.title != right.title:
        return left.title, right.title
    if left.graph.name != right.graph.name:
        return left.graph.name, right.graph.name
    return "left", "right"


def _to_html(
    left: Drawing, right: Drawing, differences: list[Difference], dot: Dot, theme: ThemeName
) -> View:
    """Both networks and their scopes, each below the comparison."""
    from archcompiler.figure.atlas import WIDTH, Sheet, draw_atlas
    from archcompiler.figure.html import to_html

    names = _names(left, right)
    a, b = (
        draw_atlas(left, dot, "a-", ("comparison",), names[0]),
        draw_atlas(right, dot, "b-", ("comparison",), names[1]),
    )
    rows = pairs(left, right)
    # The cards lead to the scopes.
    left, right = a.drawing, b.drawing
    panel = _Comparison(left, right, WIDTH).panel(rows, differences)
    if panel.height > BLOCK[1]:
        panel = _Comparison(left, right, WIDTH).panel(folded(rows), differences)
    home = Sheet(panel, "", panel.title, "comparison", ())
    name = f"{left.graph.name}_vs_{right.graph.name}"
    footer = f"{footer_words(left)} | {footer_words(right)}"
    sheets = [home, *a.sheets, *b.sheets]
    residual = left.residual and right.residual
    return to_html(name, sheets, a.omitted + b.omitted, "", footer, theme, panel.id, residual)


def _to_json(left: Drawing, right: Drawing, differences: list[Difference]) -> str:
    data = {
        side: {
            "name": drawing.graph.name,
            "title": drawing.title,
            "spec_sha256": drawing.sha256,
            "parameters": drawing.totals.params,
            "macs": drawing.totals.macs,
        }
        for side, drawing in (("left", left), ("right", right))
    } | {
        "rows": [
            {
                "left": pair.left[0].name if pair.left else None,
                "right": pair.right[0].name if pair.right else None,
                "differs": pair.differs,
            }
            for pair in pairs(left, right)
        ],
        "differences": [dict(zip(("path", "left", "right"), d, strict=True)) for d in differences],
    }
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"
