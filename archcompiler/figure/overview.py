"""The network in one row: input, stem, stages, head, and under each its parameters and MACs."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.analysis.total import Cost
from archcompiler.figure.cards import PAD, card, card_size
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.folding import Run, runs
from archcompiler.figure.labels import block_words, step_words
from archcompiler.figure.metrics import CAP_HEIGHT, shorten, text_width
from archcompiler.figure.scene import TEXT, Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.words import FORMS, role_of, shape_words, short
from archcompiler.ir import Block, TensorType

FIRST = 43.0
"""Width of the first column: the input, and below it the names of the strip's rows."""
GAP = 13.0
OUT = 10.0
"""Room for the arrow out of the last card."""
WIDEST = 96.0
SHAPE = 12.0
"""Height of the line of shapes above the cards."""
HEADER = 12.0
BETWEEN = 7.0
EMPTY = HEADER + 2 * PAD
"""Height of a card with nothing in it but its title."""
STRIP = 16.0
STRIP_TEXT = 52.0
"""Room for a figure and its share."""
ROW_GAP = 12.0


@dataclass(frozen=True, slots=True)
class Column:
    """One card of the row: a run of equal scopes."""

    run: Run
    title: str
    rows: tuple[tuple[Run, tuple[str, ...]], ...]
    cost: Cost
    width: float
    """What its text needs."""
    height: float


def columns_of(drawing: Drawing, detailed: bool = True, most: int = 0) -> list[Column]:
    """Stem, stages and head, equal neighbours folded; with what is inside them if `detailed`.

    With more than `most` columns those in the middle become one.
    """
    columns = [_column(drawing, run, detailed) for run in runs(drawing.graph.root)]
    if not most or len(columns) <= most:
        return columns
    first, last = most // 2, len(columns) - (most - most // 2 - 1)
    return [*columns[:first], _folded(columns[first:last]), *columns[last:]]


def _folded(columns: list[Column]) -> Column:
    """Columns that differ, as one without an inside."""
    run = Run(tuple(step for column in columns for step in column.run.steps))
    cost = sum((column.cost for column in columns), Cost())
    title = run.name.replace("stage", "stages ")
    width = text_width(title, TEXT, True) + 2 * PAD
    return Column(run, title, (), cost, max(width, STRIP_TEXT), EMPTY)


def _column(drawing: Drawing, run: Run, detailed: bool) -> Column:
    block = run.body
    assert isinstance(block, Block)
    title = run.name.replace("stage", "stage ") + (f", × {run.count}" if run.count > 1 else "")
    rows: list[tuple[Run, tuple[str, ...]]] = []
    for inner in runs(block) if detailed else ():
        body = inner.body
        if isinstance(body, Block):
            if body.steps:
                rows.append((inner, block_words(body, inner.count, inner.first.name)))
        elif role_of(body) != "norm" or body.kind == "dropout":
            rows.append((inner, step_words(inner.first)))
    sizes = [card_size(words, role_of(inner.body)) for inner, words in rows]
    width = max([w for w, _ in sizes] + [text_width(title, TEXT, True)]) + 2 * PAD
    width = max(width, STRIP_TEXT)
    height = HEADER + sum(h for _, h in sizes) + BETWEEN * max(0, len(rows) - 1) + 2 * PAD
    return Column(run, title, tuple(rows), drawing.costs.block(block) * run.count, width, height)


