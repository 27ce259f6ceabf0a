"""VGG-16 with BN: Simonyan and Zisserman, ICLR 2015 (arXiv 1409.1556), torchvision's `vgg16_bn`."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Five runs of 3×3 convolutions, each ended by a 2×2 pool; three linear layers on 7×7 pixels.

    Torchvision pools to 7×7 before them, which changes nothing at 3×224×224 and is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        body: list[nn.Module] = []
        cin = 3
        for c, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(count):
                body += [nn.Conv2d(cin, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU()]
                cin = c
            body.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*body)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(4096, 1000),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def vgg16_bn() -> Network:
    return Network()
