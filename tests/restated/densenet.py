"""DenseNet-121: Huang et al., CVPR 2017 (arXiv 1608.06993), as torchvision's `densenet121`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Layer(nn.Module):
    """BN, ReLU, 1×1 to four times the growth, BN, ReLU, 3×3 to the growth; beside its input."""

    def __init__(self, cin: int, growth: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.BatchNorm2d(cin),
            nn.ReLU(),
            nn.Conv2d(cin, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], dim=1)


class Network(nn.Module):
    """Between runs of layers, a transition halves the channels and averages 2×2."""

    def __init__(self, counts: tuple[int, ...], growth: int) -> None:
        super().__init__()
        c = 64
        body: list[nn.Module] = [
            nn.Conv2d(3, c, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, padding=1),
        ]
        for index, count in enumerate(counts):
            if index > 0:
                half = nn.Conv2d(c, c // 2, 1, bias=False)
                body += [nn.BatchNorm2d(c), nn.ReLU(), half, nn.AvgPool2d(2, 2)]
                c //= 2
            for _ in range(count):
                body.append(Layer(c, growth))
                c += growth
        body += [nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
        self.features = nn.Sequential(*body)
        self.classifier = nn.Linear(c, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def densenet121() -> Network:
    return Network((6, 12, 24, 16), 32)