def draw_overview(
    drawing: Drawing, width: float, letter: str = "", detailed: bool = True, most: int = 0
) -> Panel:
    """The row, broken into several where it is too long for the page."""
    columns = columns_of(drawing, detailed, most)
    narrowest = max(column.width for column in columns)
    per_row = max(1, int((width - FIRST - OUT) // (narrowest + GAP)))
    lines = [columns[i : i + per_row] for i in range(0, len(columns), per_row)]
    # Rows of equal length look calmer than a full one and a rest.
    if len(lines) > 1:
        even = -(-len(columns) // len(lines))
        lines = [columns[i : i + even] for i in range(0, len(columns), even)]
    each = min(WIDEST, (width - FIRST - OUT) / len(lines[0]) - GAP)
    drawn = _Overview(drawing, each, columns)
    top = 14.0
    for index, line in enumerate(lines):
        top = drawn.row(line, top, index == 0) + ROW_GAP
    title = drawing.title
    indent = 14.0 if letter else 0.0
    shown = shorten(title, 7.5, width - indent, bold=True)
    labels = [Label(indent, 7.5, shown, 7.5, "start", bold=True)]
    if letter:
        labels.append(Label(0, 7.5, letter, 8, "start", bold=True))
    return Panel(
        "network", title, width, top - ROW_GAP,
        tuple(drawn.nodes), tuple(drawn.wires), tuple(drawn.labels + labels), tuple(drawn.lanes),
    )  # fmt: skip


class _Overview:
    def __init__(self, drawing: Drawing, each: float, columns: list[Column]) -> None:
        self.drawing, self.each = drawing, each
        self.shape = drawing.graph.input
        self.nodes: list[Node] = []
        self.wires: list[Wire] = []
        self.labels: list[Label] = []
        self.lanes: list[Outline] = []
        self.most = max(c.cost.params for c in columns), max(c.cost.macs for c in columns)
        self.before = "input"

    def row(self, columns: list[Column], top: float, first: bool) -> float:
        """Draw one row of cards below `top` and return where it ends."""
        cards = top + SHAPE
        height = max(column.height for column in columns)
        empty = not any(column.rows for column in columns)
        middle = cards + height / 2 if empty else cards + HEADER + (height - HEADER) / 2
        x = FIRST
        if first:
            size = card_size(("input",), "io")
            name = f"input, {shape_words(self.shape)}"
            node = card("input", name, (size[0] / 2, middle), ("input",), "io", size=size)
            self.nodes.append(node)
            start = node.outline.rect.right
        else:
            start = FIRST - 14
        shown: TensorType | None = None
        for column in columns:
            left = x + GAP
            self.wires.append(
                Wire(
                    ((start, middle), (left, middle)),
                    "flow",
                    True,
                    self.before,
                    column.run.first.name,
                )
            )
            if self.shape != shown:
                self._edge_shape((start + left) / 2, top, middle)
                shown = self.shape
            self._column(column, left, cards, height)
            x = start = left + self.each
            self.shape = column.run.steps[-1].type
            self.before = column.run.first.name
        self.wires.append(Wire(((start, middle), (start + OUT, middle)), source=self.before))
        bottom = cards + height
        return self._strip(columns, bottom + 5)

    def _edge_shape(self, x: float, top: float, middle: float) -> None:
        self.labels.append(Label(x, top + 6.5, shape_words(self.shape), role="muted"))
        self.wires.append(Wire(((x, top + 9.5), (x, middle)), "guide", False))

    def _column(self, column: Column, left: float, top: float, height: float) -> None:
        name = column.run.first.name
        block = column.run.body
        assert isinstance(block, Block)
        rect = Rect(left, top, self.each, height)
        info = self.drawing.joint_info(self.drawing.graph.root, "", column.run.steps, column.title)
        words = f"{column.title}, {info.shape}, {short(column.cost.params)} parameters"
        # Alone in its card, the title stands in the middle.
        baseline = 9.0 if height > EMPTY else height / 2 + CAP_HEIGHT * TEXT / 2
        title = Label(rect.cx, top + baseline, column.title, bold=True)
        self.nodes.append(
            Node(
                name,
                words,
                Outline(rect, "stage", "round"),
                (title,),
                info,
                self.drawing.link(block) if column.run.steps[-1].body is block else "",
            )
        )
        inner = [(run, lines, card_size(lines, role_of(run.body))) for run, lines in column.rows]
        used = sum(size[1] for _, _, size in inner) + BETWEEN * max(0, len(inner) - 1)
        y = top + HEADER + (height - HEADER - used) / 2
        before: Node | None = None
        for run, lines, (_, tall) in inner:
            node = self._inner(block, run, lines, (rect.cx, y + tall / 2), tall, name)
            if before is not None:
                a, b = before.outline.rect, node.outline.rect
                self.wires.append(
                    Wire(((a.cx, a.bottom), (b.cx, b.y)), "flow", True, before.key, node.key)
                )
            before = node
            y += tall + BETWEEN

    def _inner(
        self,
        block: Block,
        run: Run,
        lines: tuple[str, ...],
        center: tuple[float, float],
        tall: float,
        scope: str,
    ) -> Node:
        role = role_of(run.body)
        link = self.drawing.link(run.body) if isinstance(run.body, Block) else ""
        several = run.count > 1 or (isinstance(run.body, Block) and len(run.body.steps) > 1)
        form = "stack" if several and role == "unit" else FORMS[role]
        info = self.drawing.info(block, scope, run.first, " ".join(lines), run.count)
        node = card(
            f"{scope}.{run.first.name}", f"{' '.join(lines)}, {info.shape}", center, lines, role,
            size=(self.each - 2 * PAD - 3, tall), form=form, info=info, link=link,
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def _strip(self, columns: list[Column], top: float) -> float:
        """Two rows of figures and bars, as wide as a column for the largest."""
        rows = zip(("parameters", "MACs"), self.most, strict=True)
        for row, (what, most) in enumerate(rows):
            y = top + row * STRIP
            self.labels.append(Label(0, y + 7, what, role="muted", anchor="start"))
            for index, column in enumerate(columns):
                x = FIRST + GAP + index * (self.each + GAP)
                value = (column.cost.params, column.cost.macs)[row]
                total = (self.drawing.totals.params, self.drawing.totals.macs)[row]
                self.labels.append(Label(x, y + 7, short(value), anchor="start"))
                share = f"{100 * value / total:.0f} %" if total else "0 %"
                if 0 < value < total / 200:
                    share = "< 1 %"
                self.labels.append(Label(x + self.each, y + 7, share, role="muted", anchor="end"))
                self.lanes.append(Outline(Rect(x, y + 9.6, self.each, 2.4), "track", "plain"))
                filled = self.each * value / most if most else 0.0
                if filled > 0.05:
                    role = ("parameters", "macs")[row]
                    self.lanes.append(Outline(Rect(x, y + 9.6, filled, 2.4), role, "plain"))
        return top + 2 * STRIP - 3
