"""What the templates ask of a file for inference: what its layers have taken in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archcompiler.emit.body import Bodies
from archcompiler.emit.lines import Body


@dataclass(frozen=True)
class InferenceView:
    """Questions about all of its classes."""

    bodies: Bodies

    @property
    def _all(self) -> Iterable[Body]:
        return self.bodies.bodies.values()

    @property
    def folds(self) -> bool:
        """Whether layers have taken in batch norms."""
        return any(body.batch_norms or body.sum_norms for body in self._all)

    @property
    def sum_norms(self) -> bool:
        """Whether convolutions have taken in the batch norms after sums."""
        return any(body.sum_norms for body in self._all)

    @property
    def branches(self) -> bool:
        """Whether convolutions have branches of sums in."""
        return any(body.branches for body in self._all)

    @property
    def dilated(self) -> bool:
        """Whether some of them are dilated otherwise."""
        return any(body.dilated for body in self._all)
