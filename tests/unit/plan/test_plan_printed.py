"""`archcompiler plan`: what the command prints, and what it refuses."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner
from unit.plan.planned import COST, plan

from archcompiler.cli.program import group
from archcompiler.runner.system.memory import size


def invoke(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(group, ["plan", *words])
    return done.exit_code, done.output


def test_what_is_printed() -> None:
    code, text = invoke(
        "attention56", "--recipe", "imagenet_modern", "--device", "h100", "--gpus", "8"
    )
    assert code == 0
    assert text.startswith(
        "attention56: 1,024 images a step, 128 at a time, 16-bit autocast, "
        "8 × NVIDIA H100 SXM 80 GB, ddp\n"
    )
    rows = {
        line[2:18].strip(): line[18:].strip() for line in text.splitlines()[2:] if line[:2] == "  "
    }
    assert rows["there are"].startswith("80.0 GiB")
    assert {"weights", "optimizer", "moving average", "activations", "peak", "step"} <= rows.keys()


def test_what_is_printed_of_a_run_and_of_what_it_makes_again() -> None:
    words = ("attention56_cifar", "--recipe", "cifar_paper", "--device", "a100")
    code, text = invoke(*words, "--set", "speed.memory=50%")
    found = plan("cifar_paper", "speed.memory=50%", device="a100")
    assert code == 0
    assert text.startswith("attention56_cifar: 64 images a step, 16-bit autocast, ")
    rows = {line[2:18].strip(): line[18:] for line in text.splitlines() if line[:2] == "  "}
    assert found.again is not None
    share = f"50%: {100 * found.again.macs / COST.macs:.1f}% of a forward pass's MACs, an image"
    again = f"{found.again.macs / 1e6:,.1f} M"
    assert " ".join(rows["made again"].split()) == f"{again} speed.memory = {share}"
    assert rows["run"].endswith("at least: 160,000 steps")
    assert " sgd: 1 average of the gradients\n" in text
    assert "adamw: 2 averages of the gradients" in invoke(*words, "--set", "optimizer=adamw")[1]


ROWS = {
    "weights": "weights",
    "optimizer": "optimizer",
    "moving average": "average",
    "sums": "sums",
    "images": "images",
    "activations": "activations",
    "gradients": "gradients",
    "passing": "passing",
}
"""Rows of a table, and the keys of JSON for them."""


def test_the_rows_add_up_to_the_peak() -> None:
    settings = ("speed.shards=4", "speed.deterministic=true", "ema=0.99", "speed.memory=100%")
    words = ["attention56_cifar", "--recipe", "cifar_paper", "--device", "a100"]
    words += [word for setting in settings for word in ("--set", setting)]
    found = json.loads(invoke(*words, "--format", "json")[1])
    assert sum(found[f"{key}_bytes"] for key in ROWS.values()) == found["peak_bytes"]
    text = invoke(*words)[1]
    for row, key in ROWS.items():
        assert found[f"{key}_bytes"] > 0
        amount = re.escape(size(found[f"{key}_bytes"]))
        assert re.search(rf"^  {row} +{amount}(  |$)", text, re.MULTILINE)
    assert f"; at most {found['most_images']:,} images at a time do\n" in text
    assert "\nMemory: maps and gradients as eager PyTorch holds them" in text


def test_what_is_only_known_of_a_device() -> None:
    words = ("attention56_cifar", "--recipe", "cifar_paper")
    found = json.loads(invoke(*words, "--format", "json")[1])
    keys = ("device", "device_bytes", "fits", "most_images", "step_seconds", "run_seconds")
    assert [found[key] for key in keys] == [None] * len(keys)
    assert (found["precision"], found["strategy"], found["iterations"]) == ("single", None, 160_000)
    text = invoke(*words)[1]
    assert text.startswith("attention56_cifar: 64 images a step, float32\n")
    assert "there are" not in text
    assert "\nTime: " not in text


def test_what_does_not_fit_is_exit_code_1() -> None:
    code, text = invoke("attention92", "--batch", "1024", "--device", "t4")
    assert code == 1
    assert "does not fit; at most " in text


def test_which_precision_a_plan_without_a_device_has() -> None:
    spec = "attention56_cifar"
    told = "Precision: float32, as no device is named"
    assert told in invoke(spec)[1]
    assert told not in invoke(spec, "--device", "a100")[1]
    assert told not in invoke(spec, "--set", "speed.precision=float32")[1]


def test_what_an_accelerator_emulates_is_said() -> None:
    words = ("attention56_cifar", "--set", "speed.precision=bfloat16", "--device")
    assert "bfloat16: NVIDIA T4 16 GB emulates it" in invoke(*words, "t4")[1]
    assert "emulates" not in invoke(*words, "a100")[1]
    assert "emulates" not in invoke("attention56_cifar", "--device", "t4")[1]


def test_json_has_the_same_numbers() -> None:
    words = ("attention56_cifar", "--recipe", "cifar_paper", "--device", "a100")
    code, text = invoke(*words, "--format", "json")
    found = json.loads(text)
    same = plan(device="a100")
    assert code == 0
    assert (found["peak_bytes"], found["most_images"]) == (same.peak, same.most)
    assert found["step_seconds"] == same.seconds
    assert found["run_seconds"] == pytest.approx(same.seconds * 160_000)
    assert found["checkpointing_peak_bytes"] < found["peak_bytes"]
    (only,) = found["alternatives"]
    assert only["setting"] == "speed.checkpointing=true"
    assert only["peak_bytes"] == found["checkpointing_peak_bytes"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("attention56", "--device", "h1000"), "E501"),
        (("attention56", "--set", "optimizer.lrr=1"), "E201"),
        (("attention56", "--recipe", "nothing"), "E701"),
        (("attention56", "--recipe", "cifar_paper", "--set", "classes=10"), "E703"),
        (("attention56_cifar", "--recipe", "cifar_paper", "--set", "classes=7"), "E703"),
        (("attention56_cifar", "--recipe", "smoke", "--set", "data.pad=3"), "E703"),
        (("attention56_ecg", "--recipe", "smoke"), "E703"),
        (
            (
                "attention56_cifar",
                "--recipe",
                "cifar_paper",
                "--set",
                "head.outputs={ age = 7, colour = 3 }",
            ),
            "E703",
        ),
        (("attention565",), "E101"),
    ],
)
def test_mistakes_are_diagnostics(words: tuple[str, ...], code: str) -> None:
    done = CliRunner().invoke(group, ["plan", *words])
    assert code in {d.code for d in done.exception.diagnostics}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--batch 5 --set batch_size=7", "--batch 5 and `--set batch_size=7`"),
        ("--recipe smoke --images 7", "--images 7: embedded has 10,000, always"),
    ],
)
def test_what_would_be_ignored_is_bad_usage(words: str, said: str) -> None:
    code, text = invoke("attention56_cifar", *words.split())
    assert code == 2
    assert said in text
