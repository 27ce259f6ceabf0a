"""Pre-activation ResNets for CIFAR, 3×32×32, 10 classes.

PreAct-110 is He et al., ECCV 2016 (arXiv 1603.05027); WRN-28-10 is Zagoruyko and Komodakis, BMVC
2016 (arXiv 1605.07146). The projection reads the activated map, and the stem is a bare convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Unit(nn.Module):
    """BN, ReLU, 3×3 convolution, twice; a 1×1 projection where the shape changes."""

    def __init__(self, cin: int, c: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.BatchNorm2d(cin), nn.ReLU())
        self.residual = nn.Sequential(
            nn.Conv2d(cin, c, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1, bias=False),
        )
        changes = stride != 1 or cin != c
        self.project = nn.Conv2d(cin, c, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = self.first(x)
        shortcut = x if self.project is None else self.project(active)
        return self.residual(active) + shortcut


class Network(nn.Module):
    """Three stages of `count` units each, 16·k, 32·k and 64·k channels wide."""

    def __init__(self, count: int, k: int, classes: int = 10) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False)]
        cin = 16
        for c, stride in ((16 * k, 1), (32 * k, 2), (64 * k, 2)):
            for i in range(count):
                body.append(Unit(cin, c, stride if i == 0 else 1))
                cin = c
        self.features = nn.Sequential(
            *body, nn.BatchNorm2d(cin), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.classifier = nn.Linear(cin, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def preact110() -> Network:
    return Network(18, 1)


def wrn28_10() -> Network:
    return Network(4, 10)
