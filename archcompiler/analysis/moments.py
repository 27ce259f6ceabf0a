"""The moments of a training step, and how many images it takes at its highest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from operator import itemgetter
from typing import NamedTuple

from archcompiler.analysis.held import Amount


class Moment(NamedTuple):
    """What is held while one operator is differentiated."""

    where: str
    kept: Amount
    """By autograd."""
    gradients: int
    """Of parameters, as far as they are there, in bytes."""
    passing: Amount
    """Gradients of maps on their way."""
    gathered: int = 0
    """Parameters that are whole for a moment, of shards, and what is exchanged."""

    @property
    def total(self) -> Amount:
        return Amount(
            self.kept.image + self.passing.image,
            self.kept.batch + self.passing.batch + self.gradients + self.gathered,
        )


def highest_of(moments: Iterable[Moment]) -> list[Moment]:
    """Those that are the highest for some number of images, of equals the first, in their order."""
    rows = []
    for place, moment in enumerate(moments):
        kept, passing = moment.kept, moment.passing
        batch = kept.batch + passing.batch + moment.gradients + moment.gathered
        rows.append((-kept.image - passing.image, -batch, place, moment))
    rows.sort(key=itemgetter(0, 1, 2))
    found, least = [], inf
    for _, batch, place, moment in rows:
        if batch < least:
            found.append((place, moment))
            least = batch
    return [moment for _, moment in sorted(found, key=itemgetter(0))]


@dataclass(frozen=True)
class StepMemory:
    """A training step, by its highest moments. Neither parameters nor the images are counted."""

    moments: tuple[Moment, ...] = field(repr=False)
    """Those of which one is the highest, for each number of images."""
    forward: Amount
    """What autograd keeps at the end of the forward pass."""

    @cached_property
    def _totals(self) -> list[Amount]:
        return [moment.total for moment in self.moments]

    def highest(self, images: int) -> Moment:
        """With so many images at a time."""
        taken = [total.of(images) for total in self._totals]
        return self.moments[taken.index(max(taken))]

    def peak(self, images: int) -> int:
        """Bytes of the highest moment."""
        return max(total.of(images) for total in self._totals)

    def most(self, room: int, image: int = 0) -> int:
        """How many images at a time, of `image` bytes themselves, fit into `room`; 0 if none do."""
        fit = ((room - total.batch) // (total.image + image or 1) for total in self._totals)
        return max(0, min(fit))
