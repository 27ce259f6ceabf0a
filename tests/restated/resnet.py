"""ResNets with post-activation units: He et al., CVPR 2016 (arXiv 1512.03385), and variants.

ResNet-18, -34 and -50 as torchvision's `resnet.py` builds them, the stride in the 3×3 convolution;
ResNet-50-D of He et al., CVPR 2019 (arXiv 1812.01187), as timm's `resnet50d`; ResNeXt-29 of Xie et
al., CVPR 2017 (arXiv 1611.05431), for CIFAR. A gate may stand at the end of a unit's residual
branch, and a module after the units of a stage: `gates.py` has some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

Gate = Callable[[int], nn.Module]
"""A module for maps of so many channels that keeps their shape."""


def conv_norm(cin: int, c: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    padding = kernel // 2
    conv = nn.Conv2d(cin, c, kernel, stride, padding=padding, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(c)]


def shortcut(cin: int, c: int, stride: int, average: bool) -> nn.Module:
    """A 1×1 projection where the shape changes; -D averages 2×2 and projects without a stride."""
    if stride == 1 and cin == c:
        return nn.Identity()
    if average and stride != 1:
        pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
        return nn.Sequential(pool, *conv_norm(cin, c, 1))
    return nn.Sequential(*conv_norm(cin, c, 1, stride))


class Unit(nn.Module):
    """relu(residual(x) + shortcut(x)), a gate at the end of the residual branch if there is one."""

    def __init__(
        self,
        cin: int,
        c: int,
        stride: int,
        residual: list[nn.Module],
        gate: Gate | None = None,
        average: bool = False,
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(*residual)
        self.gate = nn.Identity() if gate is None else gate(c)
        self.shortcut = shortcut(cin, c, stride, average)
        self.activate = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.shortcut(x)
        return self.activate(self.gate(self.residual(x)) + shortcut)


MakeUnit = Callable[[int, int, int], nn.Module]
"""A unit from its input and output channels and its stride."""


def basic(cin: int, c: int, stride: int) -> Unit:
    """Two 3×3 convolutions."""
    return Unit(cin, c, stride, [*conv_norm(cin, c, 3, stride), nn.ReLU(), *conv_norm(c, c, 3)])


def bottleneck(
    gate: Gate | None = None, average: bool = False, groups: int = 1, reduction: float = 4
) -> MakeUnit:
    """1×1, 3×3, 1×1, the output's channels over `reduction` inside."""

    def unit(cin: int, c: int, stride: int) -> Unit:
        width = int(c / reduction)
        residual = [
            *conv_norm(cin, width, 1),
            nn.ReLU(),
            *conv_norm(width, width, 3, stride, groups),
            nn.ReLU(),
            *conv_norm(width, c, 1),
        ]
        return Unit(cin, c, stride, residual, gate, average)

    return unit


class Network(nn.Module):
    """A stem, stages (channels, stride, units, module after them or None), a linear classifier."""

    def __init__(
        self,
        stem: Iterable[nn.Module],
        c: int,
        unit: MakeUnit,
        stages: Iterable[tuple[int, int, int]],
        classes: int,
        after: Callable[[int, int], nn.Module | None] = lambda stage, c: None,
    ) -> None:
        super().__init__()
        body = list(stem)
        for index, (wider, stride, count) in enumerate(stages):
            for i in range(count):
                body.append(unit(c, wider, stride if i == 0 else 1))
                c = wider
            extra = after(index, c)
            if extra is not None:
                body.append(extra)
        self.features = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(c, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def imagenet_stem() -> list[nn.Module]:
    return [*conv_norm(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]


def stages(expansion: int, counts: tuple[int, ...]) -> list[tuple[int, int, int]]:
    widths, strides = (64, 128, 256, 512), (1, 2, 2, 2)
    return [(w * expansion, s, n) for w, s, n in zip(widths, strides, counts, strict=True)]


def resnet18() -> Network:
    return Network(imagenet_stem(), 64, basic, stages(1, (2, 2, 2, 2)), 1000)


def resnet34() -> Network:
    return Network(imagenet_stem(), 64, basic, stages(1, (3, 4, 6, 3)), 1000)


def resnet50(
    gate: Gate | None = None,
    after: Callable[[int, int], nn.Module | None] = lambda stage, c: None,
) -> Network:
    return Network(imagenet_stem(), 64, bottleneck(gate), stages(4, (3, 4, 6, 3)), 1000, after)


def resnet50d() -> Network:
    stem = [
        *conv_norm(3, 32, 3, 2),
        nn.ReLU(),
        *conv_norm(32, 32, 3),
        nn.ReLU(),
        *conv_norm(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1),
    ]
    return Network(stem, 64, bottleneck(average=True), stages(4, (3, 4, 6, 3)), 1000)


def resnext29_8x64d() -> Network:
    """3×32×32, 10 classes: 8 groups, each 64 wide in the first stage: twice the output's width."""
    shapes = [(256, 1, 3), (512, 2, 3), (1024, 2, 3)]
    stem = [*conv_norm(3, 64, 3), nn.ReLU()]
    return Network(stem, 64, bottleneck(groups=8, reduction=0.5), shapes, 10)
