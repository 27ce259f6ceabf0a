"""The Keras port of the Residual Attention Network in qubvel/residual_attention_network.

Unlike the paper's: every convolution has a bias; a unit projects its raw input unless the width
inside it equals its output's; a mask's up units come before the interpolation and the skip after
it; interpolation is nearest; nothing stands between the head's two convolutions.

Keras pads `same` on the right where a stride leaves a choice; here padding is even on both sides,
which changes no size and no count. BN has Keras's eps 1e-3 and momentum 0.99.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def norm_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01), nn.ReLU())


class Unit(nn.Module):
    """Pre-activation bottleneck of width `width`, by default a quarter of its output."""

    def __init__(self, cin: int, c: int, stride: int = 1, width: int | None = None) -> None:
        super().__init__()
        width = c // 4 if width is None else width
        self.body = nn.Sequential(
            norm_act(cin),
            nn.Conv2d(cin, width, 1),
            norm_act(width),
            nn.Conv2d(width, width, 3, stride, padding=1),
            norm_act(width),
            nn.Conv2d(width, c, 1),
        )
        project = width != c or stride != 1
        self.project = nn.Conv2d(cin, c, 1, stride) if project else None

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + (x if self.project is None else self.project(x))


class Module(nn.Module):
    """p, t, r = 1, 2, 1; `depth` levels down, each a pool and a unit, and as many up."""

    def __init__(self, c: int, depth: int) -> None:
        super().__init__()
        self.before = Unit(c, c)
        self.trunk = nn.Sequential(Unit(c, c), Unit(c, c))
        self.down = nn.ModuleList(Unit(c, c) for _ in range(depth))
        self.skip = nn.ModuleList(Unit(c, c) for _ in range(depth - 1))
        self.up = nn.ModuleList(Unit(c, c) for _ in range(depth))
        self.head = nn.Sequential(nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1), nn.Sigmoid())
        self.after = Unit(c, c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        trunk = self.trunk(x)
        y = self.down[0](F.max_pool2d(x, 2, 2))
        skips = []
        for down, skip in zip(list(self.down)[1:], self.skip, strict=True):
            skips.append(skip(y))
            y = down(F.max_pool2d(y, 2, 2))
        for up, skipped in zip(list(self.up)[:-1], reversed(skips), strict=True):
            y = F.interpolate(up(y), size=skipped.shape[-2:], mode="nearest") + skipped
        y = F.interpolate(self.up[-1](y), size=trunk.shape[-2:], mode="nearest")
        return self.after(torch.addcmul(trunk, trunk, self.head(y)))


class Network(nn.Module):
    def __init__(self, stem: nn.Sequential, body: list[nn.Module], c: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(stem, *body, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(c, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


def attention(layers: int, classes: int = 100) -> Network:
    """`AttentionResNet56` and `AttentionResNet92`, 3×224×224."""
    stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, padding=3), norm_act(64), nn.MaxPool2d(3, 2, 1))
    modules = {56: (1, 1, 1), 92: (1, 2, 3)}[layers]
    body: list[nn.Module] = []
    for cin, c, stride, count, depth in zip(
        (64, 256, 512), (256, 512, 1024), (1, 2, 2), modules, (3, 2, 1), strict=True
    ):
        body += [Unit(cin, c, stride), *(Module(c, depth) for _ in range(count))]
    body += [Unit(1024, 2048, 2), Unit(2048, 2048), Unit(2048, 2048)]
    return Network(stem, body, 2048, classes)


def attention_cifar(classes: int = 10, narrow: int = 1) -> Network:
    """`AttentionResNetCifar10`, 3×32×32. Units outside the modules are as wide as their input.

    Every layer has so many times fewer channels as `narrow` says.
    """
    a, b, c, d, e = (width // narrow for width in (32, 128, 256, 512, 1024))
    stem = nn.Sequential(nn.Conv2d(3, a, 5, padding=2), norm_act(a), nn.MaxPool2d(2, 2))
    body = [
        Unit(a, b, width=a),
        Module(b, 2),
        Unit(b, c, 2, width=b),
        Module(c, 1),
        Unit(c, d, 2, width=c),
        Module(d, 1),
        Unit(d, e, width=d),
        Unit(e, e, width=e),
        Unit(e, e, width=e),
    ]
    return Network(stem, body, e, classes)
