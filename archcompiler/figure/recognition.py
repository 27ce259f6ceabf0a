"""Whether a block is the attention module that the paper draws: read off its edges alone.

Steps and scopes may have any names. What is not recognised is drawn by the layout for any scope.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcompiler.analysis.branches import MASK, roles
from archcompiler.figure.words import role_of
from archcompiler.ir import INPUT, Block, Step
from archcompiler.ir.kinds import UNIT, UNITS


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a mask: down, everything below beside what passes by, and up again.

    The lowest level has units between pooling and interpolation, and nothing else.
    """

    block: Block
    scope: str
    """Path of the block from the module's."""
    pool: Step
    down: Step
    rise: Step
    inner: Step | None = None
    skip: Step | None = None
    """The unit across; None if what passes by is the map itself."""
    join: Step | None = None
    up: Step | None = None


@dataclass(frozen=True, slots=True)
class ModuleShape:
    """An attention module: units, then a trunk beside a mask, what joins them, and units."""

    block: Block
    trunk: Step
    mask: Step
    gate: Step
    levels: tuple[Level, ...]
    """Of an encoder and decoder, outermost first."""
    row: Step | None
    """The units of a mask that stays at one resolution."""
    head: tuple[Step, ...]
    """The operators after the levels or the row."""
    pre: Step | None = None
    post: Step | None = None

    @property
    def mask_block(self) -> Block:
        return _block(self.mask)

    @property
    def r(self) -> int:
        """Units between two resamplings of the mask; 0 if there are none."""
        if not self.levels:
            return 0
        first = unit_count(self.levels[0].down)
        return first if len(self.levels) > 1 else -(-first // 2)

    @property
    def drawn(self) -> frozenset[Block]:
        """The blocks inside that a panel of the module shows, units apart."""
        return frozenset((self.mask_block, *(level.block for level in self.levels)))

    def symbol(self, step: Step) -> str:
        """How the paper calls the number of units in a row: p, t, r or 2r; "" for another."""
        count = unit_count(step)
        if step is self.trunk:
            return "t"
        if step in (self.pre, self.post):
            return "p" if self.pre is not None and count == unit_count(self.pre) else ""
        if step is self.row:
            return ""
        return "r" if count == self.r else "2r" if count == 2 * self.r else ""


def unit_count(step: Step) -> int:
    """Units of a row, or 1 for a unit."""
    body = _block(step)
    return 1 if body.kind == UNIT else len(body.steps)


def unit_of(step: Step) -> Block | None:
    """The unit of a row, its last; None for an empty row."""
    body = _block(step)
    while body.kind != UNIT:
        if not body.steps:
            return None
        body = _block(body.steps[-1])
    return body


def recognise(block: Block) -> ModuleShape | None:
    """The parts of an attention module; None for a block that is none, or another one."""
    gates = [s for s in block.steps if MASK in roles(s)]
    if len(gates) != 1 or len(gates[0].inputs) != 2:
        return None
    (gate,) = gates
    named = dict(zip(roles(gate), gate.inputs, strict=True))
    steps = {step.name: step for step in block.steps}
    mask = steps.get(named.pop(MASK))
    trunk = steps.get(next(iter(named.values()), INPUT))
    if mask is None or trunk is None or not _is_row(trunk) or mask.inputs != trunk.inputs:
        return None
    pre, post = steps.get(trunk.inputs[0]), None
    if gate.name != block.output:
        post = steps[block.output]
    parts = [step for step in (pre, trunk, mask, gate, post) if step is not None]
    if len(parts) != len(block.steps) or (post is not None and post.inputs != (gate.name,)):
        return None
    if any(row is not None and not _is_row(row) for row in (pre, post)):
        return None
    return _with_mask(block, trunk, mask, gate, _filled(pre), _filled(post))


def _with_mask(
    block: Block, trunk: Step, mask: Step, gate: Step, pre: Step | None, post: Step | None
) -> ModuleShape | None:
    """The module, if its mask is one block and then a chain of operators."""
    body = mask.body
    if not isinstance(body, Block) or len(body.steps) < 2:
        return None
    first, *head = body.steps
    before = (first, *head)
    if any(isinstance(step.body, Block) for step in head) or body.output != before[-1].name:
        return None
    if first.inputs != (INPUT,):
        return None
    if any(b.inputs != (a.name,) for a, b in zip(before, head, strict=False)):
        return None
    levels: tuple[Level, ...] | None = ()
    if not _is_row(first):
        levels = _levels(first, mask.name)
    if levels is None:
        return None
    row = None if levels else first
    return ModuleShape(block, trunk, mask, gate, levels, row, tuple(head), pre, post)


def _levels(step: Step, scope: str) -> tuple[Level, ...] | None:
    """The nested levels of a mask; None if one of them has another form."""
    found: list[Level] = []
    inner: Step | None = step
    while inner is not None:
        scope += f"/{inner.name}"
        level = _level(inner.body, scope) if isinstance(inner.body, Block) else None
        if level is None:
            return None
        found.append(level)
        inner = level.inner
    return tuple(found)


def _level(block: Block, scope: str) -> Level | None:
    readers = dict[str, list[Step]]()
    for step in block.steps:
        for name in step.inputs:
            readers.setdefault(name, []).append(step)

    def only(step: Step | None) -> Step | None:
        """The one reader of a step."""
        found = readers.get(step.name, []) if step is not None else []
        return found[0] if len(found) == 1 else None

    rise = block.step(block.output) if block.steps else None
    pool = next((s for s in readers.get(INPUT, []) if s is not rise), None)
    down = only(pool)
    if rise is None or pool is None or down is None or not _is_row(down):
        return None
    if role_of(rise.body) != "resample" or role_of(pool.body) != "pool":
        return None
    if rise.inputs[1:] != (INPUT,) or pool.inputs != (INPUT,):
        return None
    if only(down) is rise and len(block.steps) == 3:
        return Level(block, scope, pool, down, rise)
    beside = readers.get(down.name, [])
    inner = next((s for s in beside if isinstance(s.body, Block) and not _is_row(s)), None)
    skip = next((s for s in beside if _is_row(s)), None)
    join = only(inner)
    up = only(join)
    known = [step for step in (pool, down, inner, skip, join, up, rise) if step is not None]
    if inner is None or join is None or up is None or len(known) != len(block.steps):
        return None
    by = skip if skip is not None else down
    whole = join.body.kind == "add" and set(join.inputs) == {inner.name, by.name}
    if not whole or not _is_row(up) or only(up) is not rise:
        return None
    if skip is not None and unit_count(skip) != 1:
        return None
    return Level(block, scope, pool, down, rise, inner, skip, join, up)


def modules_in(block: Block) -> Iterator[ModuleShape]:
    """Every distinct module of the paper's form below a block."""
    for _, inner in block.blocks():
        shape = recognise(inner)
        if shape is not None:
            yield shape


def _is_row(step: Step) -> bool:
    """A unit, or units in a row."""
    return step.body.kind in (UNIT, UNITS)


def _filled(step: Step | None) -> Step | None:
    """The row unless it is empty."""
    return step if step is not None and unit_count(step) else None


def _block(step: Step) -> Block:
    assert isinstance(step.body, Block)
    return step.body
