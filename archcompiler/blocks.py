"""What each kind of block was lowered from: the arguments that its emitted class is built with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from archcompiler.ops import Interpolate, Learning, MaxPool
from archcompiler.spec.model import Activation, ConvPoolStem, ConvStem, Head, Structure
from archcompiler.units import UnitSpec

NETWORK = "network"
STEM = "stem"
STAGE = "stage"
UNITS = "units"
UNIT = "unit"
ATTENTION = "attention"
MASK = "mask"
HOURGLASS = "hourglass"
HEAD = "head"


class StemConfig(NamedTuple):
    spec: ConvStem | ConvPoolStem
    norm: bool


class UnitConfig(NamedTuple):
    unit: UnitSpec
    in_channels: int
    channels: int
    stride: int


@dataclass(frozen=True)
class UnitsConfig:
    """A run of units; only the first may change channels or stride."""

    count: int


class MaskConfig(NamedTuple):
    channels: int
    depth: int
    r: int
    units: int
    """Units of a local mask; 0 for an encoder-decoder."""
    unit: UnitSpec
    structure: Structure
    activation: Activation
    norm: bool
    pool: MaxPool
    interpolation: Interpolate


class AttentionConfig(NamedTuple):
    channels: int
    p: int
    t: int
    trunk: UnitSpec
    learning: Learning
    mask: MaskConfig


class StageConfig(NamedTuple):
    in_channels: int
    channels: int
    stride: int
    before: int
    modules: int
    after: int
    unit: UnitSpec
    attention: AttentionConfig | None
    """None where there are no attention modules."""


class HeadConfig(NamedTuple):
    spec: Head
    in_channels: int
    classes: int
    norm: bool
