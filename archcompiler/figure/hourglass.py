"""The mask branch as the paper draws it: a staircase down and up again, skips across."""

from __future__ import annotations

from dataclasses import dataclass, field

from archcompiler.ir.kinds import HOURGLASS, MaskConfig
from archcompiler.figure.cards import LINE, card, card_size, wire
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.scene import Form, Label, Node, Wire
from archcompiler.figure.words import operator_words, pixels_words, plural
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


def levels(mask: Block) -> list[Block]:
    """The nested hourglasses of a mask, outermost first; none for local convolutions."""
    found: list[Block] = []
    body: Block | None = mask
    while body is not None:
        body = next(
            (s.body for s in body.steps if isinstance(s.body, Block) and s.body.kind == HOURGLASS),
            None,
        )
        if body is not None:
            found.append(body)
    return found


def unit_lines(symbol: str, count: int) -> tuple[str, str]:
    """`symbol` units in a row, and how many that are: `unit × 2r`, `2r = 6`."""
    return (f"unit × {symbol}", f"{symbol} = {count}")


def columns_for(mask: Block, unit: float, low: float, gap: float) -> Columns:
    """Widths for a mask, from the text that its parts carry."""
    found = levels(mask)
    pool = resample = 0.0
    for level in found:
        pool = max(pool, card_size(_words(level, "pool"), "pool")[0])
        resample = max(resample, card_size(_words(level, "interpolate"), "resample")[0])
    return Columns(unit, low, pool, resample, gap)


def _words(block: Block, name: str) -> tuple[str, ...]:
    """As elsewhere, but short: a mask has no other pooling, and its columns are narrow."""
    body = block.step(name).body
    assert not isinstance(body, Block)
    return tuple(word.removeprefix("max ") for word in operator_words(body))


def draw_hourglass(
    drawing: Drawing, mask: Block, scope: str, columns: Columns, left: float, top: float, drawn: int
) -> Staircase:
    """Draw `drawn` levels with the first row's centre at `top`; deeper ones become one card."""
    stairs = Staircase(folded=len(levels(mask)) - drawn)
    assert isinstance(mask.config, MaskConfig)
    r = mask.config.r
    chain = levels(mask)[:drawn]
    path = f"{scope}/hourglass"

    def place(key: str, step: Step, at: str, x: float, row: int, **kind: object) -> Node:
        y = top + (row - 1) * PITCH
        width = columns.low if x == center else columns.unit
        if key.startswith("skip"):
            # Narrow, so that the dashes on both sides of it show.
            width = columns.unit * 0.75
        node = _node(drawing, key, step, at, (x, y), (width, 2 * LINE + 4.4), r, **kind)  # type: ignore[arg-type]
        stairs.nodes.append(node)
        return node

    before: Node | None = None
    skips: list[tuple[Node, int, Block, str]] = []
    center = left + columns.down(drawn, drawn)
    for level, block in enumerate(chain, 1):
        x = left + columns.down(level, drawn)
        above = left + columns.pool / 2 if level == 1 else left + columns.down(level - 1, drawn)
        pool = place(f"pool{level}", block.step("pool"), path, above, level)
        if before is not None:
            stairs.wires.append(wire(before, pool, start="bottom", end="top"))
        last = level == drawn
        if last and stairs.folded:
            units = _folded(drawing, block, path, (x, top + (level - 1) * PITCH), columns.low)
            stairs.nodes.append(units)
        else:
            units = place(f"down{level}", block.step("down"), path, x, level, bottom=last)
        stairs.wires.append(wire(pool, units))
        if not last:
            skip = place(f"skip{level}", block.step("skip"), path, center, level, skip=True)
            stairs.wires.append(wire(units, skip, role="skip"))
            skips.append((skip, level, block, path))
        before = units
        path += "/inner"

    lowest = chain[-1]
    path = f"{scope}/hourglass" + "/inner" * (drawn - 1)
    rise = place(
        f"up{drawn}", lowest.step("interpolate"), path, left + columns.up(drawn, drawn), drawn
    )
    assert before is not None
    stairs.wires.append(wire(before, rise))
    for skip, level, block, path in reversed(skips):
        x = left + columns.up(level + 1, drawn)
        plus = place(f"add{level}", block.step("add"), path, x, level)
        stairs.wires.append(wire(rise, plus, start="top", end="bottom"))
        stairs.wires.append(wire(skip, plus, role="skip"))
        x += CIRCLE / 2 + columns.gap * 0.7 + columns.unit / 2
        units = place(f"rise{level}", block.step("up"), path, x, level)
        stairs.wires.append(wire(plus, units))
        x = left + columns.up(level, drawn)
        rise = place(f"up{level}", block.step("interpolate"), path, x, level)
        stairs.wires.append(wire(units, rise))
    return stairs


def _folded(
    drawing: Drawing, block: Block, scope: str, center: tuple[float, float], width: float
) -> Node:
    """One card for all between the pooling and the interpolation of a level that is not lowest."""
    steps = [step for step in block.steps if step.name not in ("pool", "interpolate")]
    below = plural(len(levels(block)), "more level")
    info = drawing.joint_info(scope, steps, f"units, skip and {below}", count=1)
    lines = ("units,", *below.rsplit(" ", 1))
    size = (width, len(lines) * LINE + 4.4)
    return card("folded", info.what, center, lines, "other", size=size, info=info)


def _node(
    drawing: Drawing,
    key: str,
    step: Step,
    scope: str,
    center: tuple[float, float],
    size: tuple[float, float],
    r: int,
    *,
    bottom: bool = False,
    skip: bool = False,
) -> Node:
    body = step.body
    if not isinstance(body, Block):
        words = tuple(word.removeprefix("max ") for word in operator_words(body))
        role = {"add": "join", "pool": "pool", "interpolate": "resample"}[step.name]
        name = f"{' '.join(words)} to {pixels_words(step.type)}"
        info = drawing.info(scope, step, " ".join(words))
        fixed = (CIRCLE, CIRCLE) if step.name == "add" else None
        if step.name == "add":
            name = "sum of way up and skip"
        return card(key, name, center, words, role, size=fixed, info=info)
    link = drawing.link(body)
    if skip:
        info = drawing.info(scope, step, "skip unit")
        return card(
            key, "skip unit", center, ("skip", "unit"), "unit", size=size, dashed=True,
            info=info, link=link,
        )  # fmt: skip
    symbol, count = ("2r", 2 * r) if bottom else ("r", r)
    info = drawing.info(scope, step, f"{symbol} = {count} residual units")
    form: Form | None = "stack" if count > 1 else None
    return card(
        key, info.what, center, unit_lines(symbol, count), "unit", size=size, form=form,
        info=info, link=link,
    )  # fmt: skip
