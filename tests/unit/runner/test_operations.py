"""RandAugment's operations beside PIL's, to the byte, and how they are drawn."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageEnhance, ImageFilter
from unit.runner.pictures import CPU, as_pil, as_tensor, by_pil, draws, pictures

from archcompiler.runner.data.enhancing import Towards, enhance, grey, smooth
from archcompiler.runner.data.operations import operations
from archcompiler.runner.data.randaugment import Operations, apply, randaugment, table
from archcompiler.runner.data.randomness import Stream, below
from archcompiler.runner.recipe.augment import RandAugment

SIZES = ((12, 17), (32, 32), (1, 5), (2, 2), (41, 23))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("magnitude", [0, 1, 5, 9, 15, 20, 27, 30])
def test_every_operation_is_that_of_pil(
    magnitude: int, size: tuple[int, int], channels: int
) -> None:
    images = pictures(channels, size)
    known = operations(magnitude, *size)
    rows = table(magnitude, *size, CPU)
    for row, operation in enumerate(known):
        drawn = Operations(*(part[[row] * len(images)] for part in rows))
        found = apply(images, drawn)
        sign = 1 if row < 14 else -1
        expected = torch.stack(
            [as_tensor(by_pil(as_pil(image), operation, magnitude, sign)) for image in images]
        )
        # PIL stretches in floating point and may come out just below a whole number.
        most = 1 if operation.name == "autocontrast" else 0
        assert (found.int() - expected.int()).abs().max() <= most, (operation, sign)


@pytest.mark.parametrize("size", SIZES, ids=str)
@given(factor=st.floats(0, 2, width=32), seed=st.integers(0, 100))
def test_enhancement_is_that_of_pil(size: tuple[int, int], factor: float, seed: int) -> None:
    images = pictures(3, size, seed)
    kinds = (
        (Towards.BLACK, ImageEnhance.Brightness),
        (Towards.MEAN, ImageEnhance.Contrast),
        (Towards.GREY, ImageEnhance.Color),
        (Towards.SMOOTH, ImageEnhance.Sharpness),
    )
    for kind, enhancer in kinds:
        found = enhance(images, torch.full((6,), kind), torch.full((6,), factor))
        expected = [as_tensor(enhancer(as_pil(image)).enhance(factor)) for image in images]
        assert torch.equal(found, torch.stack(expected)), kind


def test_grey_and_smooth_are_those_of_pil() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    images = torch.stack([levels.roll(k).view(16, 16)[torch.randperm(16)] for k in range(3)])[None]
    assert torch.equal(grey(images)[0], as_tensor(as_pil(images[0]).convert("L")))
    smoothed = as_pil(images[0]).filter(ImageFilter.SMOOTH)
    assert torch.equal(smooth(images)[0], as_tensor(smoothed))


def test_the_operations_are_drawn_alike() -> None:
    count = 28_000
    drawn = below(28, draws(count).words(Stream.RANDAUGMENT, 2))
    for layer in drawn:
        counts = torch.bincount(layer, minlength=28).double()
        # Chi squared with 27 degrees of freedom: mean 27, standard deviation 7.3.
        assert 8 < float(((counts - 1000) ** 2 / 1000).sum()) < 65
    pairs = torch.bincount(drawn[0] * 28 + drawn[1], minlength=784).double()
    expected = count / 784
    assert abs(float(((pairs - expected) ** 2 / expected).sum()) - 783) < 5 * (2 * 783) ** 0.5


def test_randaugment_is_one_drawn_operation_after_another() -> None:
    images = pictures(3, (12, 17)).repeat(20, 1, 1, 1)
    count, magnitude = len(images), 15
    found = randaugment(images, draws(count), RandAugment(layers=2, magnitude=magnitude))
    known = operations(magnitude, 12, 17)
    rows = below(28, draws(count).words(Stream.RANDAUGMENT, 2)).T.tolist()
    for image, result, chosen in zip(images, found, rows, strict=True):
        expected = as_pil(image)
        for row in chosen:
            expected = by_pil(expected, known[row], magnitude, 1 if row < 14 else -1)
        if not any(known[row].stretched for row in chosen):
            assert torch.equal(as_tensor(expected), result)


def test_magnitude_is_torchvisions() -> None:
    """Strengths at 9 of 30, worked out by hand."""
    at = {operation.name: operation for operation in operations(9, 331, 662)[:14]}
    assert len(at) == 14
    assert at["color"].factor == at["sharpness"].factor == pytest.approx(1.27)
    assert at["posterize"].bits == 7
    assert at["solarize"].threshold == 179  # 178.5: levels of 179 and more
    assert at["shear_x"].matrix[1] == pytest.approx(0.09)
    assert (at["translate_x"].matrix[2], at["translate_y"].matrix[5]) == (90, 45)
    assert at["rotate"].matrix[0] == pytest.approx(0.98769, abs=1e-5)  # of nine degrees
