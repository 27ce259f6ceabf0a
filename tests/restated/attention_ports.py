"""Ports of the Residual Attention Network (Wang et al., CVPR 2017, arXiv 1704.06904).

- gluon: `gluoncv/model_zoo/residual_attentionnet.py` of dmlc/gluon-cv, by MXNet. PyTorch's
  `pytorchcv/models/resattnet.py` of osmr/imgclsmob is the same network but for its classifier, a
  linear layer.
- tengshaofeng: `model/` of tengshaofeng/ResidualAttentionNetwork-pytorch. Its units register a
  projection each and call it only where the shape changes; the idle ones are left out here, and
  `idle_projections` counts them.

Both differ from the released network in the same ways: pools are padded, a level's own map is added
beside its skip unit, the trunk is added before the mask's head, and one unit follows the gate.
Their average pools of 7×7 (8×8, 4×4) at stride 1 leave one pixel at the size that they are made
for; here they are adaptive. Interpolations go to the size of another map, not to a written one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = {"gluon": 1000, "gluon_cifar": 10, "tengshaofeng": 10}
"""The classifiers that the ports have by default."""


def norm_act(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())


class Unit(nn.Module):
    """Pre-activation bottleneck, a quarter as wide inside; it projects the activated map."""

    def __init__(self, cin: int, c: int, stride: int = 1) -> None:
        super().__init__()
        self.first = norm_act(cin)
        self.reduce = nn.Conv2d(cin, c // 4, 1, bias=False)
        self.second = norm_act(c // 4)
        self.spatial = nn.Conv2d(c // 4, c // 4, 3, stride, padding=1, bias=False)
        self.third = norm_act(c // 4)
        self.expand = nn.Conv2d(c // 4, c, 1, bias=False)
        changes = stride != 1 or cin != c
        self.project = nn.Conv2d(cin, c, 1, stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = self.first(x)
        y = self.spatial(self.second(self.reduce(active)))
        shortcut = x if self.project is None else self.project(active)
        return self.expand(self.third(y)) + shortcut


def units(c: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Unit(c, c) for _ in range(count)))


def resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)


class Mask(nn.Module):
    """`depth` levels down and up, then two 1×1 convolutions; at depth 0, 2·r units and these."""

    def __init__(self, c: int, depth: int, r: int) -> None:
        super().__init__()
        inner = max(depth - 1, 0)
        self.depth = depth
        self.down = nn.ModuleList(units(c, r) for _ in range(inner))
        self.skip = nn.ModuleList(Unit(c, c) for _ in range(inner))
        self.bottom = units(c, 2 * r)
        self.up = nn.ModuleList(units(c, r) for _ in range(inner))
        self.head = nn.Sequential(
            norm_act(c),
            nn.Conv2d(c, c, 1, bias=False),
            norm_act(c),
            nn.Conv2d(c, c, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor, trunk: Tensor) -> Tensor:
        if self.depth == 0:
            return self.head(self.bottom(x))
        levels = []
        for down, skip in zip(self.down, self.skip, strict=True):
            x = down(self.pool(x))
            levels.append((x, skip(x)))
        x = self.bottom(self.pool(x))
        for up, (level, skipped) in zip(self.up, reversed(levels), strict=True):
            x = up(resize(x, level) + level + skipped)
        return self.head(resize(x, trunk) + trunk)

    @staticmethod
    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, padding=1)


class Module(nn.Module):
    """An attention module: p units, t trunk units beside the mask, (1 + M)·T, one unit."""

    def __init__(self, c: int, depth: int, p: int, t: int, r: int) -> None:
        super().__init__()
        self.before = units(c, p)
        self.trunk = units(c, t)
        self.mask = Mask(c, depth, r)
        self.after = Unit(c, c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        trunk = self.trunk(x)
        return self.after(torch.addcmul(trunk, trunk, self.mask(x, trunk)))


Stage = tuple[int, int, int, int]
"""Channels, stride, number of modules, depth of their masks."""


class Network(nn.Module):
    """Stem, stages of a unit and modules, three units more, a head.

    `stem` is (channels, kernel, stride), `pool` (kernel, stride, padding) or None; `last` gives the
    stride of the first of the three units. `flat` is a linear classifier, else a 1×1 convolution.
    """

    def __init__(
        self,
        stem: tuple[int, int, int],
        pool: tuple[int, int, int] | None,
        stages: list[Stage],
        last: int,
        ptr: tuple[int, int, int],
        classes: int,
        flat: bool,
    ) -> None:
        super().__init__()
        c, kernel, stride = stem
        self.stem = nn.Sequential(
            nn.Conv2d(3, c, kernel, stride, padding=kernel // 2, bias=False), norm_act(c)
        )
        if pool is not None:
            self.stem.append(nn.MaxPool2d(*pool))
        body: list[nn.Module] = []
        for wider, stride, modules, depth in stages:
            body.append(Unit(c, wider, stride))
            body += [Module(wider, depth, *ptr) for _ in range(modules)]
            c = wider
        body += [Unit(c, 2 * c, last), Unit(2 * c, 2 * c), Unit(2 * c, 2 * c)]
        self.body = nn.Sequential(*body)
        self.last = nn.Sequential(norm_act(2 * c), nn.AdaptiveAvgPool2d(1))
        self.flat = flat
        self.classifier = nn.Linear(2 * c, classes) if flat else nn.Conv2d(2 * c, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(self.body(self.stem(x)))
        if self.flat:
            return self.classifier(torch.flatten(x, 1))
        return torch.flatten(self.classifier(x), 1)


GLUON = {
    56: ((1, 1, 1), (1, 2, 1)),
    92: ((1, 2, 3), (1, 2, 1)),
    128: ((2, 3, 4), (1, 2, 1)),
    164: ((3, 4, 5), (1, 2, 1)),
    200: ((4, 5, 6), (1, 2, 1)),
    236: ((5, 6, 7), (1, 2, 1)),
    452: ((5, 6, 7), (2, 4, 3)),
}
"""Modules of the three stages, and (p, t, r), by the number in the name."""


def gluon(layers: int) -> Network:
    """gluon-cv's `residualattentionnet<layers>`, 3×224×224, 1000 classes."""
    modules, ptr = GLUON[layers]
    shapes = zip((256, 512, 1024), (1, 2, 2), modules, (3, 2, 1), strict=True)
    return Network((64, 7, 2), (3, 2, 1), list(shapes), 2, ptr, CLASSES["gluon"], flat=False)


