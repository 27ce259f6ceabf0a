"""How costs add up: everything is for one image, sizes are bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Cost:
    """Sum over operators."""

    operators: int = 0
    params: int = 0
    buffers: int = 0
    """Elements that are state, but not learnt."""
    macs: int = 0
    fvcore_flops: int = 0
    elements: int = 0
    activations: int = 0
    train_macs: int = 0
    """MACs of a forward and a backward pass; the image itself needs no gradient."""
    saved_bytes: int = 0
    """What autograd keeps at batch 1."""
    saved_batch_bytes: int = 0
    """The part of it that does not grow with the batch."""
    param_bytes: int = 0
    map_bytes: int = 0
    """Maps read and written in inference, each operator by itself."""
    train_map_bytes: int = 0
    """The same in training: forward, kept maps read again, gradients read and written."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(int.__add__, _values(self), _values(other)))

    def __mul__(self, times: int) -> Cost:
        return Cost(*map(times.__mul__, _values(self)))

    @property
    def saved_image_bytes(self) -> int:
        """What autograd keeps of each image."""
        return self.saved_bytes - self.saved_batch_bytes

    @property
    def flops(self) -> int:
        """2 per multiply-accumulate."""
        return 2 * self.macs

    @property
    def bytes_moved(self) -> int:
        """Bytes of maps and parameters, inference at batch 1, no two operators fused."""
        return self.map_bytes + self.param_bytes

    @property
    def train_bytes_moved(self) -> int:
        """The same for a forward and a backward pass; weights are read twice, gradients written."""
        return self.train_map_bytes + 3 * self.param_bytes

    @property
    def intensity(self) -> float:
        """FLOP per byte in inference."""
        return self.flops / self.bytes_moved if self.bytes_moved else 0.0


_values: Callable[[Cost], tuple[int, ...]] = attrgetter(*(field.name for field in fields(Cost)))
