"""RegNetX-400MF: Radosavovic et al., CVPR 2020 (arXiv 2003.13678).

pycls and timm round the last stage to 384 channels, torchvision to 400. Units have no bottleneck
and groups 16 channels wide; every stage begins with a stride.
"""

from __future__ import annotations

from torch import nn

from restated.resnet import Network, bottleneck, conv_norm


def regnetx_400mf(last: int = 384) -> Network:
    def unit(cin: int, c: int, stride: int) -> nn.Module:
        return bottleneck(groups=c // 16, reduction=1)(cin, c, stride)

    shapes = [(32, 2, 1), (64, 2, 2), (160, 2, 7), (last, 2, 12)]
    return Network([*conv_norm(3, 32, 3, 2), nn.ReLU()], 32, unit, shapes, 1000)
