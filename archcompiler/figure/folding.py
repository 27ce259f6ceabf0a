"""What repeats in the scope tree: runs of equal siblings, and scopes equal but for their widths."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from archcompiler.ir import Block, Step, TensorType, fold
from archcompiler.ops import Operator


@dataclass(frozen=True, slots=True)
class Run:
    """Equal siblings, one after the other: steps that are drawn as one card."""

    steps: tuple[Step, ...]

    @property
    def first(self) -> Step:
        return self.steps[0]

    @property
    def count(self) -> int:
        return len(self.steps)

    @property
    def body(self) -> Operator | Block:
        return self.first.body

    @property
    def name(self) -> str:
        """`attention1–6`, or the name of the only step."""
        if self.count == 1:
            return self.first.name
        last = self.steps[-1].name
        digits = len(last) - len(last.rstrip("0123456789"))
        return f"{self.first.name}–{last[len(last) - digits :]}"


def runs(block: Block) -> Iterator[Run]:
    """The steps of a block with chains of equal blocks folded.

    Equal siblings are one object, or, where they were lowered apart, equal to the last operator.
    """
    steps = block.steps
    start = 0
    for end in range(1, len(steps) + 1):
        if end < len(steps) and _continues(steps[end - 1], steps[end]):
            continue
        yield Run(steps[start:end])
        start = end


def _continues(before: Step, after: Step) -> bool:
    if not isinstance(before.body, Block) or not isinstance(after.body, Block):
        return False
    if after.inputs != (before.name,):
        return False
    if before.body is after.body:
        return True
    # Cheap refusals first: a digest walks the whole scope.
    return (
        before.body.kind == after.body.kind
        and before.body.input == after.body.input
        and before.body.operator_count == after.body.operator_count
        and digest(before.body, relative=False) == digest(after.body, relative=False)
    )


def digest(block: Block, relative: bool = True) -> str:
    """Hash of a scope's operators, attributes, wiring and shapes.

    Relative: channels and pixels count as multiples of the scope's input, so that a module of
    stage 2 equals one of stage 3 that is twice as wide.
    """
    unit = block.input if relative else block.input.filled(1, 1)
    return fold(_digest)(block, unit)


_WIDTHS = frozenset({"in_channels", "out_channels", "channels", "in_features"})


def _digest(below: Callable[[Block, TensorType], str], block: Block, unit: TensorType) -> str:
    numbers = {"x": 0} | {step.name: i for i, step in enumerate(block.steps, 1)}
    parts: list[object] = [block.kind, _shape(block.input, unit), numbers[block.output]]
    for step in block.steps:
        wiring = tuple(numbers[name] for name in step.inputs)
        if isinstance(step.body, Block):
            parts.append((below(step.body, unit), wiring))
        else:
            attributes = tuple(
                (name, str(Fraction(value, unit.channels)))
                if name in _WIDTHS and isinstance(value, int)
                else (name, repr(value))
                for name, value in step.body.attributes()
            )
            parts.append((step.body.kind, attributes, wiring, _shape(step.type, unit)))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _shape(type_: TensorType, unit: TensorType) -> str:
    c = Fraction(type_.channels, unit.channels)
    size = (Fraction(a, b or 1) for a, b in zip(type_.size, unit.size, strict=True))
    return ",".join(map(str, (c, *size)))
