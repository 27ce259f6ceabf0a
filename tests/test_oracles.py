"""Emitted networks against other implementations of the same network, written for this test."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from emitted_model import CLOSE, Emitted
from shipped import ROOT
from torch import Tensor

import archcompiler
from archcompiler.ir import Block

# Independent implementations, from the paper's words and torchvision's layout.


class Weights:
    """A state dict, read by scope and, for one that goes in order, by position."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}

    def at(self, scope: str) -> Weights:
        start = f"{scope}."
        return Weights(
            {k.removeprefix(start): v for k, v in self.state.items() if k.startswith(start)}
        )

    def scopes(self, word: str) -> list[Weights]:
        names = dict.fromkeys(k.partition(".")[0] for k in self.state if k.startswith(word))
        return [self.at(name) for name in names]

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def bn_relu(self, name: str, x: Tensor) -> Tensor:
        names = ("running_mean", "running_var", "weight", "bias")
        mean, var, scale, shift = (self.state[f"{name}.{n}"][:, None, None] for n in names)
        return ((x - mean) / (var + 1e-5).sqrt() * scale + shift).clamp(min=0)


def preact_units(weights: Weights, x: Tensor) -> Tensor:
    for unit in weights.scopes("unit"):
        x = preact_unit(unit, x)
    return x


def preact_unit(unit: Weights, x: Tensor) -> Tensor:
    y = unit.conv("conv1", unit.bn_relu("norm1", x))
    y = unit.conv("conv2", unit.bn_relu("norm2", y))
    return x + unit.conv("conv3", unit.bn_relu("norm3", y))


def encoder_decoder(weights: Weights, x: Tensor, depth: int) -> Tensor:
    """Section 3.1 as one pass down and one up, instead of the emitted recursion."""
    levels = [weights]
    for _ in range(depth - 1):
        levels.append(levels[-1].at("inner"))
    sizes, skips, y = [], [], x
    for level in levels:
        sizes.append(y.shape[-2:])
        y = preact_units(level.at("down"), F.max_pool2d(y, 3, 2, ceil_mode=True))
        if level is not levels[-1]:
            skips.append(preact_unit(level.at("skip"), y))
    for level, size in zip(levels[::-1], sizes[::-1], strict=True):
        if level is not levels[-1]:
            y = preact_units(level.at("up"), y + skips.pop())
        y = F.interpolate(y, size=tuple(size), mode="bilinear", align_corners=True)
    return y


def attention_module(weights: Weights, x: Tensor, module: Block) -> Tensor:
    branch = module.step("mask").body
    assert isinstance(branch, Block)
    x = preact_units(weights.at("pre"), x)
    trunk, mask = preact_units(weights.at("trunk"), x), weights.at("mask")
    if branch.name == "local":
        y = preact_units(mask.at("units"), x)
    else:
        y = encoder_decoder(mask.at("hourglass"), x, branch.options["depth"])
    y = mask.conv("conv2", mask.bn_relu("norm2", mask.conv("conv1", mask.bn_relu("norm1", y))))
    activations: dict[str, Callable[[], Tensor]] = {
        "mixed": lambda: 1 / (1 + torch.exp(-y)),
        "channel": lambda: y / y.square().sum(dim=1, keepdim=True).sqrt(),
        "spatial": lambda: 1 / (1 + torch.exp(-standardised(y))),
    }
    m = activations[branch.options.get("activation", "mixed")]()
    naive = module.options.get("learning") == "naive"
    gated = m * trunk if naive else (1 + m) * trunk
    return preact_units(weights.at("post"), gated)


def standardised(y: Tensor) -> Tensor:
    mean = y.mean(dim=(2, 3), keepdim=True)
    return (y - mean) / (y.var(dim=(2, 3), keepdim=True, unbiased=False) + 1e-5).sqrt()


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("kind", ["", "_naive", "_channel", "_spatial", "_local"])
def test_attention_module_against_plain_tensors(kind: str, stage: int) -> None:
    small = Emitted(archcompiler.compile(ROOT / f"specs/attention56_cifar{kind}.toml"))
    block = small.network.graph.root.step(f"stage{stage}").body.step("attention1").body
    module = small.model().get_submodule(f"stage{stage}.attention1")
    x = torch.randn(2, block.input.channels, *block.input.size)
    weights = Weights(small.state).at(f"stage{stage}.attention1")
    with torch.no_grad():
        expected = attention_module(weights, x, block)
        torch.testing.assert_close(module(x), expected, **CLOSE)


def resnet(state: dict[str, Tensor], units: tuple[int, ...], groups: int, x: Tensor) -> Tensor:
    """ResNet of torchvision in eval mode; its weights come in the order of its own state dict."""
    tensors = iter([v for k, v in state.items() if not k.endswith("num_batches_tracked")])

    def conv_bn(x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
        kernel = next(tensors)
        scale, shift, mean, var = (next(tensors) for _ in range(4))
        x = F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2, groups=groups)
        return F.batch_norm(x, mean, var, scale, shift)

    x = F.max_pool2d(F.relu(conv_bn(x, 2)), 3, 2, padding=1)
    for layer, count in enumerate(units):
        for unit in range(count):
            stride = 2 if layer and not unit else 1
            y = F.relu(conv_bn(x))
            y = F.relu(conv_bn(y, stride, groups))
            y = conv_bn(y)
            x = F.relu(y + (x if unit else conv_bn(x, stride)))
    logits = F.linear(x.mean(dim=(2, 3)), next(tensors), next(tensors))
    assert next(tensors, None) is None
    return logits


@pytest.mark.parametrize(
    ("name", "units", "groups"),
    [
        ("resnet50", (3, 4, 6, 3), 1),
        ("resnet152", (3, 8, 36, 3), 1),
        ("resnext101_32x4d", (3, 4, 23, 3), 32),
    ],
)
def test_baseline_against_another_implementation(
    name: str, units: tuple[int, ...], groups: int
) -> None:
    baseline = Emitted(archcompiler.compile(ROOT / f"specs/baselines/{name}.toml"))
    with torch.no_grad():
        logits = resnet(baseline.state, units, groups, baseline.x)
    torch.testing.assert_close(baseline.logits, logits, **CLOSE)
