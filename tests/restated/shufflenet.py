"""ShuffleNetV2 x1.0: Ma et al., ECCV 2018 (arXiv 1807.11164), as torchvision builds it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restated.resnet import conv_norm


def shuffled(x: Tensor, groups: int = 2) -> Tensor:
    """Channels as a table of `groups` rows, read by columns."""
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Unit(nn.Module):
    """Half of the channels past three convolutions, or both halves made of all where it strides."""

    def __init__(self, cin: int, c: int, stride: int) -> None:
        super().__init__()
        half = c // 2
        self.shortcut = None
        if stride != 1:
            depthwise = conv_norm(cin, cin, 3, stride, groups=cin)
            self.shortcut = nn.Sequential(*depthwise, *conv_norm(cin, half, 1), nn.ReLU())
        self.residual = nn.Sequential(
            *conv_norm(cin if stride != 1 else half, half, 1),
            nn.ReLU(),
            *conv_norm(half, half, 3, stride, groups=half),
            *conv_norm(half, half, 1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            kept, x = x.chunk(2, dim=1)
        else:
            kept = self.shortcut(x)
        return shuffled(torch.cat([kept, self.residual(x)], dim=1))


class ShuffleNet(nn.Module):
    def __init__(self, widths: tuple[int, ...], counts: tuple[int, ...], last: int) -> None:
        super().__init__()
        c = 24
        body = [*conv_norm(3, c, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
        for wider, count in zip(widths, counts, strict=True):
            for i in range(count):
                body.append(Unit(c, wider, 2 if i == 0 else 1))
                c = wider
        self.features = nn.Sequential(*body, *conv_norm(c, last, 1), nn.ReLU())
        self.classifier = nn.Linear(last, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


def shufflenet_v2() -> ShuffleNet:
    return ShuffleNet((116, 232, 464), (4, 8, 4), 1024)
