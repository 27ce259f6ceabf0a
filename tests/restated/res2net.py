"""Res2Net-50 26w×4s: Gao et al., TPAMI 2021 (arXiv 1904.01169), as the authors' code builds it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restated.resnet import Network, conv_norm, imagenet_stem, shortcut, stages


class Paths(nn.Module):
    """Four parts of a map: 3×3 convolutions of the first three, each beside the one before it."""

    def __init__(self, width: int, stride: int, first: bool) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Sequential(*conv_norm(width, width, 3, stride), nn.ReLU()) for _ in range(3)
        )
        self.apart = first
        self.pool = nn.AvgPool2d(3, stride, padding=1) if first else None

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(4, dim=1)
        made: list[Tensor] = []
        for i, conv in enumerate(self.convs):
            made.append(conv(parts[i] if self.apart or not made else parts[i] + made[-1]))
        return torch.cat([*made, parts[3] if self.pool is None else self.pool(parts[3])], dim=1)


class Unit(nn.Module):
    def __init__(self, cin: int, c: int, stride: int) -> None:
        super().__init__()
        width = c // 4 * 26 // 64
        self.residual = nn.Sequential(
            *conv_norm(cin, 4 * width, 1),
            nn.ReLU(),
            Paths(width, stride, first=stride != 1 or cin != c),
            *conv_norm(4 * width, c, 1),
        )
        self.shortcut = shortcut(cin, c, stride, average=False)
        self.activate = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.residual(x) + self.shortcut(x))


def res2net50() -> Network:
    return Network(imagenet_stem(), 64, Unit, stages(4, (3, 4, 6, 3)), 1000)
