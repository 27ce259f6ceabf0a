"""The mask branch: down and up again, and skips across."""

from __future__ import annotations

from dataclasses import dataclass, field

from archcompiler.figure.cards import LINE, card, card_size, wire
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.labels import step_words
from archcompiler.figure.mask_columns import CIRCLE, UNIT, Columns, Stairs, Upright
from archcompiler.figure.recognition import Level, ModuleShape, unit_count
from archcompiler.figure.scene import Form, Label, Node, Point, Wire
from archcompiler.figure.words import pixels_words, plural, role_of
from archcompiler.ir import Block, Step

ACROSS = ("right", "left")


@dataclass
class Hourglass:
    """What was drawn of a mask."""

    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    """Where each level has its pooling, from top to bottom."""


def unit_lines(symbol: str, count: int) -> tuple[str, ...]:
    """`symbol` units in a row, and how many that are: `unit × 2r`, `2r = 6`."""
    if not symbol:
        return ("unit", f"× {count}") if count > 1 else ("unit",)
    return (f"unit × {symbol}", f"{symbol} = {count}")


def row_words(symbol: str, count: int) -> str:
    """The same in a sentence."""
    return f"{symbol} = {count} residual units" if symbol else plural(count, "residual unit")


def columns_for(
    arrangement: type[Stairs] | type[Upright],
    shape: ModuleShape,
    unit: float,
    low: float,
    gap: float,
) -> Stairs | Upright:
    """Widths for a mask, from the text that its parts carry."""
    pool = resample = 0.0
    for level in shape.levels:
        pool = max(pool, card_size(_words(level.pool), "pool")[0])
        resample = max(resample, card_size(_words(level.rise), "resample")[0])
    return arrangement(unit, low, pool, resample, gap)


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
) -> Hourglass:
    """Draw `drawn` levels with the first pooling's centre at `top`; deeper ones become one card."""
    found = Hourglass()
    folded = len(shape.levels) - drawn

    def at(point: Point) -> Point:
        return left + point[0], top + point[1]

    def place(key: str, level: Level, step: Step, point: Point) -> Node:
        width = columns.low if point[0] == columns.skip_at(1, drawn)[0] else columns.unit
        # Narrow, so that the dashes on both sides of it show.
        size = (columns.unit * 0.75 if step is level.skip else width, UNIT)
        node = _node(drawing, shape, key, level, scope, step, at(point), size)
        found.nodes.append(node)
        return node

    def join(source: Node, target: Node, sides: tuple[str, str], role: str = "flow") -> None:
        found.wires.append(wire(source, target, start=sides[0], end=sides[1], role=role))

    before: Node | None = None
    skips: list[tuple[Node, int, Level]] = []
    for row, level in enumerate(shape.levels[:drawn], 1):
        pool = place(f"pool{row}", level, level.pool, columns.pool_at(row, drawn))
        found.rows.append(pool.outline.rect.cy)
        if before is not None:
            join(before, pool, ("bottom", "top"))
        last, point = row == drawn, columns.down_at(row, drawn)
        if last and folded:
            units = _folded(drawing, level, scope, folded, at(point), columns.low)
            found.nodes.append(units)
        else:
            units = place(f"down{row}", level, level.down, point)
        join(pool, units, ACROSS if last else columns.inward)
        if not last and level.skip is not None:
            skip = place(f"skip{row}", level, level.skip, columns.skip_at(row, drawn))
            join(units, skip, ACROSS, "skip")
            skips.append((skip, row, level))
        elif not last:
            skips.append((units, row, level))
        before = units

    lowest = shape.levels[drawn - 1]
    rise = place(f"up{drawn}", lowest, lowest.rise, columns.up_at(drawn, drawn))
    assert before is not None
    join(before, rise, ACROSS)
    for skip, row, level in reversed(skips):
        assert level.join is not None
        assert level.up is not None
        plus = place(f"add{row}", level, level.join, columns.add_at(row, drawn))
        join(rise, plus, ("top", "bottom"))
        join(skip, plus, ACROSS, "skip")
        units = place(f"rise{row}", level, level.up, columns.rise_at(row, drawn))
        join(plus, units, columns.upward)
        rise = place(f"up{row}", level, level.rise, columns.up_at(row, drawn))
        join(units, rise, columns.upward)
    return found


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
