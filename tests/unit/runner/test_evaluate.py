"""Evaluation agrees with a plain loop over the bare emitted file."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from click.testing import CliRunner
from PIL import Image
from unit.runner.jobs import TINY, Jobs

from archcompiler.cli.program import group
from archcompiler.runner.data.crops import resized, single_crop, ten_crop
from archcompiler.runner.data.embedded import read_embedded
from archcompiler.runner.masks import captions
from archcompiler.runner.training import train


@pytest.fixture
def run(job: Jobs, tmp_path: Path) -> Path:
    train(job("run", "iterations=30", "checkpoint_every=30"))
    return tmp_path / "run"


def _plain(run: Path, images: torch.Tensor) -> torch.Tensor:
    """Probabilities from the emitted file: (N, 10)."""
    model = runpy.run_path(str(run / "model.py"))["tiny"]()
    model.load_state_dict(torch.load(run / "checkpoints" / "best.pt", weights_only=True)["model"])
    model.eval()
    with torch.no_grad():
        found = [model(chunk) for chunk in ((images / 255 - 0.286) / 0.353).split(100)]
    return torch.cat(found).softmax(1)


def _images() -> tuple[torch.Tensor, torch.Tensor]:
    test = read_embedded().test.padded(2)
    pixels = torch.from_numpy(test.pixels).float().expand(-1, 3, -1, -1)
    return pixels, torch.from_numpy(test.labels)


def _invoke(*words: str) -> str:
    done = CliRunner().invoke(group, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_it_agrees_with_a_plain_loop(run: Path) -> None:
    images, labels = _images()
    probabilities = _plain(run, images)
    first = probabilities.argmax(1)
    top1 = (first == labels).float().mean().item()
    top5 = (probabilities.topk(5).indices == labels[:, None]).any(1).float().mean().item()
    loss = -probabilities.log()[torch.arange(len(labels)), labels].mean().item()
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels.numpy(), first.numpy()), 1)

    assert f"top-1 {top1:.2%}, top-5 {top5:.2%}" in _invoke("eval", str(run))
    found = json.loads((run / "eval.json").read_text(encoding="utf-8"))
    assert found["top1"] == pytest.approx(top1, abs=1e-6)
    assert found["top5"] == pytest.approx(top5, abs=1e-6)
    assert found["loss"] == pytest.approx(loss, rel=1e-4)
    pairs = np.argwhere(confusion).tolist()
    assert found["confusion"] == [[*pair, confusion[tuple(pair)]] for pair in pairs]
    assert (found["split"], found["best_chosen_on"]) == ("test", "validation")
    with Image.open(run / "confusion.png") as picture:
        assert picture.size[0] > 500


def test_ten_crops_agree_with_a_plain_loop(run: Path) -> None:
    images, labels = _images()
    padded = torch.nn.functional.pad(images, (4, 4, 4, 4))
    views = []
    for y, x in ((0, 0), (0, 8), (8, 0), (8, 8), (4, 4)):
        view = padded[..., y : y + 32, x : x + 32]
        views += [_plain(run, view), _plain(run, view.flip(-1))]
    mean = torch.stack(views).mean(0)
    top1 = (mean.argmax(1) == labels).float().mean().item()
    _invoke("eval", str(run / "checkpoints" / "best.pt"), "--crops", "10")
    found = json.loads((run / "eval-10crop-32.json").read_text(encoding="utf-8"))
    assert found["top1"] == pytest.approx(top1, abs=1e-3)
    assert found["crops"] == 10


def test_other_sizes(run: Path) -> None:
    output = _invoke("eval", str(run), "--size", "80", "--images", "100")
    assert "100 test images" in output
    found = json.loads((run / "eval-1crop-80.json").read_text())
    assert found["size"] == [80, 80]
    images, labels = (values[::20] for values in _images())
    larger = F.interpolate(images, (80, 80), mode="bilinear", antialias=True).round()
    probabilities = _plain(run, larger)
    loss = -probabilities.log()[torch.arange(100), labels].mean().item()
    assert found["loss"] == pytest.approx(loss, rel=1e-4)
    assert found["top1"] == pytest.approx((probabilities.argmax(1) == labels).float().mean())
    refused = CliRunner().invoke(group, ["eval", str(run), "--size", "1"])
    (problem,) = refused.exception.diagnostics  # type: ignore[union-attr]
    assert (problem.code, problem.message) == ("E703", "`tiny` cannot take 1×1 pixels")
    assert problem.notes == ("valid heights and widths: 5 and more",), "ours, not torch's words"


def test_ten_crops_are_five_places_and_their_mirrors() -> None:
    images = torch.arange(6 * 8).view(1, 1, 6, 8)
    crops = ten_crop((4, 4))(images)
    assert crops.shape == (10, 1, 1, 4, 4)
    corners = [int(c[0, 0, 0, 0]) for c in crops[:5]]
    assert corners == [0, 4, 16, 20, 10]
    assert torch.equal(crops[5:], crops[:5].flip(-1))


def test_resizing_keeps_images_of_the_right_size_as_they_are() -> None:
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(resized(single_crop, (8, 8))(images)[0], images)
    assert resized(single_crop, (12, 10))(images).shape == (1, 2, 3, 12, 10)


def test_masks(run: Path, tmp_path: Path) -> None:
    paths = []
    for i, size in enumerate(((32, 32), (100, 60))):
        path = tmp_path / f"{i}.png"
        Image.effect_noise(size, 90).save(path)
        paths.append(str(path))
    output = _invoke("masks", str(run / "checkpoints" / "last.pt"), *paths)
    assert "2 images, 1 mask each" in output
    with Image.open(run / "masks.png") as sheet:
        assert len(sheet.getcolors(1 << 20)) > 100
    (tmp_path / "no.png").write_text("not a picture")
    bad = CliRunner().invoke(group, ["masks", str(run), str(tmp_path / "no.png")])
    assert "E712" in str(bad.exception)


def test_a_network_without_attention_has_no_masks(job: Jobs, tmp_path: Path) -> None:
    spec = TINY | {"stages": [{"channels": 8, "modules": 0}]}
    train(job("plain", "iterations=1", spec=spec))
    Image.new("RGB", (32, 32)).save(tmp_path / "0.png")
    done = CliRunner().invoke(group, ["masks", str(tmp_path / "plain"), str(tmp_path / "0.png")])
    assert "E703" in str(done.exception)
    assert "no attention modules" in str(done.exception)


def test_a_run_with_bn_over_processes_is_evaluated_in_one(run: Path) -> None:
    recipe = run / "recipe.toml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("sync_bn = false", "sync_bn = true"), encoding="utf-8")
    assert "sync_bn = true" in recipe.read_text(encoding="utf-8")
    assert "20 test images" in _invoke("eval", str(run), "--images", "20", "--device", "cpu")


def test_a_checkpoint_outside_its_folder_is_refused(run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "deep" / "best.pt"
    alone.parent.mkdir(parents=True)
    alone.write_bytes((run / "checkpoints" / "best.pt").read_bytes())
    refused = CliRunner().invoke(group, ["eval", str(alone)])
    assert "E705" in str(refused.exception)


def test_captions_tell_images_apart() -> None:
    assert captions(["a/0.jpg", "b/1.jpg"]) == ["0.jpg", "1.jpg"]
    assert captions(["x/a/0.jpg", "x/b/0.jpg", "1.jpg"]) == ["a/0.jpg", "b/0.jpg", "1.jpg"]
    deeper = ["x/a/0.jpg", "y/a/0.jpg", "y/b/0.jpg"]
    assert captions(deeper) == ["x/a/0.jpg", "y/a/0.jpg", "b/0.jpg"]
    assert captions(["0.jpg", "a/0.jpg", "0.jpg"]) == ["0.jpg", "a/0.jpg", "0.jpg"]
