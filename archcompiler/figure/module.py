"""One attention module, as in the paper's Figure 2: trunk above, mask below, joined by the gate."""

from __future__ import annotations

from dataclasses import replace

from archcompiler.figure.cards import LINE, card, card_size, wire
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.hourglass import Hourglass, draw_hourglass, row_words, unit_lines
from archcompiler.figure.labels import attention_words, gate_words
from archcompiler.figure.mask_columns import UNIT
from archcompiler.figure.metrics import shorten, text_width
from archcompiler.figure.module_size import (
    APART,
    LANE,
    STUB,
    HeadCard,
    Measure,
    head_cards,
    measure,
)
from archcompiler.figure.recognition import ModuleShape, unit_count, unit_of
from archcompiler.figure.scene import TEXT, Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.words import pixels_words
from archcompiler.ir import Block, Step

TRUNK = 30.0
TITLE = 13.0
NOTE = 9.5


def draw_module(
    drawing: Drawing,
    shape: ModuleShape,
    scope: str,
    title: str,
    width: float,
    letter: str = "",
    note: str = "",
) -> Panel:
    """The panel of a module. Raises ValueError if it does not fit into `width`."""
    found = measure(shape, width)
    if found is None:
        raise ValueError(f"an attention module does not fit into {width:.0f} points")
    top = TITLE + (NOTE if note else 0.0)
    module = _Module(drawing, shape, scope, found, top, width)
    return module.panel(title, letter, note)


