"""Layers that keep their weights as Keras does: kernels (height, width, in, out), and its names."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Conv2D(nn.Module):
    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.strides, self.padding = conv.stride, conv.padding
        self.kernel = nn.Parameter(conv.weight.detach().permute(2, 3, 1, 0).contiguous())
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel.permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, self.bias, stride=self.strides, padding=self.padding)


class BatchNormalization(nn.Module):
    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.epsilon, self.momentum = norm.eps, norm.momentum
        self.gamma, self.beta = norm.weight, norm.bias
        self.register_buffer("moving_mean", norm.running_mean)
        self.register_buffer("moving_variance", norm.running_var)

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x,
            self.moving_mean,
            self.moving_variance,
            self.gamma,
            self.beta,
            momentum=self.momentum,
            eps=self.epsilon,
        )


class Dense(nn.Module):
    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.kernel = nn.Parameter(linear.weight.detach().t().contiguous())
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.kernel.t(), self.bias)


LAYERS = {nn.Conv2d: Conv2D, nn.BatchNorm2d: BatchNormalization, nn.Linear: Dense}


def keras_layout(module: nn.Module) -> nn.Module:
    """The module with every layer that has weights as one of Keras."""
    for parent in list(module.modules()):
        for name, part in parent.named_children():
            if type(part) in LAYERS:
                setattr(parent, name, LAYERS[type(part)](part))
    return module
