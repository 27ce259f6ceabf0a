"""Parameters and multiply-accumulates of a scope, for cards and strips."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.ir import Block, TensorType
from archcompiler.ops import Operator


@dataclass(frozen=True, slots=True)
class Counts:
    parameters: int
    macs: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.parameters + other.parameters, self.macs + other.macs)

    def __mul__(self, times: int) -> Counts:
        return Counts(self.parameters * times, self.macs * times)


class Counter:
    """Counts of every body of one graph; a shared block is summed once."""

    def __init__(self) -> None:
        self._known: dict[int, Counts] = {}

    def of(self, body: Operator | Block, output: TensorType) -> Counts:
        if not isinstance(body, Block):
            return Counts(body.parameters, _macs(body, output))
        if id(body) not in self._known:
            total = Counts(0, 0)
            for step in body.steps:
                total += self.of(step.body, step.type)
            self._known[id(body)] = total
        return self._known[id(body)]


def _macs(op: Operator, output: TensorType) -> int:
    # Only weighted layers multiply, and how much depends on their output alone.
    return op.work((), output).macs if op.layers else 0


def short(number: int) -> str:
    """Three digits and a prefix, as tables print it: 6.27 G."""
    for bound, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= bound * 0.9995:
            value = number / bound
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {prefix}"
    return str(number)
