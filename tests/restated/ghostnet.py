"""GhostNet 1.0×: Han et al., CVPR 2020 (arXiv 1911.11907), as the authors' code builds it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restated.resnet import conv_norm

STAGES = [
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
]
"""Kernel, width inside, channels, squeeze and excitation, stride of each unit."""


def divisible(value: float, divisor: int = 4) -> int:
    """The nearest multiple, but no more than a tenth below."""
    near = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * value else near


class Ghost(nn.Module):
    """Half of the channels by 1×1, the other half of these by a depthwise 3×3."""

    def __init__(self, cin: int, c: int, act: type[nn.Module]) -> None:
        super().__init__()
        new = (c + 1) // 2
        self.primary = nn.Sequential(*conv_norm(cin, new, 1), act())
        self.cheap = nn.Sequential(*conv_norm(new, new, 3, groups=new), act())

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary(x)
        return torch.cat([y, self.cheap(y)], dim=1)


class Squeeze(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        width = divisible(c / 4)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(c, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, c, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class Unit(nn.Module):
    """`kernel` is that of the depthwise convolutions beside the modules."""

    def __init__(
        self, cin: int, kernel: int, width: int, c: int, squeeze: bool, stride: int
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = [Ghost(cin, width, nn.ReLU)]
        if stride != 1:
            steps += conv_norm(width, width, kernel, stride, groups=width)
        if squeeze:
            steps.append(Squeeze(width))
        self.residual = nn.Sequential(*steps, Ghost(width, c, nn.Identity))
        self.shortcut = nn.Sequential()
        if stride != 1 or cin != c:
            depthwise = conv_norm(cin, cin, kernel, stride, groups=cin)
            self.shortcut = nn.Sequential(*depthwise, *conv_norm(cin, c, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(x)


class GhostNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        cin = 16
        body = [*conv_norm(3, cin, 3, 2), nn.ReLU()]
        for kernel, width, c, squeeze, stride in STAGES:
            body.append(Unit(cin, kernel, width, c, squeeze, stride))
            cin = c
        body += [*conv_norm(cin, 960, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        self.features = nn.Sequential(*body)
        self.head = nn.Sequential(nn.Linear(960, 1280), nn.ReLU(), nn.Dropout(0.2))
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.head(torch.flatten(self.features(x), 1)))