class _Module:
    """The drawing of one module; split up because its parts share a dozen coordinates."""

    def __init__(
        self, drawing: Drawing, shape: ModuleShape, scope: str, m: Measure, top: float, room: float
    ) -> None:
        self.drawing, self.shape, self.scope, self.m = drawing, shape, scope, m
        self.top, self.room = top, max(room, m.width)
        self.nodes: list[Node] = []
        self.wires: list[Wire] = []
        self.labels: list[Label] = []
        self.has_levels = bool(shape.levels)
        self.trunk_y = top + TRUNK / 2 + 1
        self.mask_top = top + TRUNK + 12.0
        self.head_x = m.left + (
            m.columns.up_at(1, m.drawn)[0] if self.has_levels else m.columns.unit * 2 + m.gap * 3
        )
        self.split_x = m.left + (m.columns.pool_at(1, m.drawn)[0] if self.has_levels else 3.0)

    def panel(self, title: str, letter: str, note: str) -> Panel:
        gate = self._trunk()
        bottom = self._mask(gate)
        m = self.m
        lane_left, lane_right = m.left - LANE, self.head_x + m.reach + LANE
        lanes = (
            Outline(Rect(lane_left, self.top + 1, lane_right - lane_left, TRUNK), "trunk", "round"),
            Outline(
                Rect(lane_left, self.mask_top, lane_right - lane_left, bottom - self.mask_top),
                "mask",
                "round",
            ),
        )
        heading = self._heading(title, letter, note)
        self.labels += [
            Label(lane_left + 4, self.top + 9, "trunk T", role="muted", anchor="start"),
            *self._trunk_units(),
            *self._mask_title(),
            *heading,
        ]
        return Panel(
            f"module-{self.scope.replace('/', '-')}",
            title,
            max(m.width, *(label.bounds.right for label in heading)),
            bottom,
            tuple(self.nodes),
            tuple(self.wires),
            tuple(self.labels),
            lanes,
        )

    def _heading(self, title: str, letter: str, note: str) -> list[Label]:
        x, room = (14, self.room - 14) if letter else (0, self.room)
        fitting = shorten(title, 7.5, room, bold=True)
        labels = [Label(x, 7.5, fitting, 7.5, "start", bold=True)]
        if letter:
            labels.append(Label(0, 7.5, letter, 8, "start", bold=True))
        if note:
            fitting = shorten(note, TEXT, room)
            labels.append(Label(x, 17, fitting, anchor="start", role="muted"))
        return labels

    def _trunk_units(self) -> list[Label]:
        """What the units of the trunk are, where the network has others too."""
        if len(self.drawing.unit_names) == 1:
            return []
        trunk = next(node for node in self.nodes if node.key == "trunk")
        x = self.split_x + 6
        room = trunk.outline.rect.x - x - 2
        words = self._unit_words(self.shape.trunk)
        if text_width(words, TEXT) > room:
            return []
        return [Label(x, self.top + 27, words, role="muted", anchor="start")]

    def _mask_title(self) -> list[Label]:
        x, y = self.split_x + 6, self.mask_top + 9
        # The head of the mask stands to the right, with the number of its convolutions.
        room = self.head_x - self.m.head / 2 - x
        attention = attention_words(self.shape.head)
        if text_width(attention, TEXT) > room:
            attention = attention.removesuffix(" attention")
        words = ["soft mask M", attention]
        if len(self.drawing.unit_names) > 1:
            row = self.shape.levels[0].down if self.shape.levels else self.shape.row
            assert row is not None
            words.append(shorten(self._unit_words(row), TEXT, room - 14))
        return [
            Label(x, y + i * LINE, line, anchor="start", role="muted")
            for i, line in enumerate(words)
        ]

    def _unit_words(self, row: Step) -> str:
        unit = unit_of(row)
        return self.drawing.unit_name(unit) if unit is not None else ""

    def _units(self, key: str, step: Step, x: float, y: float) -> Node:
        symbol, count = self.shape.symbol(step), unit_count(step)
        assert isinstance(step.body, Block)
        info = self.drawing.info(self.shape.block, self.scope, step, row_words(symbol, count))
        node = card(
            key, f"{key}: {info.what}", (x, y), unit_lines(symbol, count), "unit",
            size=(self.m.unit, UNIT), form="stack" if count > 1 else "round",
            info=info, link=self.drawing.link(step.body),
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def _trunk(self) -> Node:
        m, y, shape = self.m, self.trunk_y, self.shape
        pre_x = STUB + m.unit / 2
        post_x = self.head_x + m.reach + LANE + m.gap + m.unit / 2
        trunk_x = m.left + (
            m.columns.down_at(m.drawn, m.drawn)[0]
            if self.has_levels
            else (self.head_x - m.left) / 2
        )
        words = gate_words(shape.gate)
        info = self.drawing.info(shape.block, self.scope, shape.gate, words[0])
        gate = card(
            "gate", f"attention gate: {words[0]}", (self.head_x, y), words, "join",
            size=(m.head, 14), info=info,
        )  # fmt: skip
        trunk = self._units("trunk", shape.trunk, trunk_x, y)
        self.nodes.append(gate)
        self.wires.append(wire(trunk, gate))
        start = Wire(((0, y), (trunk.outline.rect.x, y)), target="trunk")
        last = gate
        if shape.pre is not None:
            pre = self._units("pre", shape.pre, pre_x, y)
            self.wires.append(wire(pre, trunk))
            start = Wire(((0, y), (STUB, y)), target="pre")
        if shape.post is not None:
            last = self._units("post", shape.post, post_x, y)
            self.wires.append(wire(gate, last))
        out = ((last.outline.rect.right, y), (m.width, y))
        self.wires += [start, Wire(out, source=last.key)]
        return gate

    def _mask(self, gate: Node) -> float:
        """Draw the mask branch and return where its lane ends."""
        m, x = self.m, self.head_x
        source = "pre" if self.shape.pre else ""
        scope = f"{self.scope}/{self.shape.mask.name}"
        y = self.mask_top + 5.0
        above = gate
        for found in reversed(head_cards(self.shape)):
            height = 13.0
            node = self._head(found, (x, y + height / 2), scope)
            self.wires.append(wire(node, above, start="top", end="bottom"))
            above, y = node, y + height + 7.0
        self.labels.append(Label(x + 4, self.mask_top - 3.4, "M", role="muted", anchor="start"))
        row = y + 1 + UNIT / 2
        split = (self.split_x, self.trunk_y)
        if not self.has_levels:
            step = self.shape.row
            assert step is not None
            assert isinstance(step.body, Block)
            count = unit_count(step)
            what = row_words("", count)
            info = self.drawing.info(self.shape.mask_block, scope, step, what)
            node = card(
                "units", info.what, (m.left + (x - m.left) / 2, row), unit_lines("", count),
                "unit", form="stack" if count > 1 else "round",
                size=(m.unit, UNIT), info=info, link=self.drawing.link(step.body),
            )  # fmt: skip
            self.nodes.append(node)
            self.wires += [
                Wire(
                    (split, (split[0], row), (node.outline.rect.x, row)),
                    "flow",
                    True,
                    source,
                    "units",
                ),
                wire(node, above, (x, row), end="bottom"),
            ]
            return row + LINE + 2.2 + 6.0
        drawn = draw_hourglass(
            self.drawing, self.shape, self.scope, m.columns, m.left, row, m.drawn
        )
        self._join(drawn, split, source, above)
        self._sizes(drawn.rows)
        return drawn.rows[-1] + UNIT / 2 + 6.0

    def _join(self, found: Hourglass, split: tuple[float, float], source: str, above: Node) -> None:
        nodes = {node.key: node for node in found.nodes}
        self.nodes += found.nodes
        self.wires += found.wires
        top = nodes["pool1"].outline.rect.y
        self.wires.append(Wire((split, (split[0], top)), "flow", True, source, "pool1"))
        self.wires.append(wire(nodes["up1"], above, start="top", end="bottom"))

    def _sizes(self, rows: list[float]) -> None:
        """H×W of every row, in the margin beside the lane."""
        x = self.m.left - LANE - APART
        full = self.shape.block.output_type
        if self.shape.pre is not None:
            at = Label(STUB + self.m.unit / 2, self.trunk_y + 2 * LINE + 2, "", role="muted")
        else:
            # Beside the wire to the mask, where the size changes.
            at = Label(self.split_x - 4, self.mask_top - 3.4, "", role="muted", anchor="end")
        self.labels.append(replace(at, text=pixels_words(full)))
        for level, y in zip(self.shape.levels, rows, strict=False):
            words = pixels_words(level.pool.type)
            self.labels.append(Label(x, y + 2.5, words, role="muted", anchor="end"))

    def _head(self, found: HeadCard, at: tuple[float, float], scope: str) -> Node:
        words, count = found.words, found.count
        info = self.drawing.joint_info(self.shape.mask_block, scope, found.steps, words[0], count)
        width = self.m.head if found.role == "conv" else card_size(words, found.role)[0]
        if count > 1:
            x, y = at[0] - width / 2 - 3, at[1] + 2.5
            self.labels.append(Label(x, y, f"{count} ×", anchor="end"))
        node = card(
            found.steps[-1].name, f"mask head: {words[0]}", at, words, found.role,
            size=(width, 13), form="stack" if count > 1 else None, info=info,
        )  # fmt: skip
        self.nodes.append(node)
        return node
