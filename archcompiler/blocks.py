"""What each kind of block was lowered from: the arguments that its emitted class is built with."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class StemConfig:
    spec: ConvStem | ConvPoolStem
    norm: bool


@dataclass(frozen=True, slots=True)
class UnitConfig:
    unit: UnitSpec
    in_channels: int
    channels: int
    stride: int


@dataclass(frozen=True, slots=True)
class UnitsConfig:
    """A run of units; only the first may change channels or stride."""

    count: int


@dataclass(frozen=True, slots=True)
class MaskConfig:
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


@dataclass(frozen=True, slots=True)
class AttentionConfig:
    channels: int
    p: int
    t: int
    trunk: UnitSpec
    learning: Learning
    mask: MaskConfig


@dataclass(frozen=True, slots=True)
class StageConfig:
    in_channels: int
    channels: int
    stride: int
    before: int
    modules: int
    after: int
    unit: UnitSpec
    attention: AttentionConfig | None
    """None where there are no attention modules."""


@dataclass(frozen=True, slots=True)
class HeadConfig:
    spec: Head
    in_channels: int
    classes: int
    norm: bool
