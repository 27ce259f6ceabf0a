"""Jitter, lighting and erasing beside what was asked for, and what holds for all augmentation."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageEnhance
from torch import Tensor
from unit.runner.pictures import PLAIN, as_pil, as_tensor, draws, pictures

from archcompiler.runner.data.augment import augment
from archcompiler.runner.data.colour import jitter, light
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.enhancing import grey
from archcompiler.runner.data.order import Samples
from archcompiler.runner.data.randomness import Stream, uniforms
from archcompiler.runner.recipe.augment import Augment, ColourJitter, RandAugment

STRENGTHS = ("brightness", "contrast", "saturation")


def test_jitter_is_pil_enhancement_in_one_of_six_orders() -> None:
    images = pictures(3, (12, 17))[:3].repeat(8, 1, 1, 1)
    strength, count = 0.4, len(images)
    found = jitter(images, draws(count), ColourJitter(**dict.fromkeys(STRENGTHS, strength)))
    swing = uniforms(draws(count).words(Stream.COLOUR, 3))
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    orders = set()
    for index, image in enumerate(images):
        factors = [float(1 + strength * (2 * part - 1)) for part in swing[:, index]]
        changes = list(zip(enhancers, factors, strict=True))
        for order in permutations(range(3)):
            changed = as_pil(image)
            for enhancer, factor in (changes[place] for place in order):
                changed = enhancer(changed).enhance(factor)
            if torch.equal(as_tensor(changed), found[index]):
                orders.add(order)
                break
        else:
            pytest.fail("in no order")
    assert len(orders) > 3


@pytest.mark.parametrize("key", STRENGTHS)
def test_the_factors_of_jitter_are_uniform(key: str) -> None:
    """Two pixels at one distance from what each property is about show the factor."""
    dark, bright = torch.tensor([100, 0, 0]), torch.tensor([0, 100, 100])
    image = torch.stack([dark, bright], 1)[None, :, None].byte()
    count = 4000
    found = jitter(image.expand(count, -1, -1, -1), draws(count), ColourJitter(**{key: 0.5}))
    grey_, mean = grey(image)[0, 0, 0, 0], grey(image).float().mean().add(0.5).floor()
    base = {"brightness": 0, "contrast": float(mean), "saturation": float(grey_)}[key]
    factors = (found[:, 0, 0, 0].float() - base) / (100 - base)
    assert (factors.min() - 0.5).abs() < 0.03
    assert (factors.max() - 1.5).abs() < 0.03
    # The standard deviation of the mean of so many is 0.289 / √4000; levels are rounded down.
    assert abs(float(factors.mean()) - 1) < 5 * 0.289 / count**0.5 + 1 / (100 - base)


def test_lighting_is_noise_along_the_principal_axes() -> None:
    count = 20_000
    images = torch.full((count, 3, 1, 1), 100, dtype=torch.uint8)
    shift = (light(images, draws(count), 0.1)[:, :, 0, 0] - 100).double() / 255
    values = torch.tensor([0.2175, 0.0188, 0.0045]).double()
    vectors = torch.tensor(
        [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]
    ).double()
    along = shift @ vectors  # an orthonormal basis, to four digits
    assert along.mean(0).abs().lt(5 * 0.1 * values / count**0.5 + 1e-4).all()
    torch.testing.assert_close(along.std(0), 0.1 * values, rtol=0.03, atol=1e-5)
    kurtosis = ((along / along.std(0)) ** 4).mean(0)
    assert kurtosis.sub(3).abs().lt(0.3).all()  # of a normal distribution


def test_a_grey_image_that_fills_three_channels_is_lit_in_colour() -> None:
    images = torch.full((2, 1, 3, 3), 100, dtype=torch.uint8)
    assert augment(images, draws(2), Augment(lighting=0.1), PLAIN).shape == (2, 3, 3, 3)


@pytest.mark.parametrize("size", [(32, 32), (64, 24)], ids=str)
def test_erasing_is_of_the_share_and_size_that_are_said(size: tuple[int, int]) -> None:
    count, probability, (height, width) = 20_000, 0.25, size
    images = torch.full((count, 1, *size), 255, dtype=torch.uint8)
    gone = augment(images, draws(count), Augment(erase=probability), PLAIN)[:, 0] == 0
    areas = gone.sum((1, 2))
    erased = areas > 0
    sigma = (probability * (1 - probability) / count) ** 0.5
    assert abs(float(erased.double().mean()) - probability) < 5 * sigma
    rows, columns = gone.any(2)[erased], gone.any(1)[erased]
    tall, wide = rows.sum(1), columns.sum(1)
    assert torch.equal(areas[erased], tall * wide)  # a box, all of it inside
    share = (tall * wide).double() / (height * width)
    rounding = 0.5 * (1 / height + 1 / width) + 0.01
    assert share.min() > 0.02 - rounding
    assert share.max() < 1 / 3 + rounding
    if size == (32, 32):  # where nearly every first box fits
        assert float(share.mean()) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.01)
        logs = (tall / wide).double().log()
        assert float(logs.mean()) == pytest.approx(0, abs=0.05)
        assert float(logs.std()) == pytest.approx(np.log(3.3 / 0.3) / 12**0.5, abs=0.05)
    middles = (rows.double() * torch.arange(height)).sum(1) / tall
    assert float(middles.mean()) == pytest.approx((height - 1) / 2, abs=0.3)


EVERYTHING = Augment(
    flip=True,
    crop_padding=2,
    randaugment=RandAugment(layers=3, magnitude=12),
    colour=ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4),
    lighting=0.1,
    cutout=4,
    erase=0.5,
)


@given(start=st.integers(0, 20), count=st.integers(1, 11), channels=st.sampled_from([1, 3]))
def test_an_image_does_not_depend_on_those_beside_it(start: int, count: int, channels: int) -> None:
    images = pictures(channels, (9, 11)).repeat(6, 1, 1, 1)
    whole = augment(images, draws(len(images)), EVERYTHING, PLAIN)
    part = slice(start, start + count)
    some = Samples(torch.zeros(count, dtype=torch.long), torch.arange(36)[part])
    assert torch.equal(augment(images[part], Draws(1, some), EVERYTHING, PLAIN), whole[part])


@pytest.mark.parametrize("key", ["randaugment", "colour", "lighting", "erase"])
def test_another_epoch_and_another_seed_are_other_images(key: str) -> None:
    images = pictures(3, (16, 16)).repeat(4, 1, 1, 1)
    index = torch.arange(len(images))
    how = Augment(**{key: getattr(EVERYTHING, key)})
    found = []
    for seed, epoch in ((1, 0), (1, 1), (2, 0)):
        samples = Samples(torch.full_like(index, epoch), index)
        found.append(augment(images, Draws(seed, samples), how, PLAIN))
    for one, other in combinations(found, 2):
        assert (one != other).flatten(1).any(1).double().mean() > 0.6


def test_an_image_that_no_box_fits_into_is_not_erased() -> None:
    images = torch.full((500, 1, 1, 40), 255, dtype=torch.uint8)
    assert (augment(images, draws(500), Augment(erase=1.0), PLAIN) != 0).all()


def test_off_is_the_image_itself() -> None:
    images = pictures(3, (9, 11))
    assert torch.equal(augment(images, draws(6), Augment(), PLAIN), PLAIN(images))
    off = Augment(randaugment=RandAugment(magnitude=30), colour=ColourJitter(contrast=0.0))
    assert torch.equal(augment(images, draws(6), off, PLAIN), PLAIN(images))


def test_nothing_is_copied_to_the_device_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(3, (9, 11))
    augment(images, draws(6), EVERYTHING, PLAIN)

    def waited(*_: object, **__: object) -> None:
        pytest.fail("CUDA would be waited for")

    monkeypatch.setattr(torch, "tensor", waited)
    for name in ("item", "tolist", "nonzero", "__bool__", "__int__", "__float__"):
        monkeypatch.setattr(Tensor, name, waited)
    augment(images, draws(6, seed=2), EVERYTHING, PLAIN)
