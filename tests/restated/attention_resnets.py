"""ResNet-50 with attention of other kinds, each placed as its authors place it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from restated.gates import (
    Bam,
    Cbam,
    Coordinate,
    EfficientChannel,
    GlobalContext,
    NonLocal,
    SqueezeExcite,
)
from restated.resnet import Network, resnet50


def se_resnet50() -> Network:
    return resnet50(SqueezeExcite)


def eca_resnet50() -> Network:
    """Kernels of 3, 5, 5 and 7 in the four stages, as the name of the published weights says."""
    kernels = {256: 3, 512: 5, 1024: 5, 2048: 7}
    return resnet50(lambda c: EfficientChannel(kernels[c]))


def cbam_resnet50() -> Network:
    return resnet50(Cbam)


def bam_resnet50() -> Network:
    """One BAM before each of the three strides."""
    return resnet50(after=lambda stage, c: Bam(c) if stage < 3 else None)


def gc_resnet50() -> Network:
    """A context block in every unit."""
    return resnet50(GlobalContext)


def coordinate_resnet50() -> Network:
    return resnet50(Coordinate)


def nonlocal_resnet50() -> Network:
    """Five blocks: after every other unit of the second and the third stage."""
    network = resnet50()
    network.features = nn.Sequential(*_with_blocks(network.features))
    return network


def _with_blocks(features: nn.Sequential) -> Iterator[nn.Module]:
    for index, module in enumerate(features):
        yield module
        # Four modules of stem, three units of 256 channels; then 512 and 1024.
        if index in (7, 9):
            yield NonLocal(512)
        elif index in (11, 13, 15):
            yield NonLocal(1024)
