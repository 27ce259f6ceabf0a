"""The mask branch as the paper draws it: a staircase down and up again, skips across."""

from __future__ import annotations

from dataclasses import dataclass, field

from archcompiler.figure.cards import LINE, card, card_size, wire
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.labels import step_words
from archcompiler.figure.recognition import Level, ModuleShape, unit_count
from archcompiler.figure.scene import Form, Label, Node, Wire
from archcompiler.figure.words import pixels_words, plural, role_of
from archcompiler.ir import Block, Step

PITCH = 32.0
"""From one resolution down to the next."""
CIRCLE = 11.0


@dataclass
class Columns:
    """Widths that decide where a staircase of some depth has its parts, from left to right."""

    unit: float
    low: float
    """The lowest units and, above them, the skip units."""
    pool: float
    resample: float
    gap: float

    def down(self, level: int, depth: int) -> float:
        """Centre of the units at `level` (1 is the first below full size) on the way down."""
        own = self.low if level == depth else self.unit
        return self.pool + self.gap + own / 2 + (level - 1) * (self.unit + self.gap)

    def bottom_right(self, depth: int) -> float:
        """Centre of the interpolation beside the lowest units."""
        return self.down(depth, depth) + self.low / 2 + self.gap + self.resample / 2

    def up(self, level: int, depth: int) -> float:
        """Centre of the interpolation out of `level`; the sum of the level above is over it."""
        step = CIRCLE / 2 + self.gap * 0.7 + self.unit + self.gap + self.resample / 2
        return self.bottom_right(depth) + (depth - level) * step


@dataclass
class Staircase:
    """What was drawn, and where it hangs together with the rest of the module."""

    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    folded: int = 0
    """Levels below the lowest one that is drawn."""


def unit_lines(symbol: str, count: int) -> tuple[str, ...]:
    """`symbol` units in a row, and how many that are: `unit × 2r`, `2r = 6`."""
    if not symbol:
        return ("unit", f"× {count}") if count > 1 else ("unit",)
    return (f"unit × {symbol}", f"{symbol} = {count}")


def row_words(symbol: str, count: int) -> str:
    """The same in a sentence."""
    return f"{symbol} = {count} residual units" if symbol else plural(count, "residual unit")


def columns_for(shape: ModuleShape, unit: float, low: float, gap: float) -> Columns:
    """Widths for a mask, from the text that its parts carry."""
    pool = resample = 0.0
    for level in shape.levels:
        pool = max(pool, card_size(_words(level.pool), "pool")[0])
        resample = max(resample, card_size(_words(level.rise), "resample")[0])
    return Columns(unit, low, pool, resample, gap)


def _words(step: Step) -> tuple[str, ...]:
    """As elsewhere, but short: a mask has no other pooling, and its columns are narrow."""
    assert not isinstance(step.body, Block)
    return tuple(word.removeprefix("max ") for word in step_words(step))


def draw_hourglass(
    drawing: Drawing,
    shape: ModuleShape,
    scope: str,
    columns: Columns,
    left: float,
    top: float,
    drawn: int,
) -> Staircase:
    """Draw `drawn` levels with the first row's centre at `top`; deeper ones become one card."""
    stairs = Staircase(folded=len(shape.levels) - drawn)

    def place(key: str, level: Level, step: Step, x: float, row: int) -> Node:
        width = columns.low if x == center else columns.unit
        # Narrow, so that the dashes on both sides of it show.
        size = (columns.unit * 0.75 if step is level.skip else width, 2 * LINE + 4.4)
        at = (x, top + (row - 1) * PITCH)
        node = _node(drawing, shape, key, level, scope, step, at, size)
        stairs.nodes.append(node)
        return node

    before: Node | None = None
    skips: list[tuple[Node, int, Level]] = []
    center = left + columns.down(drawn, drawn)
    for row, level in enumerate(shape.levels[:drawn], 1):
        x = left + columns.down(row, drawn)
        above = left + columns.pool / 2 if row == 1 else left + columns.down(row - 1, drawn)
        pool = place(f"pool{row}", level, level.pool, above, row)
        if before is not None:
            stairs.wires.append(wire(before, pool, start="bottom", end="top"))
        last = row == drawn
        if last and stairs.folded:
            at = (x, top + (row - 1) * PITCH)
            units = _folded(drawing, level, scope, stairs.folded, at, columns.low)
            stairs.nodes.append(units)
        else:
            units = place(f"down{row}", level, level.down, x, row)
        stairs.wires.append(wire(pool, units))
        if not last and level.skip is not None:
            skip = place(f"skip{row}", level, level.skip, center, row)
            stairs.wires.append(wire(units, skip, role="skip"))
            skips.append((skip, row, level))
        elif not last:
            skips.append((units, row, level))
        before = units

    lowest = shape.levels[drawn - 1]
    rise = place(f"up{drawn}", lowest, lowest.rise, left + columns.up(drawn, drawn), drawn)
    assert before is not None
    stairs.wires.append(wire(before, rise))
    for skip, row, level in reversed(skips):
        assert level.join is not None
        assert level.up is not None
        x = left + columns.up(row + 1, drawn)
        plus = place(f"add{row}", level, level.join, x, row)
        stairs.wires.append(wire(rise, plus, start="top", end="bottom"))
        stairs.wires.append(wire(skip, plus, role="skip"))
        x += CIRCLE / 2 + columns.gap * 0.7 + columns.unit / 2
        units = place(f"rise{row}", level, level.up, x, row)
        stairs.wires.append(wire(plus, units))
        x = left + columns.up(row, drawn)
        rise = place(f"up{row}", level, level.rise, x, row)
        stairs.wires.append(wire(units, rise))
    return stairs


def _folded(
    drawing: Drawing,
    level: Level,
    scope: str,
    more: int,
    center: tuple[float, float],
    width: float,
) -> Node:
    """One card for all between the pooling and the interpolation of a level that is not lowest."""
    steps = [step for step in level.block.steps if step not in (level.pool, level.rise)]
    below = plural(more, "more level")
    what = f"units, skip and {below}"
    info = drawing.joint_info(level.block, f"{scope}/{level.scope}", steps, what, count=1)
    lines = ("units,", *below.rsplit(" ", 1))
    size = (width, len(lines) * LINE + 4.4)
    return card("folded", info.what, center, lines, "other", size=size, info=info)


def _node(
    drawing: Drawing,
    shape: ModuleShape,
    key: str,
    level: Level,
    scope: str,
    step: Step,
    center: tuple[float, float],
    size: tuple[float, float],
) -> Node:
    block, scope = level.block, f"{scope}/{level.scope}"
    body = step.body
    if not isinstance(body, Block):
        words = _words(step)
        info = drawing.info(block, scope, step, " ".join(words))
        role = role_of(body)
        if role == "join":
            name, fixed = "sum of way up and skip", (CIRCLE, CIRCLE)
            return card(key, name, center, words, role, size=fixed, info=info)
        name = f"{' '.join(words)} to {pixels_words(step.type)}"
        return card(key, name, center, words, role, info=info)
    link = drawing.link(body)
    if step is level.skip:
        info = drawing.info(block, scope, step, "skip unit")
        return card(
            key, "skip unit", center, ("skip", "unit"), "unit", size=size, dashed=True,
            info=info, link=link,
        )  # fmt: skip
    symbol, count = shape.symbol(step), unit_count(step)
    info = drawing.info(block, scope, step, row_words(symbol, count))
    form: Form | None = "stack" if count > 1 else None
    return card(
        key, info.what, center, unit_lines(symbol, count), "unit", size=size, form=form,
        info=info, link=link,
    )  # fmt: skip
