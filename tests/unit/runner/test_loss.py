"""The loss of a part of a batch, against torch's own for soft labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcompiler.runner.data.augment import Normaliser, augment
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.mixing import Mixer
from archcompiler.runner.data.order import Samples
from archcompiler.runner.data.source import Batch
from archcompiler.runner.engine.loop import Loop
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.system.hardware import settle

CPU = torch.device("cpu")
CLASSES = 10


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "how",
    [
        (),
        ("augment.mixup=0.4",),
        ("augment.cutmix=1.0",),
        ("augment.mixup=0.4", "augment.cutmix=1.0"),
    ],
    ids=" ".join,
)
def test_the_loss_is_that_of_the_images_and_labels_as_they_are_mixed(
    switches: None, how: tuple[str, ...], smoothing: float
) -> None:
    settings = (*how, f"label_smoothing={smoothing}", "speed.precision=float32")
    loaded = load_recipe("smoke", settings)
    recipe = loaded.recipe
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, CLASSES))
    normalise = Normaliser.of((100.0,) * 3, (50.0,) * 3, CPU)
    images = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(16) % CLASSES
    samples = Samples(torch.zeros(16, dtype=torch.long), torch.arange(16))
    mixer = Mixer(recipe.augment, CPU)
    loop: Any = SimpleNamespace(
        recipe=recipe, classes=CLASSES, normalise=normalise, mixer=mixer, model=model,
        hardware=settle(loaded, CPU),
    )  # fmt: skip
    loss, right = Loop.forward(cast("Loop", loop), Batch(images, labels, samples))

    draws = Draws(recipe.seed, samples)
    x, targets = augment(images, draws, recipe.augment, normalise), F.one_hot(labels, CLASSES)
    if how:
        mixed = mixer(x, labels, draws)
        share, others = mixed.share[:, None], F.one_hot(mixed.others, CLASSES)
        assert 0 < float(share.min()) < float(share.max()) < 1
        x, targets = mixed.images, share * targets + (1 - share) * others
    logits = model(x)
    expected = F.cross_entropy(logits, targets.float(), label_smoothing=smoothing)
    torch.testing.assert_close(loss, expected)
    assert right == (logits.argmax(1) == labels).float().mean()
