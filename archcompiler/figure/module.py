"""One attention module, as in the paper's Figure 2: trunk above, mask below, the gate joins them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archcompiler.blocks import AttentionConfig
from archcompiler.figure.cards import LINE, card, card_size, wire
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.hourglass import (
    PITCH,
    Columns,
    Staircase,
    columns_for,
    draw_hourglass,
    levels,
    unit_lines,
)
from archcompiler.figure.metrics import shorten
from archcompiler.figure.scene import Label, Node, Outline, Panel, Rect, Wire
from archcompiler.figure.words import (
    attention_words,
    gate_words,
    operator_words,
    pixels_words,
    plural,
    shape_words,
)
from archcompiler.ir import Block, Step

STUB = 6.0
"""Length of the arrows into and out of the module."""
LANE = 3.5
"""Lanes reach this far beyond what they hold."""
TRUNK = 30.0
GAP = 6.0
TITLE = 13.0
MIN_GAP = 4.2


@dataclass(frozen=True, slots=True)
class Measure:
    """Where the columns of one module stand."""

    columns: Columns
    unit: float
    head: float
    gap: float
    drawn: int
    width: float

    @property
    def left(self) -> float:
        """Left edge of the first pooling: the split is above its middle."""
        return STUB + self.unit + self.gap + LANE


def measure(attention: Block, width: float | None = None) -> Measure | None:
    """Columns of the module, stretched to `width`; its deep levels folded if they must.

    None if not even one level fits. Without a width, the tightest that shows every level.
    """
    config, mask = _config(attention), _block(attention, "mask")
    most = max(1, len(levels(mask)))
    for drawn in range(most, 0, -1):
        tight = _measure(attention, config, mask, drawn, MIN_GAP)
        if width is None:
            return tight
        if tight.width <= width + 0.01:
            # The width is linear in the gap.
            slope = _measure(attention, config, mask, drawn, MIN_GAP + 1).width - tight.width
            gap = min(15.0, MIN_GAP + (width - tight.width) / slope)
            return _measure(attention, config, mask, drawn, gap)
    return None


def _measure(
    attention: Block, config: AttentionConfig, mask: Block, drawn: int, gap: float
) -> Measure:
    r = config.mask.r
    lines = [line for symbol in (("p", config.p), ("t", config.t), ("r", r)) for line in unit_lines(*symbol)]
    unit = low = max(card_size([line])[0] for line in lines)
    if levels(mask):
        low = max(unit, *(card_size([line])[0] for line in unit_lines("2r", 2 * r)))
    else:
        unit = low = max(unit, card_size([f"× {config.mask.units}"])[0])
    columns = columns_for(mask, unit, low, gap)
    head = max(card_size(words, role)[0] for _, words, role in _head_cards(mask))
    head = max(head, card_size([gate_words(config.learning)], "join")[0])
    left = STUB + unit + gap + LANE
    rise = columns.up(1, drawn) if levels(mask) else columns.unit * 2 + gap * 3
    width = left + rise + head / 2 + LANE + gap + unit + STUB
    return Measure(columns, unit, head, gap, drawn, width)


def _head_cards(mask: Block) -> list[tuple[list[Step], tuple[str, ...], str]]:
    """The steps after the hourglass, convolutions counted together and activations by name."""
    steps = [(s, s.body) for s in mask.steps if not isinstance(s.body, Block)]
    convs = [(s, op) for s, op in steps if op.kind == "conv"]
    cards: list[tuple[list[Step], tuple[str, ...], str]] = []
    if convs:
        cards.append(([s for s, _ in convs], operator_words(convs[0][1])[:1], "conv"))
    after = steps[steps.index(convs[-1]) + 1 :] if convs else steps
    # That its norm is spatial is said by the title of the lane.
    cards += [([s], (operator_words(op)[0].removeprefix("spatial "),), "norm") for s, op in after]
    return cards


def draw_module(
    drawing: Drawing, attention: Block, scope: str, title: str, width: float, letter: str = ""
) -> Panel:
    """The panel of a module. Raises ValueError if it does not fit into `width`."""
    found = measure(attention, width)
    if found is None:
        raise ValueError(f"an attention module does not fit into {width:.0f} points")
    return _Module(drawing, attention, scope, found).panel(title, letter)


class _Module:
    """The drawing of one module; split up because its parts share a dozen coordinates."""

    def __init__(self, drawing: Drawing, attention: Block, scope: str, m: Measure) -> None:
        self.drawing, self.attention, self.scope, self.m = drawing, attention, scope, m
        self.config = _config(attention)
        self.mask = _block(attention, "mask")
        self.nodes: list[Node] = []
        self.wires: list[Wire] = []
        self.labels: list[Label] = []
        self.has_levels = bool(levels(self.mask))
        self.trunk_y = TITLE + TRUNK / 2 + 1
        self.mask_top = TITLE + TRUNK + 12.0
        self.head_x = m.left + (
            m.columns.up(1, m.drawn) if self.has_levels else m.columns.unit * 2 + m.gap * 3
        )
        self.split_x = m.left + (m.columns.pool / 2 if self.has_levels else 3.0)

    def panel(self, title: str, letter: str) -> Panel:
        gate = self._trunk()
        bottom = self._mask(gate)
        m = self.m
        lane_left, lane_right = m.left - LANE, self.head_x + m.head / 2 + LANE
        lanes = (
            Outline(
                Rect(lane_left, TITLE + 1, lane_right - lane_left, TRUNK), "trunk", "round"
            ),
            Outline(
                Rect(lane_left, self.mask_top, lane_right - lane_left, bottom - self.mask_top),
                "mask",
                "round",
            ),
        )
        self.labels += [
            Label(lane_left + 4, TITLE + 9, "trunk T", role="muted", anchor="start"),
            *self._mask_title(),
            *self._heading(title, letter),
        ]
        return Panel(
            f"module-{self.scope.replace('/', '-')}",
            title,
            m.width,
            bottom,
            tuple(self.nodes),
            tuple(self.wires),
            tuple(self.labels),
            lanes,
        )

    def _heading(self, title: str, letter: str) -> list[Label]:
        labels = [Label(0, 7.5, letter, 8, "start", bold=True)] if letter else []
        x = 14 if letter else 0
        fitting = shorten(title, 7.5, self.m.width - x, bold=True)
        return [*labels, Label(x, 7.5, fitting, 7.5, "start", bold=True)]

    def _mask_title(self) -> list[Label]:
        x, y = self.split_x + 6, self.mask_top + 9
        words = ["soft mask M", attention_words(self.config.mask)]
        return [
            Label(x, y + i * LINE, line, anchor="start", role="muted")
            for i, line in enumerate(words)
        ]

    def _units(self, key: str, symbol: str, count: int, x: float, y: float) -> Node:
        step = self.attention.step(key)
        assert isinstance(step.body, Block)
        info = self.drawing.info(self.scope, step, f"{symbol} = {count} residual units")
        node = card(
            key, f"{key}: {info.what}", (x, y), unit_lines(symbol, count), "unit",
            size=(self.m.unit, 2 * LINE + 4.4), form="stack" if count > 1 else "round",
            info=info, link=self.drawing.link(step.body),
        )  # fmt: skip
        self.nodes.append(node)
        return node

    def _trunk(self) -> Node:
        m, y = self.m, self.trunk_y
        pre_x = STUB + m.unit / 2
        post_x = self.head_x + m.head / 2 + LANE + m.gap + m.unit / 2
        trunk_x = m.left + (
            m.columns.down(m.drawn, m.drawn) if self.has_levels else (self.head_x - m.left) / 2
        )
        step = self.attention.step("gate")
        words = gate_words(self.config.learning)
        gate = card(
            "gate", f"attention gate: {words}", (self.head_x, y), (words,), "join",
            size=(m.head, 14), info=self.drawing.info(self.scope, step, words),
        )  # fmt: skip
        trunk = self._units("trunk", "t", self.config.t, trunk_x, y)
        self.nodes.append(gate)
        self.wires.append(wire(trunk, gate))
        if self.config.p:
            pre = self._units("pre", "p", self.config.p, pre_x, y)
            post = self._units("post", "p", self.config.p, post_x, y)
            self.wires += [wire(pre, trunk), wire(gate, post)]
            self.wires += [Wire(((0, y), (STUB, y)), target="pre")]
            self.wires += [Wire(((m.width - STUB, y), (m.width, y)), source="post")]
        else:
            self.wires += [
                Wire(((0, y), (trunk.outline.rect.x, y)), target="trunk"),
                Wire(((gate.outline.rect.right, y), (m.width, y)), source="gate"),
            ]
        return gate

    def _mask(self, gate: Node) -> float:
        """Draw the mask branch and return where its lane ends."""
        m, x = self.m, self.head_x
        source = "pre" if self.config.p else ""
        scope = f"{self.scope}/mask"
        y = self.mask_top + 5.0
        above = gate
        for steps, words, role in reversed(_head_cards(self.mask)):
            height = 13.0
            node = self._head(steps, words, role, (x, y + height / 2), scope)
            self.wires.append(wire(node, above, start="top", end="bottom"))
            above, y = node, y + height + 7.0
        self.labels.append(
            Label(x + 4, self.mask_top - 3.4, "M", role="muted", anchor="start")
        )
        row = y + 1 + (2 * LINE + 4.4) / 2
        split = (self.split_x, self.trunk_y)
        if not self.has_levels:
            step = self.mask.step("units")
            assert isinstance(step.body, Block)
            info = self.drawing.info(scope, step, f"{self.config.mask.units} residual units")
            node = card(
                "units", info.what, (m.left + (x - m.left) / 2, row),
                ("unit", f"× {self.config.mask.units}"), "unit", form="stack",
                size=(m.unit, 2 * LINE + 4.4), info=info, link=self.drawing.link(step.body),
            )  # fmt: skip
            self.nodes.append(node)
            self.wires += [
                Wire((split, (split[0], row), (node.outline.rect.x, row)), "flow", True, source, "units"),
                wire(node, above, (x, row), end="bottom"),
            ]
            return row + LINE + 2.2 + 6.0
        stairs = draw_hourglass(self.drawing, self.mask, scope, m.columns, m.left, row, m.drawn)
        self._join(stairs, split, source, above)
        self._sizes(row)
        return row + (m.drawn - 1) * PITCH + LINE + 2.2 + 6.0

    def _join(self, stairs: Staircase, split: tuple[float, float], source: str, above: Node) -> None:
        nodes = {node.key: node for node in stairs.nodes}
        self.nodes += stairs.nodes
        self.wires += stairs.wires
        top = nodes["pool1"].outline.rect.y
        self.wires.append(Wire((split, (split[0], top)), "flow", True, source, "pool1"))
        self.wires.append(wire(nodes["up1"], above, start="top", end="bottom"))
        if stairs.folded:
            note = f"{plural(stairs.folded, 'more level')} below, folded to fit"
            at = nodes["down%d" % self.m.drawn].outline.rect
            self.labels.append(Label(at.cx, at.bottom + 8, note, role="muted"))

    def _sizes(self, row: float) -> None:
        """H×W of every row, in the margin beside the lane."""
        x = self.m.left - LANE - 4
        full = self.attention.output_type
        y = self.trunk_y + 2 * LINE
        self.labels.append(
            Label(STUB + self.m.unit / 2, y + 2, pixels_words(full), role="muted")
        )
        for level, block in enumerate(levels(self.mask)[: self.m.drawn]):
            words = pixels_words(block.step("pool").type)
            self.labels.append(
                Label(x, row + level * PITCH + 2.5, words, role="muted", anchor="end")
            )

    def _head(
        self, steps: list[Step], words: tuple[str, ...], role: str, at: tuple[float, float], scope: str
    ) -> Node:
        infos = [self.drawing.info(scope, step, words[0]) for step in steps]
        first = infos[0]
        if len(infos) > 1:
            first = replace(
                first,
                parameters=sum(info.parameters or 0 for info in infos),
                macs=sum(info.macs or 0 for info in infos),
                count=len(infos),
            )
        width = self.m.head if role == "conv" else card_size(words, role)[0]
        form = "stack" if len(steps) > 1 else None
        if form:
            x, y = at[0] - width / 2 - 3, at[1] + 2.5
            self.labels.append(Label(x, y, f"{len(steps)} ×", anchor="end"))
        node = card(
            steps[0].name, f"mask head: {words[0]}", at, words, role, size=(width, 13),
            form=form, info=first,
        )  # fmt: skip
        self.nodes.append(node)
        return node


def _config(attention: Block) -> AttentionConfig:
    assert isinstance(attention.config, AttentionConfig)
    return attention.config


def _block(parent: Block, name: str) -> Block:
    body = parent.step(name).body
    assert isinstance(body, Block)
    return body


def module_title(attention: Block, places: str) -> str:
    return f"Attention module of {places}, {shape_words(attention.output_type)}"
