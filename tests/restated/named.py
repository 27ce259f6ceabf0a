"""ResNets and ResNeXts with the names that torchvision and timm give their layers.

The names are public: every checkpoint has them. -D, as timm has it, begins each `downsample` with a
pool, or with nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, cin: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class SqueezeExcite(nn.Module):
    """timm's `SEModule`, a sixteenth as wide inside."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(c, c // 16, 1)
        self.act = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(c // 16, c, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(
        self,
        cin: int,
        planes: int,
        stride: int,
        downsample: nn.Module | None,
        groups: int = 1,
        base: int = 64,
        se: bool = False,
    ) -> None:
        super().__init__()
        width = int(planes * base / 64) * groups
        self.conv1 = nn.Conv2d(cin, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, planes * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * 4)
        self.relu = nn.ReLU(inplace=True)
        self.se = SqueezeExcite(planes * 4) if se else None
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.se is not None:
            out = self.se(out)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """`layers` are the units of the four stages; `deep` is the stem and the shortcuts of -D.

    Every layer has so many times fewer channels as `narrow` says.
    """

    def __init__(
        self,
        layers: tuple[int, int, int, int],
        groups: int = 1,
        base: int = 64,
        basic: bool = False,
        se: bool = False,
        deep: bool = False,
        narrow: int = 1,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        c = 64 // narrow
        self.kind = {"basic": basic, "groups": groups, "base": base, "se": se, "deep": deep}
        self.inplanes = c
        if deep:
            self.conv1: nn.Module = nn.Sequential(
                nn.Conv2d(3, 32, 3, 2, padding=1, bias=False),
                nn.BatchNorm2d(32),
                nn.ReLU(inplace=True),
                nn.Conv2d(32, 32, 3, padding=1, bias=False),
                nn.BatchNorm2d(32),
                nn.ReLU(inplace=True),
                nn.Conv2d(32, c, 3, padding=1, bias=False),
            )
        else:
            self.conv1 = nn.Conv2d(3, c, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self.layer(c, layers[0], 1)
        self.layer2 = self.layer(2 * c, layers[1], 2)
        self.layer3 = self.layer(4 * c, layers[2], 2)
        self.layer4 = self.layer(8 * c, layers[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(self.inplanes, classes)

    def layer(self, planes: int, count: int, stride: int) -> nn.Sequential:
        units = []
        for i in range(count):
            expansion = 1 if self.kind["basic"] else 4
            step = stride if i == 0 else 1
            downsample = None
            if step != 1 or self.inplanes != planes * expansion:
                downsample = self.shortcut(planes * expansion, step)
            if self.kind["basic"]:
                units.append(BasicBlock(self.inplanes, planes, step, downsample))
            else:
                more = (self.kind["groups"], self.kind["base"], self.kind["se"])
                units.append(Bottleneck(self.inplanes, planes, step, downsample, *more))
            self.inplanes = planes * expansion
        return nn.Sequential(*units)

    def shortcut(self, c: int, stride: int) -> nn.Sequential:
        if not self.kind["deep"]:
            conv = nn.Conv2d(self.inplanes, c, 1, stride, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(c))
        pool: nn.Module = nn.Identity()
        if stride != 1:
            pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
        conv = nn.Conv2d(self.inplanes, c, 1, bias=False)
        return nn.Sequential(pool, conv, nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


NETWORKS = {
    "resnet18": ((2, 2, 2, 2), {"basic": True}),
    "resnet34": ((3, 4, 6, 3), {"basic": True}),
    "resnet50": ((3, 4, 6, 3), {}),
    "resnet101": ((3, 4, 23, 3), {}),
    "resnet152": ((3, 8, 36, 3), {}),
    "resnext50_32x4d": ((3, 4, 6, 3), {"groups": 32, "base": 4}),
    "resnext101_32x4d": ((3, 4, 23, 3), {"groups": 32, "base": 4}),
    "resnext101_32x8d": ((3, 4, 23, 3), {"groups": 32, "base": 8}),
    "resnext101_64x4d": ((3, 4, 23, 3), {"groups": 64, "base": 4}),
    "wide_resnet50_2": ((3, 4, 6, 3), {"base": 128}),
    "wide_resnet101_2": ((3, 4, 23, 3), {"base": 128}),
    "seresnet50": ((3, 4, 6, 3), {"se": True}),
    "resnet50d": ((3, 4, 6, 3), {"deep": True}),
}
"""By the names that both projects give them."""


def resnet(name: str) -> ResNet:
    layers, options = NETWORKS[name]
    return ResNet(layers, **options)


def small_resnet(name: str) -> ResNet:
    """The same with a quarter of the channels, and 1, 2, 1 and 1 units."""
    return ResNet((1, 2, 1, 1), **NETWORKS[name][1], narrow=4)
