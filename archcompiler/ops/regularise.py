"""Operators that act while training alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from archcompiler.ir import TensorType
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Operator, with_fields
from archcompiler.ops.cost import BYTES, Saved, Work
from archcompiler.ops.pointwise import Pointwise


@with_fields
class DropPath(Pointwise):
    """Zeroes all of an image's map with this probability while training (stochastic depth).

    What is left is scaled, so that its mean stays.
    """

    kind: ClassVar[str] = "drop_path"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "probability": Argument("float", least=0, most=1, help="of being dropped")
    }

    probability: float

    @property
    def simplified(self) -> Operator | None:
        return self if self.probability else None

    @property
    def inference(self) -> None:
        return None

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()  # the identity in inference

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # One number for each image.
        return Saved(image_bytes=BYTES if self.probability else 0)

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 0


@with_fields
class Dropout(Pointwise):
    """Zeroes elements with this probability while training."""

    kind: ClassVar[str] = "dropout"
    arguments: ClassVar[Mapping[str, Argument]] = {
        "probability": Argument("float", least=0, most=1, help="of being dropped")
    }

    probability: float

    @property
    def simplified(self) -> Operator | None:
        return self if self.probability else None

    @property
    def random(self) -> bool:
        return self.probability > 0

    @property
    def inference(self) -> None:
        return None

    def work(self, inputs: tuple[TensorType, ...], output: TensorType) -> Work:
        return Work()  # the identity in inference

    def saved(self, inputs: tuple[TensorType, ...], output: TensorType) -> Saved:
        # The scaled noise, on the CPU; a GPU keeps a byte per element.
        noise = output.numel if self.probability else 0
        return Saved(image_bytes=BYTES * noise, typed=noise)

    def moved(self, inputs: tuple[TensorType, ...], output: TensorType) -> int:
        return 0
