"""How wide an attention module gets, and how many levels of its mask a page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.figure.cards import card_size
from archcompiler.figure.hourglass import columns_for, unit_lines
from archcompiler.figure.labels import gate_words, step_words
from archcompiler.figure.mask_columns import Stairs, Upright
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
WIDEST_GAP = 15.0
UPRIGHT = 3
"""Levels of a mask that stand one above the other at most: more are too high for a page."""
Arrangement = type[Stairs] | type[Upright]
SIZES = 24.0
"""Left of the lanes where no units stand there."""
APART = 4.0
"""From the sizes of the rows to the lane."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Where the columns of one module stand."""

    columns: Stairs | Upright
    unit: float
    head: float
    gap: float
    drawn: int
    width: float
    left: float
    """Left edge of the mask."""
    reach: float
    """From the gate to the right edge of the lanes."""


def tightest(shape: ModuleShape) -> Measure:
    """The narrowest staircase that shows every level of the mask."""
    return _measure(shape, max(1, len(shape.levels)), MIN_GAP, Stairs)


def measure(shape: ModuleShape, width: float) -> Measure | None:
    """Columns of the module, stretched to `width`.

    A staircase where it has room; upright, at most `UPRIGHT` levels, where that shows more of the
    mask; and deep levels folded if they must. None if not even one level fits.
    """
    levels = max(1, len(shape.levels))
    stairs = _fitting(shape, width, levels, Stairs)
    if not shape.levels or (stairs is not None and stairs.drawn >= min(levels, UPRIGHT)):
        return stairs
    return _fitting(shape, width, min(levels, UPRIGHT), Upright) or stairs


def _fitting(
    shape: ModuleShape, width: float, levels: int, arrangement: Arrangement
) -> Measure | None:
    for drawn in range(levels, 0, -1):
        tight = _measure(shape, drawn, MIN_GAP, arrangement)
        if tight.width <= width + 0.01:
            # The width is linear in the gap.
            slope = _measure(shape, drawn, MIN_GAP + 1, arrangement).width - tight.width
            gap = min(WIDEST_GAP, MIN_GAP + (width - tight.width) / slope)
            return _measure(shape, drawn, gap, arrangement)
    return None


def _measure(shape: ModuleShape, drawn: int, gap: float, arrangement: Arrangement) -> Measure:
    lowest = shape.levels[-1].down if shape.levels else None
    rows = [shape.pre, shape.trunk, shape.post, shape.row]
    rows += [row for level in shape.levels for row in (level.down, level.up) if row is not lowest]
    unit = max(_row_width(shape, row) for row in rows if row is not None)
    low = unit if lowest is None else max(unit, _row_width(shape, lowest))
    columns = columns_for(arrangement, shape, unit, low, gap)
    head = max(card_size(card.words, card.role)[0] for card in head_cards(shape))
    head = max(head, card_size(gate_words(shape.gate), "join")[0])
    reach = head / 2 if arrangement is Stairs else max(head, columns.last) / 2
    # Room for units on either side, and on the left for the sizes of the rows too.
    sizes = max(
        (text_width(pixels_words(level.pool.type), TEXT) for level in shape.levels), default=0
    )
    side = max(unit if shape.pre else SIZES, sizes + APART + 1 - STUB - MIN_GAP)
    left = STUB + side + gap + LANE
    rise = columns.up_at(1, drawn)[0] if shape.levels else columns.unit * 2 + gap * 3
    width = left + rise + reach + LANE + gap + (unit if shape.post else 0.0) + STUB
    return Measure(columns, unit, head, gap, drawn, width, left, reach)


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
