"""ConvNeXt-T: Liu et al., CVPR 2022 (arXiv 2201.03545), as torchvision's `convnext_tiny`.

Without stochastic depth, which does nothing in inference. 1×1 convolutions stand for its linear
layers over the channels, which is the same arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each position."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(c, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ChannelScale(nn.Module):
    """A weight for each channel."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((c, 1, 1), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


class Unit(nn.Module):
    """Depthwise 7×7, norm, 1×1 to four times the width, GELU, 1×1 back, scaled by channel."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(c, c, 7, padding=3, groups=c),
            ChannelNorm(c),
            nn.Conv2d(c, 4 * c, 1),
            nn.GELU(),
            nn.Conv2d(4 * c, c, 1),
            ChannelScale(c),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + x


class Network(nn.Module):
    def __init__(self, widths: tuple[int, ...], counts: tuple[int, ...]) -> None:
        super().__init__()
        c = widths[0]
        body: list[nn.Module] = [nn.Conv2d(3, c, 4, 4), ChannelNorm(c)]
        for wider, count in zip(widths, counts, strict=True):
            if wider != c:
                body += [ChannelNorm(c), nn.Conv2d(c, wider, 2, 2)]
                c = wider
            body += [Unit(c) for _ in range(count)]
        self.features = nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), ChannelNorm(c))
        self.classifier = nn.Linear(c, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def convnext_tiny() -> Network:
    return Network((96, 192, 384, 768), (3, 3, 9, 3))
