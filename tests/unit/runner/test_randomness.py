"""Order, augmentation and noise are functions of (seed, epoch, index), and random enough."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

from archcompiler.runner.data.augment import Normaliser, augment, noisy_labels
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.mixing import Mixer, _quantiles
from archcompiler.runner.data.order import Order, Parts, Samples
from archcompiler.runner.data.randomness import Stream, permutation, uniforms, word, words
from archcompiler.runner.engine.schedule import rate_factor
from archcompiler.runner.recipe.augment import Augment
from archcompiler.runner.recipe.model import Cosine, Steps

INDEX = torch.arange(100_000)


@pytest.mark.parametrize("stream", [Stream.CROP_X, Stream.FLIP, Stream.NOISE])
@pytest.mark.parametrize("epoch", [0, 7])
def test_uniforms_are_uniform(stream: Stream, epoch: int) -> None:
    values = uniforms(words(3, stream, epoch, INDEX)).double()
    counts = torch.histc(values, 100, 0, 1)
    # Chi squared with 99 degrees of freedom: mean 99, standard deviation 14.
    chi = float(((counts - 1000) ** 2 / 1000).sum())
    assert 45 < chi < 165
    assert values.max() < 1


def test_streams_epochs_and_seeds_do_not_go_together() -> None:
    base = uniforms(words(1, Stream.FLIP, 0, INDEX))
    others = [
        uniforms(words(2, Stream.FLIP, 0, INDEX)),
        uniforms(words(1, Stream.CROP_X, 0, INDEX)),
        uniforms(words(1, Stream.FLIP, 1, INDEX)),
        base.roll(1),
    ]
    for other in others:
        correlation = torch.corrcoef(torch.stack([base, other]))[0, 1]
        assert abs(float(correlation)) < 5 / math.sqrt(len(INDEX))


def test_numbers_and_tensors_agree() -> None:
    found = words(5, Stream.CROP_Y, torch.tensor([2, 3]), torch.tensor([10, 11]))
    assert found.tolist() == [word(5, Stream.CROP_Y, 2, 10), word(5, Stream.CROP_Y, 3, 11)]


def test_every_sample_comes_once_an_epoch() -> None:
    order = Order(1, 103)
    epochs, indices = order.samples(0, 3 * 103)
    for epoch in range(3):
        assert sorted(indices[epochs == epoch].tolist()) == list(range(103))
    assert not torch.equal(permutation(1, 0, 103), permutation(1, 1, 103))


def test_an_order_starts_anywhere_without_replay() -> None:
    whole = Order(4, 50).samples(0, 500)
    part = Order(4, 50).samples(333, 60)
    assert torch.equal(part.indices, whole.indices[333:393])
    assert torch.equal(part.epochs, whole.epochs[333:393])
    few = Order(4, 3).samples(0, 20)
    for start, count in product(range(10), range(1, 10)):
        found = Order(4, 3).samples(start, count)
        assert torch.equal(found.indices, few.indices[start : start + count])


def test_processes_and_parts_share_a_batch() -> None:
    whole = Order(0, 1000).samples(7 * 24, 24).indices
    together = [
        Parts(Order(0, 1000), 24, rank, 2, 3).samples(7, p) for p in range(3) for rank in (0, 1)
    ]
    assert torch.equal(torch.cat([s.indices for s in together]), whole)


def _samples(count: int) -> Samples:
    return Samples(torch.zeros(count, dtype=torch.long), torch.arange(count))


def test_augmentation_is_a_crop_and_a_mirror_image() -> None:
    images = torch.randint(1, 256, (64, 3, 8, 8), dtype=torch.uint8)
    how = Augment(flip=True, crop_padding=2)
    plain = Normaliser.of((0.0,) * 3, (1 / 255,) * 3, torch.device("cpu"))
    found = augment(images, Draws(1, _samples(64)), how, plain).round().byte()
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    for image, result in zip(padded, found, strict=True):
        windows = [image[:, y : y + 8, x : x + 8] for y in range(5) for x in range(5)]
        assert any(torch.equal(w, result) or torch.equal(w.flip(-1), result) for w in windows)


def test_augmentation_does_not_depend_on_the_batch() -> None:
    images = torch.randint(0, 256, (16, 1, 8, 8), dtype=torch.uint8)
    how = Augment(flip=True, crop_padding=2, cutout=4)
    plain = Normaliser.of((0.5,) * 3, (0.5,) * 3, torch.device("cpu"))
    whole = augment(images, Draws(1, _samples(16)), how, plain)
    some = Samples(torch.zeros(5, dtype=torch.long), torch.arange(5, 10))
    assert torch.equal(augment(images[5:10], Draws(1, some), how, plain), whole[5:10])


def test_draws_copy_nothing_to_the_device_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    Draws(1, _samples(4))

    def copy(*_: object, **__: object) -> None:
        pytest.fail("CUDA would be waited for")

    monkeypatch.setattr(torch, "tensor", copy)
    Draws(2, _samples(4))


def test_cutout_removes_a_square() -> None:
    images = torch.full((200, 1, 16, 16), 255, dtype=torch.uint8)
    plain = Normaliser.of((0.0,), (1.0,), torch.device("cpu"))
    gone = (augment(images, Draws(1, _samples(200)), Augment(cutout=6), plain) == 0).sum((1, 2, 3))
    assert gone.max() == 36
    assert gone.min() >= 9


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.7])
def test_label_noise_is_the_matrix_of_the_paper(rate: float) -> None:
    """1 - rate on the diagonal and rate / 9 elsewhere, within three sigma of a binomial share."""
    labels = INDEX % 10
    noisy = noisy_labels(labels, INDEX, 1, rate, 10)
    count = len(INDEX)
    share = float((noisy != labels).double().mean())
    assert abs(share - rate) < 3 * (rate * (1 - rate) / count) ** 0.5
    matrix = torch.zeros(10, 10).index_put_((labels, noisy), torch.ones(count), accumulate=True)
    wrong = matrix.double() / (count / 10)
    wrong = wrong[~torch.eye(10, dtype=torch.bool)]
    sigma = (rate / 9 * (1 - rate / 9) / (count / 10)) ** 0.5
    # Of 90 cells a few lie beyond three sigma by chance, and none beyond 5.
    assert float((wrong - rate / 9).abs().max()) < 5 * sigma
    assert torch.equal(noisy[50:60], noisy_labels(labels[50:60], INDEX[50:60], 1, rate, 10))


def test_label_noise_at_its_ends() -> None:
    labels = INDEX % 3
    assert torch.equal(noisy_labels(labels, INDEX, 1, 0.0, 3), labels)
    assert not (noisy_labels(labels, INDEX, 1, 1.0, 3) == labels).any()
    assert torch.equal(noisy_labels(INDEX * 0, INDEX, 1, 1.0, 1), INDEX * 0)  # there is no other


@pytest.mark.parametrize("a", [0.01, 0.05, 0.2, 0.5, 1.0, 3.0, 100.0])
def test_shares_follow_the_beta_distribution(a: float) -> None:
    """As Kolmogorov and Smirnov tell two samples apart, numpy's and one from the table."""
    random, count = np.random.default_rng(0), 200_000
    table = _quantiles(a).numpy()
    ours = np.interp(random.random(count), np.linspace(0, 1, len(table)), table)
    places = np.linspace(1e-4, 1 - 1e-4, 1001)
    below = [np.searchsorted(np.sort(x), places) for x in (ours, random.beta(a, a, count))]
    assert np.abs(below[0] - below[1]).max() / count < 0.006


@pytest.mark.parametrize("how", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_a_mixed_image_is_what_its_share_says(how: dict[str, float]) -> None:
    count = 64
    levels = torch.arange(count).float()[:, None, None, None].expand(-1, 1, 32, 32)
    mixer = Mixer(Augment(**how), torch.device("cpu"))
    assert mixer.active
    mixed = mixer(levels, torch.arange(count), Draws(1, _samples(count)))
    mean = mixed.images.mean((1, 2, 3))
    expected = mixed.share * mixed.labels + (1 - mixed.share) * mixed.others
    assert torch.allclose(mean, expected, atol=1e-3)
    assert 0.15 < float(mixed.share.std()) < 0.5


def test_schedules() -> None:
    steps = Steps(type="steps", at=(64_000, 96_000), factor=0.1)
    rates = [rate_factor(steps, s, 160_000) for s in (0, 63_999, 64_000, 95_999, 96_000)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    cosine = Cosine(type="cosine", warmup=10)
    rates = [rate_factor(cosine, s, 110) for s in (0, 9, 10, 60, 109)]
    assert rates == pytest.approx([1 / 11, 10 / 11, 1, 0.5, 0.0], abs=1e-3)
