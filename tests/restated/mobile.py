"""Networks of inverted residual units, 3×224×224, 1000 classes, as torchvision builds them.

MobileNetV2: Sandler et al., CVPR 2018 (arXiv 1801.04381). EfficientNet-B0: Tan and Le, ICML 2019
(arXiv 1905.11946), without its stochastic depth, which does nothing in inference.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

MakeModule = Callable[[], nn.Module]


def conv_norm_act(
    cin: int, c: int, kernel: int, stride: int, act: MakeModule, depthwise: bool = False
) -> nn.Sequential:
    groups = cin if depthwise else 1
    conv = nn.Conv2d(cin, c, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c), act())


class Squeeze(nn.Module):
    """SE as wide inside as a quarter of the unit's input, with SiLU."""

    def __init__(self, c: int, width: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(c, width, 1),
            nn.SiLU(),
            nn.Conv2d(width, c, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class Inverted(nn.Module):
    """1×1 up to `expansion` times the width, depthwise, a gate, 1×1 down without activation."""

    def __init__(
        self,
        cin: int,
        c: int,
        kernel: int,
        stride: int,
        expansion: int,
        act: MakeModule,
        gate: Callable[[int, int], nn.Module | None],
    ) -> None:
        super().__init__()
        width = cin * expansion
        steps: list[nn.Module] = []
        if expansion != 1:
            steps.append(conv_norm_act(cin, width, 1, 1, act))
        steps.append(conv_norm_act(width, width, kernel, stride, act, depthwise=True))
        gated = gate(cin, expansion)
        if gated is not None:
            steps.append(gated)
        steps += [nn.Conv2d(width, c, 1, bias=False), nn.BatchNorm2d(c)]
        self.residual = nn.Sequential(*steps)
        self.keeps = stride == 1 and cin == c

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        return x + y if self.keeps else y


class Network(nn.Module):
    """`stages` are (expansion, channels, units, stride, kernel)."""

    def __init__(
        self,
        stages: list[tuple[int, int, int, int, int]],
        act: MakeModule,
        gate: Callable[[int, int], nn.Module | None],
        dropout: float,
    ) -> None:
        super().__init__()
        cin = 32
        body: list[nn.Module] = [conv_norm_act(3, cin, 3, 2, act)]
        for expansion, c, count, stride, kernel in stages:
            for i in range(count):
                first = stride if i == 0 else 1
                body.append(Inverted(cin, c, kernel, first, expansion, act, gate))
                cin = c
        body += [conv_norm_act(cin, 1280, 1, 1, act), nn.AdaptiveAvgPool2d(1)]
        self.features = nn.Sequential(*body)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(torch.flatten(self.features(x), 1)))


MOBILENET = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
]
EFFICIENTNET = [
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
]


def mobilenet_v2(gate: Callable[[int], nn.Module] | None = None) -> Network:
    """Gates, if any, stand after the depthwise convolution of units that expand."""

    def placed(cin: int, expansion: int) -> nn.Module | None:
        return None if gate is None or expansion == 1 else gate(cin * expansion)

    return Network(MOBILENET, nn.ReLU6, placed, 0.2)


def efficientnet_b0() -> Network:
    return Network(
        EFFICIENTNET, nn.SiLU, lambda cin, expansion: Squeeze(cin * expansion, cin // 4), 0.2
    )
