"""What the guides say of their examples, beyond that they run."""

from __future__ import annotations

import re
from pathlib import Path

from documents import ROOT, fences

import archcompiler
from archcompiler.diagnostics import Source
from archcompiler.runner.recipe.loading import load_recipe

TRAINING = (ROOT / "docs" / "guides" / "training.md").read_text(encoding="utf-8")


def test_the_augmentation_shown_is_a_recipe() -> None:
    (example,) = (text for text in fences(TRAINING, "toml") if "[augment]" in text)
    augment = load_recipe(Source("mine.toml", example, "toml")).recipe.augment
    assert (augment.randaugment.layers, augment.colour.contrast, augment.lighting) == (2, 0.4, 0.1)


def test_the_stochastic_depth_shown_is_less_in_the_first_stage(tmp_path: Path) -> None:
    (example,) = (text for text in fences(TRAINING, "toml") if "drop_path" in text)
    spec = tmp_path / "mine.toml"
    spec.write_text(example, encoding="utf-8")
    found = dropped(archcompiler.compile(spec))
    assert found["stage1"] == {0.05}
    assert all(found[f"stage{n}"] == {0.1} for n in (2, 3, 4))
    (inline, short) = re.findall(r"--set '?(unit[.=][^`']*drop_path=0\.1\}?)", TRAINING)
    for name, setting in (("attention56_cifar", inline), ("attentionnext56", short)):
        found = dropped(archcompiler.compile(name, [setting]))
        assert all(of_stage == {0.1} for of_stage in found.values())


def dropped(network: archcompiler.CompiledNetwork) -> dict[str, set[float]]:
    """The probabilities of stochastic depth in each stage, of those that are there."""
    found: dict[str, set[float]] = {}
    for name, part in network.module().named_modules():
        if type(part).__name__ == "DropPath":
            found.setdefault(name.partition(".")[0], set()).add(part.probability)
    assert found
    return found