def gluon_cifar(layers: int, narrow: int = 1) -> Network:
    """gluon-cv's `cifar_residualattentionnet<layers>`, 3×32×32, 10 classes.

    Every layer has so many times fewer channels as `narrow` says.
    """
    modules, ptr = GLUON[layers]
    widths = [c // narrow for c in (128, 256, 512)]
    shapes = zip(widths, (1, 2, 2), modules, (2, 1, 0), strict=True)
    stem = (32 // narrow, 3, 1)
    return Network(stem, None, list(shapes), 1, ptr, CLASSES["gluon_cifar"], flat=False)


def tengshaofeng(name: str, narrow: int = 1) -> Network:
    """`ResidualAttentionModel_<name>`: 56, 92, 448input, 92_32input, …_update; 10 classes.

    Every layer has so many times fewer channels as `narrow` says.
    """
    wide = [(256, 1, 1, 3), (512, 2, 1, 2), (1024, 2, 1, 1)]
    deep = [(256, 1, 1, 3), (512, 2, 2, 2), (1024, 2, 3, 1)]
    large = [(128, 1, 1, 4), (256, 2, 1, 3), *deep[1:]]
    small = [(128, 1, 1, 2), (256, 2, 2, 1), (512, 2, 3, 0)]
    stem, pool, stages, last = {
        "56": ((64, 7, 2), (3, 2, 1), wide, 2),
        "92": ((64, 7, 2), (3, 2, 1), deep, 2),
        "448input": ((64, 7, 2), (3, 2, 1), large, 2),
        "92_32input": ((32, 5, 1), (2, 2, 0), small, 1),
        "92_32input_update": ((32, 3, 1), None, small, 1),
    }[name]
    c, *window = stem
    stages = [(wider // narrow, *rest) for wider, *rest in stages]
    stem = (c // narrow, *window)
    return Network(stem, pool, stages, last, (1, 2, 1), CLASSES["tengshaofeng"], flat=True)


def with_idle_projections(network: nn.Module) -> nn.Module:
    """The network with the projections that tengshaofeng's units register and never call."""
    for unit in network.modules():
        if isinstance(unit, Unit) and unit.project is None:
            c = unit.expand.out_channels
            unit.idle = nn.Conv2d(c, c, 1, bias=False)
    return network


def idle_projections(network: nn.Module) -> int:
    """Parameters of the projections that tengshaofeng's units register and never call."""
    kept = [m for m in network.modules() if isinstance(m, Unit) and m.project is None]
    return sum(unit.expand.out_channels**2 for unit in kept)
