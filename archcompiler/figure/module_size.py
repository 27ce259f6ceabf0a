"""How wide an attention module gets, and how many levels of its mask a page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.figure.cards import card_size
from archcompiler.figure.hourglass import Columns, columns_for, unit_lines
from archcompiler.figure.labels import gate_words, step_words
from archcompiler.figure.metrics import text_width
from archcompiler.figure.recognition import ModuleShape, unit_count
from archcompiler.figure.scene import TEXT
from archcompiler.figure.words import pixels_words, role_of
from archcompiler.ir import Step

STUB = 6.0
"""Length of the arrows into and out of the module."""
LANE = 3.5
"""Lanes reach this far beyond what they hold."""
MIN_GAP = 4.0
SIZES = 24.0
"""Left of the lanes where no units stand there."""
APART = 4.0
"""From the sizes of the rows to the lane."""


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


def tightest(shape: ModuleShape) -> Measure:
    """The narrowest columns that show every level of the mask."""
    return _measure(shape, max(1, len(shape.levels)), MIN_GAP)


def measure(shape: ModuleShape, width: float) -> Measure | None:
    """Columns of the module, stretched to `width`; its deep levels folded if they must.

    None if not even one level fits.
    """
    for drawn in range(max(1, len(shape.levels)), 0, -1):
        tight = _measure(shape, drawn, MIN_GAP)
        if tight.width <= width + 0.01:
            # The width is linear in the gap.
            slope = _measure(shape, drawn, MIN_GAP + 1).width - tight.width
            gap = min(15.0, MIN_GAP + (width - tight.width) / slope)
            return _measure(shape, drawn, gap)
    return None


def _measure(shape: ModuleShape, drawn: int, gap: float) -> Measure:
    lowest = shape.levels[-1].down if shape.levels else None
    rows = [shape.pre, shape.trunk, shape.post, shape.row]
    rows += [row for level in shape.levels for row in (level.down, level.up) if row is not lowest]
    unit = max(_row_width(shape, row) for row in rows if row is not None)
    low = unit if lowest is None else max(unit, _row_width(shape, lowest))
    columns = columns_for(shape, unit, low, gap)
    head = max(card_size(card.words, card.role)[0] for card in head_cards(shape))
    head = max(head, card_size(gate_words(shape.gate), "join")[0])
    # Room for units on either side, and on the left for the sizes of the rows too.
    sizes = max(
        (text_width(pixels_words(level.pool.type), TEXT) for level in shape.levels), default=0
    )
    side = max(unit if shape.pre else SIZES, sizes + APART + 1 - STUB - MIN_GAP)
    left = STUB + side + gap + LANE
    rise = columns.up(1, drawn) if shape.levels else columns.unit * 2 + gap * 3
    width = left + rise + head / 2 + LANE + gap + (unit if shape.post else 0.0) + STUB
    return Measure(columns, unit, head, gap, drawn, width, left)


def _row_width(shape: ModuleShape, row: Step) -> float:
    return max(card_size([x])[0] for x in unit_lines(shape.symbol(row), unit_count(row)))


@dataclass(frozen=True, slots=True)
class HeadCard:
    """A card of what follows the hourglass in a mask."""

    steps: tuple[Step, ...]
    words: tuple[str, ...]
    role: str
    count: int = 1


def head_cards(shape: ModuleShape) -> list[HeadCard]:
    """The convolutions together, with the norms and activations before them, then what follows."""
    steps = shape.head
    convs = [i for i, step in enumerate(steps) if role_of(step.body) == "conv"]
    end = convs[-1] + 1 if convs else 0
    cards: list[HeadCard] = []
    if convs:
        cards.append(HeadCard(steps[:end], step_words(steps[convs[0]])[:1], "conv", len(convs)))
    for step in steps[end:]:
        # That its norm is spatial is said by the title of the lane.
        words = (step_words(step)[0].removeprefix("spatial "),)
        cards.append(HeadCard((step,), words, role_of(step.body)))
    return cards
