"""How wide an attention module gets, and how many levels of its mask a page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.ir.kinds import AttentionConfig
from archcompiler.figure.cards import card_size
from archcompiler.figure.hourglass import Columns, columns_for, levels, unit_lines
from archcompiler.figure.words import gate_words, operator_words
from archcompiler.ir import Block, Step

STUB = 6.0
"""Length of the arrows into and out of the module."""
LANE = 3.5
"""Lanes reach this far beyond what they hold."""
MIN_GAP = 4.0
SIZES = 24.0


@dataclass(frozen=True, slots=True)
class Measure:
    """Where the columns of one module stand."""

    columns: Columns
    unit: float
    head: float
    gap: float
    drawn: int
    width: float
    left: float
    """Left edge of the first pooling: the split is above its middle."""


def tightest(attention: Block) -> Measure:
    """The narrowest columns that show every level of the mask."""
    mask = mask_of(attention)
    return _measure(attention, config_of(attention), mask, max(1, len(levels(mask))), MIN_GAP)


def measure(attention: Block, width: float) -> Measure | None:
    """Columns of the module, stretched to `width`; its deep levels folded if they must.

    None if not even one level fits.
    """
    config, mask = config_of(attention), mask_of(attention)
    most = max(1, len(levels(mask)))
    for drawn in range(most, 0, -1):
        tight = _measure(attention, config, mask, drawn, MIN_GAP)
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
    head = max(card_size(card.words, card.role)[0] for card in head_cards(mask))
    head = max(head, card_size([gate_words(config.learning)], "join")[0])
    # Room for p units on either side, or for the sizes of the rows alone.
    side = unit if config.p else SIZES
    left = STUB + side + gap + LANE
    rise = columns.up(1, drawn) if levels(mask) else columns.unit * 2 + gap * 3
    width = left + rise + head / 2 + LANE + gap + (unit if config.p else 0.0) + STUB
    return Measure(columns, unit, head, gap, drawn, width, left)


@dataclass(frozen=True, slots=True)
class HeadCard:
    """A card of what follows the hourglass in a mask."""

    steps: tuple[Step, ...]
    words: tuple[str, ...]
    role: str
    count: int = 1


def head_cards(mask: Block) -> list[HeadCard]:
    """The convolutions together, with the norms and activations before them, then what follows."""
    steps = [(s, s.body) for s in mask.steps if not isinstance(s.body, Block)]
    convs = [i for i, (_, op) in enumerate(steps) if op.kind == "conv"]
    end = convs[-1] + 1 if convs else 0
    cards: list[HeadCard] = []
    if convs:
        words = operator_words(steps[convs[0]][1])[:1]
        cards.append(HeadCard(tuple(s for s, _ in steps[:end]), words, "conv", len(convs)))
    for step, op in steps[end:]:
        # That its norm is spatial is said by the title of the lane.
        cards.append(HeadCard((step,), (operator_words(op)[0].removeprefix("spatial "),), "norm"))
    return cards


def config_of(attention: Block) -> AttentionConfig:
    assert isinstance(attention.config, AttentionConfig)
    return attention.config


def mask_of(attention: Block) -> Block:
    body = attention.step("mask").body
    assert isinstance(body, Block)
    return body
