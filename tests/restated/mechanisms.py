"""Blocks of papers, each a module on maps of `c` channels, by the formula of its paper.

Parameters are made in the order in which they are used.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each position."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(c, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GlobalResponse(nn.Module):
    """GRN: Woo et al., CVPR 2023 (arXiv 2301.00808), algorithm 1."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(c, 1, 1))
        self.beta = nn.Parameter(torch.zeros(c, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        strength = torch.norm(x, p=2, dim=(2, 3), keepdim=True)
        share = strength / (strength.mean(dim=1, keepdim=True) + 1e-6)
        return torch.addcmul(self.beta, self.gamma, x * share) + x


class ConvNeXtV2(nn.Module):
    """The unit of ConvNeXt V2, figure 5 of that paper: GRN after the GELU."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm = ChannelNorm(c)
        self.wide = nn.Conv2d(c, 4 * c, 1)
        self.response = GlobalResponse(4 * c)
        self.narrow = nn.Conv2d(4 * c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.wide(self.norm(self.depthwise(x))))
        return x + self.narrow(self.response(y))


class SimAm(nn.Module):
    """Yang et al., ICML 2021, equation 5 and figure 3: x · sigmoid(1 / e*), without parameters.

    1 / e* is (t - μ)² / (4 (σ² + λ)) + 1/2, where σ² is that of a sample in the authors' code.
    """

    def __init__(self, c: int, offset: float = 1e-4) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        distance = (x - x.mean((2, 3), keepdim=True)) ** 2
        variance = x.var((2, 3), keepdim=True)
        return x * torch.sigmoid(distance / (4 * (variance + self.offset)) + 0.5)


class StylePooling(nn.Module):
    """SRM: Lee et al., ICCV 2019 (arXiv 1903.10829), equations 1 to 5.

    A weight for each channel by its mean and its standard deviation, and no other channel's.
    """

    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c, 2))
        self.norm = nn.BatchNorm2d(c)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3))
        deviation = (x.var((2, 3)) + 1e-5).sqrt()
        style = torch.stack([mean, deviation], dim=2)
        z = (style * self.weight).sum(2)
        return x * torch.sigmoid(self.norm(z[:, :, None, None]))


class Gain(nn.Module):
    """One number that is learnt, from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x


class ReZero(nn.Module):
    """Bachlechner et al., UAI 2021 (arXiv 2003.04887), equation 1: F(x) times a number."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.gain = Gain()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gain(self.conv2(F.relu(self.conv1(x))))


class SelectiveKernel(nn.Module):
    """SK: Li et al., CVPR 2019 (arXiv 1903.06586), equations 1 to 6 and figure 1, two paths.

    A 3×3 convolution, and one with a dilation of 2 for 5×5; a softmax over both for each channel.
    """

    def __init__(self, c: int, groups: int = 4, least: int = 4) -> None:
        super().__init__()
        self.near = self.path(c, 1, groups)
        self.far = self.path(c, 2, groups)
        width = max(c // 2, least)
        self.compact = nn.Sequential(
            nn.Conv2d(c, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.scores = nn.Conv2d(width, 2 * c, 1)

    @staticmethod
    def path(c: int, dilation: int, groups: int) -> nn.Module:
        conv = nn.Conv2d(c, c, 3, padding=dilation, dilation=dilation, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(c), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.near(x), self.far(x)
        compact = self.compact((near + far).mean((2, 3), keepdim=True))
        scores = self.scores(compact).view(x.shape[0], 2, x.shape[1], 1, 1)
        a, b = scores.softmax(1).view(x.shape[0], -1, 1, 1).chunk(2, 1)
        return near * a + far * b


class SelectiveKernelUnit(nn.Module):
    """The unit of SKNet-50, table 1 of that paper, where it keeps the shape of its map."""

    def __init__(self, c: int) -> None:
        super().__init__()
        width = c // 2
        self.residual = nn.Sequential(
            nn.Conv2d(c, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            SelectiveKernel(width, groups=2, least=32),
            nn.Conv2d(width, c, 1, bias=False),
            nn.BatchNorm2d(c),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.residual(x))


class SplitAttention(nn.Module):
    """Zhang et al., CVPRW 2022 (arXiv 2004.08955), equations 1 to 3: one group, a radix of 2."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, 2 * c, 3, padding=1, groups=2, bias=False)
        self.norm = nn.BatchNorm2d(2 * c)
        self.fc1 = nn.Conv2d(c, c // 2, 1)
        self.norm1 = nn.BatchNorm2d(c // 2)
        self.fc2 = nn.Conv2d(c // 2, 2 * c, 1)

    def forward(self, x: Tensor) -> Tensor:
        splits = F.relu(self.norm(self.conv(x))).chunk(2, dim=1)
        gap = (splits[0] + splits[1]).mean((2, 3), keepdim=True)
        z = self.fc2(F.relu(self.norm1(self.fc1(gap))))
        attention = torch.softmax(z.unflatten(1, (2, -1)), dim=1).flatten(1, 2)
        first, second = attention.chunk(2, dim=1)
        return first * splits[0] + second * splits[1]


class PartialConvolution(nn.Module):
    """FasterNet's unit: Chen et al., CVPR 2023 (arXiv 2303.03667), figure 4: 3×3 on a quarter."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.sizes = [c // 4, c - c // 4]
        self.partial = nn.Conv2d(c // 4, c // 4, 3, padding=1, bias=False)
        self.wide = nn.Conv2d(c, 2 * c, 1, bias=False)
        self.norm = nn.BatchNorm2d(2 * c)
        self.narrow = nn.Conv2d(2 * c, c, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        first, rest = torch.split(x, self.sizes, dim=1)
        y = torch.cat([self.partial(first), rest], dim=1)
        return x + self.narrow(F.relu(self.norm(self.wide(y))))


class LargeKernel(nn.Module):
    """Guo et al., CVMJ 2023 (arXiv 2202.09741), section 3.1: 21×21 by two depthwise ones."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(c, c, 5, padding=2, groups=c)
        self.far = nn.Conv2d(c, c, 7, padding=9, groups=c, dilation=3)
        self.point = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.point(self.far(self.near(x))) * x


class RecursiveGates(nn.Module):
    """gⁿConv: Rao et al., NeurIPS 2022 (arXiv 2207.14284), equations 3 to 5, of order 3."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.widths = [c // 4, c // 2, c]
        self.wide = nn.Conv2d(c, 2 * c, 1)
        self.depthwise = nn.Conv2d(7 * c // 4, 7 * c // 4, 7, padding=3, groups=7 * c // 4)
        self.points = nn.ModuleList([nn.Conv2d(c // 4, c // 2, 1), nn.Conv2d(c // 2, c, 1)])
        self.out = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, rest = self.wide(x).split([self.widths[0], sum(self.widths)], dim=1)
        gates = (self.depthwise(rest) * (1 / 3)).split(self.widths, dim=1)
        y = y * gates[0]
        for point, gate in zip(self.points, gates[1:], strict=True):
            y = point(y) * gate
        return self.out(y)


class DoubleAttention(nn.Module):
    """A²: Chen et al., NeurIPS 2018 (arXiv 1810.11579), equations 4 to 6."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(c, c // 2, 1)
        self.maps = nn.Conv2d(c, c // 4, 1)
        self.needs = nn.Conv2d(c, c // 4, 1)
        self.out = nn.Conv2d(c // 2, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.features(x).flatten(2)
        shares = self.maps(x).flatten(2).softmax(-1)
        gathered = torch.bmm(features, shares.transpose(1, 2))
        wishes = self.needs(x).flatten(2).softmax(1)
        return x + self.out(torch.bmm(gathered, wishes).unflatten(2, x.shape[2:]))


class LinearAttention(nn.Module):
    """Of EfficientViT: Cai et al., ICCV 2023 (arXiv 2205.14756), equation 2, one head.

    Sum over all positions of relu(q)·relu(k), as weights of their values, and by their sum.
    """

    def __init__(self, c: int) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(c, 3 * c, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).flatten(2).chunk(3, 1)
        weights = torch.einsum("ncs,nck->nsk", q.relu(), k.relu())  # of all pairs of positions
        sums = torch.einsum("nsk,nck->ncs", weights, v)
        return (sums / (weights.sum(2)[:, None] + 1e-5)).unflatten(2, x.shape[2:])


class CrossCovariance(nn.Module):
    """XCA: El-Nouby et al., NeurIPS 2021 (arXiv 2106.09681), equation 5, one head."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.q = nn.Conv2d(c, c, 1, bias=False)
        self.k = nn.Conv2d(c, c, 1, bias=False)
        self.v = nn.Conv2d(c, c, 1, bias=False)
        self.temperature = Gain()
        nn.init.ones_(self.temperature.alpha)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (conv(x).flatten(2) for conv in (self.q, self.k, self.v))
        q, k = F.normalize(q, dim=2), F.normalize(k, dim=2)
        weights = torch.softmax(self.temperature(q @ k.transpose(1, 2)), dim=2)
        return (weights @ v).unflatten(2, x.shape[2:])


class UpConvolution(nn.Module):
    """A level of U-Net: Ronneberger et al., MICCAI 2015 (arXiv 1505.04597), figure 1.

    Its up-convolution makes the size that the pooling had, which may be odd.
    """

    def __init__(self, c: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(c, 2 * c, 3, padding=1)
        self.up = nn.ConvTranspose2d(2 * c, c, 2, 2)
        self.join = nn.Conv2d(2 * c, c, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.down(F.max_pool2d(x, 2)))
        up = self.up(inner, output_size=x.shape[2:])
        return torch.sigmoid(self.join(torch.cat([x, up], dim=1)))


class SubPixel(nn.Module):
    """The last layers of ESPCN: Shi et al., CVPR 2016 (arXiv 1609.05158), equations 3 and 4."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, 4 * c, 3, padding=1, bias=False)
        self.last = nn.Conv2d(c, c, 2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.pixel_shuffle(torch.tanh(self.conv(x)), 2))
