"""What the README shows is what the commands print."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from documents import README as PATH
from documents import ROOT, fences, matches, transcripts

import archcompiler
from archcompiler.cli.program import group
from archcompiler.diagnostics import Source
from archcompiler.runner.recipe.loading import load_recipe

README = PATH.read_text(encoding="utf-8")

MISTAKEN = """\
name    = "attention92"
input   = [3, 32, 32]
classes = 10
unit    = "resnxt"

[stem]
type     = "conv"
channels = 16

[[stages]]
channels = 60
modlues  = 2
depth    = 3
"""
CORRECTED = (
    MISTAKEN.replace("resnxt", "resnext")
    .replace("modlues", "modules")
    .replace("depth    = 3", "depth    = 6")
)


def own_block() -> str:
    """The spec with a block of its own."""
    (example,) = (text for text in fences(README, "toml") if "[blocks." in text)
    return example


def test_there_are_transcripts() -> None:
    assert len(transcripts(README)) >= 5


@pytest.mark.parametrize(("command", "shown"), transcripts(README))
def test_transcript(
    command: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    corrected = "W301" in shown
    (tmp_path / "my.toml").write_text(CORRECTED if corrected else MISTAKEN, encoding="utf-8")
    (tmp_path / "squeezed56.toml").write_text(own_block(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)
    assert program == "archcompiler"
    result = CliRunner().invoke(group, arguments)
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)
    assert matches(shown, result.output), result.output


def test_the_model_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(import torch\n.*?)```", README, re.DOTALL)
    # The compiled call belongs to the tests of emission.
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "generated", raising=False)
    example = example.replace("attention452", "attention56_cifar").replace("randn(8", "randn(2")
    scope: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), scope)
    assert scope["logits"].shape == (2, 100)  # type: ignore[attr-defined]
    assert list(scope["masks"]) == [  # type: ignore[call-overload]
        "stage1.attention1.mask",
        "stage2.attention1.mask",
        "stage3.attention1.mask",
    ]


def test_the_attention_module_shown_is_the_emitted_one() -> None:
    (shown,) = re.findall(r"```python\n(class AttentionModule.*?)```", README, re.DOTALL)
    assert shown in (ROOT / "generated" / "attention452.py").read_text(encoding="utf-8")


def test_the_class_of_the_own_block_is_the_emitted_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    spec = tmp_path / "squeezed56.toml"
    spec.write_text(own_block(), encoding="utf-8")
    (shown,) = (text for text in fences(README, "python") if text.startswith("class Squeeze"))
    assert shown in archcompiler.compile(spec).source


def test_the_augmentation_shown_is_a_recipe() -> None:
    (example,) = (text for text in fences(README, "toml") if "[augment]" in text)
    augment = load_recipe(Source("mine.toml", example, "toml")).recipe.augment
    assert (augment.randaugment.layers, augment.colour.contrast, augment.lighting) == (2, 0.4, 0.1)


def test_the_stochastic_depth_shown_is_less_in_the_first_stage(tmp_path: Path) -> None:
    (example,) = (text for text in fences(README, "toml") if "drop_path" in text)
    spec = tmp_path / "mine.toml"
    spec.write_text(example, encoding="utf-8")
    found = dropped(archcompiler.compile(spec))
    assert found["stage1"] == {0.05}
    assert all(found[f"stage{n}"] == {0.1} for n in (2, 3, 4))
    (inline, short) = re.findall(r"--set '?(unit[.=][^`']*drop_path=0\.1\}?)", README)
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
