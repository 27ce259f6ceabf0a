"""Receptive fields against published ones, and position by position against gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import Phase, given, settings
from strategies import small_specs
from torch import nn

import archcompiler
from archcompiler.analysis.receptive_field import ReceptiveField
from archcompiler.ops import ChannelNorm, Gate, Interpolate, SpatialNorm


def stages(name: str, **options: bool) -> list[int]:
    graph = archcompiler.compile(f"specs/{name}.toml").graph
    fields = ReceptiveField(graph, **options)
    return [fields.network(0, step.name).size for step in graph.root.steps[:-1]]


def test_resnet_50() -> None:
    # Araujo et al., Computing Receptive Fields of Convolutional Neural Networks, Distill 2019,
    # equation 2, with the stride in the 3×3 convolution; the last is well known as 427.
    assert stages("baselines/resnet50") == [11, 35, 91, 267, 427]


def test_the_trunk_of_attention_56_by_hand() -> None:
    # Per stage 1, 1, 1, 3 plain units and p + t + p = 4 of a module, of one 3×3 convolution each.
    assert stages("attention56", masks=False) == [11, 51, 123, 267, 427]


def test_masks_see_further_than_the_trunk() -> None:
    field = zip(stages("attention56"), stages("attention56", masks=False), strict=True)
    assert [a > b for a, b in field] == [False, True, True, True, True]


def test_the_input_bounds_what_is_seen() -> None:
    assert stages("attention56", clip=True)[1:] == [224] * 4


class Seeing(nn.Module):
    """A feature map before the head, of which every operator lets every gradient through."""

    def __init__(self, network: archcompiler.CompiledNetwork) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = network.module().double().eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
            # Means with unequal weights: no way fades out, and no two channels are alike, which a
            # mask of norms over channels would cancel.
            if parameter.dim() == 4:
                nn.init.uniform_(parameter, 0.2, 1.8).div_(parameter[0].numel())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.forward_features(x)


def seen(module: Seeing, x: torch.Tensor, axis: int, faintest: float) -> list[tuple[int, int]]:
    """First and last input position with a gradient, for each output position."""
    dim = 2 + axis
    x = x.clone().requires_grad_()
    output = module(x)
    windows = []
    for position in range(output.shape[dim]):
        (gradient,) = torch.autograd.grad(output.select(dim, position).sum(), x, retain_graph=True)
        other = tuple(d for d in range(4) if d != dim)
        used = gradient.abs().sum(other)
        (where,) = torch.nonzero(used > faintest * used.max(), as_tuple=True)
        windows.append((int(where[0]), int(where[-1])))
    return windows


def rounds(spec: dict[str, Any]) -> bool:
    """Whether a weight of 0 may come out as 1e-16: bilinear interpolation onto a position."""
    return spec["attention"]["mask"].get("interpolation", {}) not in ({}, {"mode": "nearest"})


def modules(spec: dict[str, Any]) -> int:
    return sum(stage["modules"] for stage in spec["stages"])


# Through two masks the faintest gradients are as small as those roundings.
@given(small_specs().filter(lambda spec: 1 <= modules(spec) <= (1 if rounds(spec) else 2)))
@settings(max_examples=10, phases=[Phase.generate])
@pytest.mark.usefixtures("averaging")
def test_every_window_is_what_gradients_see(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    graph = network.graph
    module = Seeing(network)
    x = torch.rand(1, *spec["input"], dtype=torch.float64) + 0.5
    fields = ReceptiveField(graph, clip=True)
    last = graph.root.steps[-2].name
    faintest = 1e-15 if rounds(spec) else 0.0
    for axis in (0, 1):
        windows = fields.network(axis, last)
        expected = seen(module, x, axis, faintest)
        assert list(zip(windows.first, windows.last, strict=True)) == expected


@pytest.fixture(scope="module")
def averaging() -> Any:
    """Max pooling passes a gradient to one element of its window, an average to all; a sigmoid
    passes nothing on where it saturates, a softsign always something, and so for a norm over
    channels, which like the two is an operator on each position by itself.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "sigmoid", lambda x: 0.5 + 0.5 * F.softsign(x))
        patch.setattr(F, "max_pool2d", average)
        patch.setattr(F, "normalize", lambda x, dim: F.softsign(x))
        yield


def average(
    x: torch.Tensor,
    kernel: int,
    stride: int,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> torch.Tensor:
    return F.avg_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode)


def test_operators_that_look_at_a_whole_map() -> None:
    assert SpatialNorm().window(3, 9, 9, 0) == (0, 8)
    assert ChannelNorm().window(3, 9, 9, 0) == Gate().window(3, 9, 9, 0) == (3, 3)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("size", "output"), [(1, 3), (2, 3), (4, 7), (7, 14), (5, 5), (9, 4)])
def test_interpolation_reads_what_torch_reads(
    mode: Any, align_corners: bool, size: int, output: int
) -> None:
    op = Interpolate(mode, align_corners and mode == "bilinear")
    corners = None if mode == "nearest" else align_corners
    weights = F.interpolate(
        torch.eye(size, dtype=torch.float64)[None, :, :, None],
        size=(output, 1),
        mode=mode,
        align_corners=corners,
    )[0, :, :, 0]
    for position in range(output):
        (read,) = torch.nonzero(weights[:, position] > 1e-12, as_tuple=True)
        assert op.window(position, size, output, 0) == (int(read[0]), int(read[-1]))
