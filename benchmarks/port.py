"""Attention-56 in the style of the PyTorch port that is copied most, written again here.

What is in the style: batch normalisation and an in-place ReLU as modules of their own in every
unit, each with a projection whether it is called or not; maps resized by `nn.UpsamplingBilinear2d`
to sizes that are written down; sums one at a time; a mask whose layers are called softmax and end
in a sigmoid; (1 + M)·T as an addition and a product. The network is the port's too (that of the
spec `tengshaofeng56`, whose parameters are those that are called here).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Pre-activation bottleneck; (N, cin, H, W) to (N, c, H / stride, W / stride)."""

    def __init__(self, cin: int, c: int, stride: int = 1) -> None:
        super().__init__()
        self.cin, self.c, self.stride = cin, c, stride
        self.bn1 = nn.BatchNorm2d(cin)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(cin, c // 4, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c // 4)
        self.conv2 = nn.Conv2d(c // 4, c // 4, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(c // 4)
        self.conv3 = nn.Conv2d(c // 4, c, 1, bias=False)
        self.conv4 = nn.Conv2d(cin, c, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        first = self.relu(self.bn1(x))
        if self.cin != self.c or self.stride != 1:
            residual = self.conv4(first)
        out = self.conv1(first)
        out = self.relu(self.bn2(out))
        out = self.conv2(out)
        out = self.relu(self.bn3(out))
        out = self.conv3(out)
        out += residual
        return out


class AttentionModule(nn.Module):
    """A trunk of two units beside a mask, and a unit each before and behind; keeps the shape.

    `sizes` are the pixels a side of the trunk and of each level below it but the last.
    """

    def __init__(self, c: int, sizes: Sequence[int]) -> None:
        super().__init__()
        levels = len(sizes) - 1
        self.first_residual_blocks = ResidualBlock(c, c)
        self.trunk_branches = nn.Sequential(ResidualBlock(c, c), ResidualBlock(c, c))
        self.mpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.down = nn.ModuleList(ResidualBlock(c, c) for _ in range(levels))
        self.skip = nn.ModuleList(ResidualBlock(c, c) for _ in range(levels))
        self.bottom = nn.Sequential(ResidualBlock(c, c), ResidualBlock(c, c))
        self.interpolation = nn.ModuleList(nn.UpsamplingBilinear2d(size=(s, s)) for s in sizes)
        self.up = nn.ModuleList(ResidualBlock(c, c) for _ in range(levels))
        self.softmax_last = nn.Sequential(
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 1, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 1, bias=False),
            nn.Sigmoid(),
        )
        self.last_blocks = ResidualBlock(c, c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first_residual_blocks(x)
        out_trunk = self.trunk_branches(x)
        out_softmax, out_skip = [], []
        out = x
        for down, skip in zip(self.down, self.skip, strict=True):
            out = down(self.mpool(out))
            out_softmax.append(out)
            out_skip.append(skip(out))
        out = self.bottom(self.mpool(out))
        for level in reversed(range(len(self.up))):
            out_interp = self.interpolation[level + 1](out) + out_softmax[level]
            out = out_interp + out_skip[level]
            out = self.up[level](out)
        out_interp = self.interpolation[0](out) + out_trunk
        out_mask = self.softmax_last(out_interp)
        out = (1 + out_mask) * out_trunk
        return self.last_blocks(out)


class PortAttention56(nn.Module):
    """(N, 3, size, size) to logits, (N, classes), at the one `size` that it is made for."""

    def __init__(self, classes: int = 1000, size: int = 224) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
        )
        self.mpool1 = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.stages = nn.Sequential()
        cin, side = 64, size // 4
        for c, depth in ((256, 3), (512, 2), (1024, 1)):
            stride = 1 if cin == 64 else 2
            side //= stride
            self.stages.append(ResidualBlock(cin, c, stride))
            self.stages.append(AttentionModule(c, [side >> level for level in range(depth)]))
            cin = c
        self.residual_blocks = nn.Sequential(
            ResidualBlock(1024, 2048, 2), ResidualBlock(2048, 2048), ResidualBlock(2048, 2048)
        )
        self.mpool2 = nn.Sequential(
            nn.BatchNorm2d(2048), nn.ReLU(inplace=True), nn.AvgPool2d(side // 2, stride=1)
        )
        self.fc = nn.Linear(2048, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.mpool1(self.conv1(x))
        out = self.residual_blocks(self.stages(out))
        out = self.mpool2(out)
        return self.fc(torch.flatten(out, 1))


def idle(model: nn.Module) -> int:
    """Parameters of projections that are registered and never called."""
    blocks = (m for m in model.modules() if isinstance(m, ResidualBlock))
    return sum(b.conv4.weight.numel() for b in blocks if b.cin == b.c and b.stride == 1)
