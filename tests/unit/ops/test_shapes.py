"""Shape rules against what torch does, on the meta device."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from archcompiler.ir import TensorType
from archcompiler.ops import (
    Add,
    Concat,
    Conv,
    Gate,
    GlobalAvgPool,
    Interpolate,
    Linear,
    MaxPool,
    Operator,
    ShapeError,
    SpatialNorm,
)
from archcompiler.ops.pool import AvgPool

SIZES = range(1, 24)


def size(op: Operator, height: int, width: int) -> tuple[int, ...] | None:
    try:
        output = op.shape((TensorType(4, height, width),))
    except ShapeError as error:
        return None if error.code == "E306" else (-1, -1)
    return output.size


def meta(height: int, width: int) -> torch.Tensor:
    return torch.empty(1, 4, height, width, device="meta")


@pytest.mark.parametrize(("kernel", "stride"), list(product((1, 3, 7, 31), (1, 2, 3, 16))))
def test_convolution(kernel: int, stride: int) -> None:
    for padding, pixels in product({0, kernel // 2}, SIZES):
        try:
            weight = torch.empty(4, 4, kernel, kernel, device="meta")
            expected = tuple(
                F.conv2d(meta(pixels, 2 * pixels), weight, None, stride, padding).shape[2:]
            )
        except RuntimeError:
            expected = None
        if expected is not None and min(expected) < 1:
            expected = None  # An old torch refuses it only where it is computed.
        op = Conv(4, 4, kernel, stride, padding)
        assert size(op, pixels, 2 * pixels) == expected, (op, pixels)


@pytest.mark.parametrize(("kernel", "stride"), list(product(range(1, 8), (1, 2, 3, 5, 16))))
def test_max_pool(kernel: int, stride: int) -> None:
    for padding, ceil, pixels in product(range(kernel // 2 + 1), (False, True), SIZES):
        try:
            output = F.max_pool2d(meta(pixels, 2 * pixels), kernel, stride, padding, ceil_mode=ceil)
            expected = tuple(output.shape[2:])
        except RuntimeError:
            expected = None
        op = MaxPool(kernel, stride, padding, ceil)
        assert size(op, pixels, 2 * pixels) == expected, (op, pixels)


POOLS = {
    MaxPool: (F.max_pool1d, F.max_pool2d, F.max_pool3d),
    AvgPool: (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("pool", POOLS)
def test_pools_of_few_pixels(pool: type[MaxPool | AvgPool], dims: int) -> None:
    """Every padding too, of windows whose elements are apart: torch halves the kernel itself."""
    dilations = (1, 2, 3) if pool is MaxPool else (1,)
    for kernel, stride, dilation in product((1, 2, 3, 5), (1, 2), dilations):
        for padding, ceil, pixels in product(range(5), (False, True), range(1, 8)):
            # The others have room for every window.
            sides = (pixels, *[16] * (dims - 1))
            options = {"dilation": dilation} if pool is MaxPool else {}
            op = pool(kernel, stride, padding, ceil, **options)
            images = torch.zeros(1, 4, *sides, requires_grad=True)
            try:
                output = POOLS[pool][dims - 1](
                    images, kernel, stride, padding, ceil_mode=ceil, **options
                )
                expected = tuple(output.shape[2:])
            except RuntimeError:
                expected = None
            try:
                found = op.shape((TensorType(4, *sides),)).size
            except ShapeError:
                found = None
            assert found == expected, (op, sides)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (5, 5)])
def test_spatial_norm_wants_more_than_one_pixel(height: int, width: int) -> None:
    try:
        expected = tuple(F.instance_norm(torch.zeros(1, 4, height, width)).shape[2:])
    except ValueError:
        expected = None
    assert size(SpatialNorm(), height, width) == expected
    assert (expected is None) == (height * width == 1)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_parameters_of_a_convolution(groups: int) -> None:
    for bias in (False, True):
        conv = torch.nn.Conv2d(8, 12, 3, groups=groups, bias=bias, device="meta")
        expected = sum(p.numel() for p in conv.parameters())
        assert Conv(8, 12, 3, groups=groups, bias=bias).parameters == expected


@pytest.mark.parametrize(("in_channels", "out_channels"), [(6, 8), (8, 6)])
def test_groups_divide_the_channels_of_both_sides(in_channels: int, out_channels: int) -> None:
    with pytest.raises(ShapeError, match="6 channels do not divide into 4 groups") as caught:
        Conv(in_channels, out_channels, 1, groups=4).shape((TensorType(in_channels, 8, 8),))
    assert caught.value.code == "E305"


def test_interpolation_takes_the_size_of_its_target_and_its_own_channels() -> None:
    data, target = TensorType(4, 3, 3), TensorType(8, 7, 5)
    assert Interpolate().shape((data, target)) == TensorType(4, 7, 5)


def test_a_mask_without_pixels_is_not_blamed_on_the_gate() -> None:
    empty = TensorType(4, 0, 0)
    assert Gate().shape((TensorType(4, 8, 8), empty)).empty
    assert Add().shape((empty, TensorType(4, 8, 8))).empty
    assert Concat().shape((empty, TensorType(4, 8, 8))) == TensorType(8, 0, 0)
    assert MaxPool(3, 2).shape((empty,)).empty
    assert GlobalAvgPool().shape((empty,)).empty


def test_a_linear_layer_reads_one_pixel() -> None:
    assert Linear(8, 10).shape((TensorType(8, 1, 1),)) == TensorType(10, 1, 1)
    with pytest.raises(ShapeError, match="expects 8×1×1, but gets 8×7×7"):
        Linear(8, 10).shape((TensorType(8, 7, 7),))


def test_roles() -> None:
    assert Gate().roles(2) == ("trunk", "mask")
    assert Interpolate().roles(2) == ("data", "size")
    assert Concat().roles(3) == ("part1", "part2", "part3")
    assert Add().roles(2) == ("data", "data")
