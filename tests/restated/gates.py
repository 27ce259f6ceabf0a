"""Attention of other kinds, each a module that keeps the shape of its map.

Where the originals flatten a map of one pixel and use linear layers, these use 1×1 convolutions,
which is the same arithmetic.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """SE: Hu et al., CVPR 2018 (arXiv 1709.01507)."""

    def __init__(self, c: int, ratio: int = 16) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(c, c // ratio, 1),
            nn.ReLU(),
            nn.Conv2d(c // ratio, c, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class EfficientChannel(nn.Module):
    """ECA: Wang et al., CVPR 2020 (arXiv 1910.03151): a 1-D convolution along the channels."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(x, 1)
        along = self.conv(pooled.squeeze(-1).transpose(-1, -2)).transpose(-1, -2)
        return x * torch.sigmoid(along.unsqueeze(-1))


class Cbam(nn.Module):
    """CBAM: Woo et al., ECCV 2018 (arXiv 1807.06521), as in Jongchan/attention-module.

    A weight for each channel, by one MLP for the mean and the maximum, then one for each position.
    The MLP sees both as a map of two pixels, and the weights are multiplied before the map is;
    the authors call it twice and multiply the map twice.
    """

    def __init__(self, c: int, ratio: int = 16) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(c, c // ratio, 1), nn.ReLU(), nn.Conv2d(c // ratio, c, 1)
        )
        self.spatial = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1))

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)], dim=3)
        channels = torch.sigmoid(self.mlp(pooled).sum(dim=(2, 3), keepdim=True))
        weighed = x * channels
        maps = [weighed.amax(dim=1, keepdim=True), weighed.mean(dim=1, keepdim=True)]
        positions = torch.sigmoid(self.spatial(torch.cat(maps, dim=1)))
        return x * (channels * positions)


class Bam(nn.Module):
    """BAM: Park et al., BMVC 2018 (arXiv 1807.06514), as in Jongchan/attention-module.

    The code multiplies the channel and the spatial branch, which the paper adds.
    """

    def __init__(self, c: int, ratio: int = 16, dilation: int = 4) -> None:
        super().__init__()
        width = c // ratio

        def dilated() -> nn.Conv2d:
            return nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)

        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(c, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, c, 1),
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(c, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            dilated(),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            dilated(),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.sigmoid(self.channel(x) * self.spatial(x))
        return torch.addcmul(x, x, mask)  # (1 + M)·x


class GlobalContext(nn.Module):
    """GC: Cao et al., ICCVW 2019 (arXiv 1904.11492), as `ContextBlock` of xvjiarui/GCNet.

    Positions are weighted by a softmax, and what is made of their sum is added to every one.
    """

    def __init__(self, c: int, ratio: int = 16) -> None:
        super().__init__()
        self.weigh = nn.Conv2d(c, 1, 1)
        self.reduce = nn.Conv2d(c, c // ratio, 1)
        self.norm = nn.LayerNorm([c // ratio, 1, 1])
        self.expand = nn.Conv2d(c // ratio, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(torch.flatten(self.weigh(x), 2), dim=2)
        context = (torch.flatten(x, 2) * weights).sum(dim=2)[:, :, None, None]
        return x + self.expand(torch.relu(self.norm(self.reduce(context))))


class Coordinate(nn.Module):
    """Coordinate attention: Hou et al., CVPR 2021 (arXiv 2103.02907), houqb/CoordAttention."""

    def __init__(self, c: int, ratio: int = 32) -> None:
        super().__init__()
        width = max(8, c // ratio)
        self.shared = nn.Sequential(nn.Conv2d(c, width, 1), nn.BatchNorm2d(width), nn.Hardswish())
        self.rows = nn.Conv2d(width, c, 1)
        self.columns = nn.Conv2d(width, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.mean(dim=3, keepdim=True)
        columns = x.mean(dim=2, keepdim=True).transpose(2, 3)
        both = self.shared(torch.cat([rows, columns], dim=2))
        height, width = rows.shape[2], columns.shape[2]
        rows = torch.sigmoid(self.rows(both[:, :, :height]))
        columns = torch.sigmoid(self.columns(both[:, :, -width:].transpose(2, 3)))
        return x * (rows * columns)


class NonLocal(nn.Module):
    """A non-local block, embedded Gaussian: Wang et al., CVPR 2018 (arXiv 1711.07971).

    Half as many channels inside, and BN after the last convolution.
    """

    def __init__(self, c: int) -> None:
        super().__init__()
        width = c // 2
        self.query = nn.Conv2d(c, width, 1)
        self.key = nn.Conv2d(c, width, 1)
        self.value = nn.Conv2d(c, width, 1)
        self.out = nn.Sequential(nn.Conv2d(width, c, 1), nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        values = torch.flatten(self.value(x), 2).transpose(1, 2)
        query = torch.flatten(self.query(x), 2).transpose(1, 2)
        weights = torch.softmax(torch.matmul(query, torch.flatten(self.key(x), 2)), dim=-1)
        mixed = torch.matmul(weights, values).transpose(1, 2)
        return x + self.out(torch.unflatten(mixed, 2, x.shape[2:]))
