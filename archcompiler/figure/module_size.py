"""How wide an attention module gets, and how many levels of its mask a page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.blocks import AttentionConfig
from archcompiler.figure.cards import card_size
from archcompiler.figure.hourglass import Columns, columns_for, levels, unit_lines
from archcompiler.figure.words import gate_words, operator_words
from archcompiler.ir import Block, Step

STUB = 6.0
"""Length of the arrows into and out of the module."""
LANE = 3.5
"""Lanes reach this far beyond what they hold."""
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
    config, mask = config_of(attention), block_of(attention, "mask")
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
    lines = [
        line
        for symbol in (("p", config.p), ("t", config.t), ("r", r))
        for line in unit_lines(*symbol)
    ]
    unit = low = max(card_size([line])[0] for line in lines)
    if levels(mask):
        low = max(unit, *(card_size([line])[0] for line in unit_lines("2r", 2 * r)))
    else:
        unit = low = max(unit, card_size([f"× {config.mask.units}"])[0])
    columns = columns_for(mask, unit, low, gap)
    head = max(card_size(words, role)[0] for _, words, role in head_cards(mask))
    head = max(head, card_size([gate_words(config.learning)], "join")[0])
    left = STUB + unit + gap + LANE
    rise = columns.up(1, drawn) if levels(mask) else columns.unit * 2 + gap * 3
    width = left + rise + head / 2 + LANE + gap + unit + STUB
    return Measure(columns, unit, head, gap, drawn, width)


def head_cards(mask: Block) -> list[tuple[list[Step], tuple[str, ...], str]]:
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


def config_of(attention: Block) -> AttentionConfig:
    assert isinstance(attention.config, AttentionConfig)
    return attention.config


def block_of(parent: Block, name: str) -> Block:
    body = parent.step(name).body
    assert isinstance(body, Block)
    return body
