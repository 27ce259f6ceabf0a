"""RepVGG-A0 in its training form: Ding et al., CVPR 2021 (arXiv 2101.03697), section 3."""

from __future__ import annotations

from torch import Tensor, nn

from restated.resnet import Network, conv_norm


class Unit(nn.Module):
    """ReLU of 3×3 + 1×1 + identity, BN after each; no identity where the shape changes."""

    def __init__(self, cin: int, c: int, stride: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*conv_norm(cin, c, 3, stride))
        self.point = nn.Sequential(*conv_norm(cin, c, 1, stride))
        self.identity = nn.BatchNorm2d(c) if stride == 1 and cin == c else None
        self.activate = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.dense(x) + self.point(x)
        return self.activate(y if self.identity is None else y + self.identity(x))


def repvgg_a0() -> Network:
    shapes = [(48, 2, 2), (96, 2, 4), (192, 2, 14), (1280, 2, 1)]
    return Network([Unit(3, 48, 2)], 48, Unit, shapes, 1000)
