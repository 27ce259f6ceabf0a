"""What a plan says, by hand and against the runner's recipes."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from unit.plan.planned import COST, NETWORK, plan

import archcompiler
from archcompiler.analysis.budget import keeping
from archcompiler.analysis.planner import CLOSE
from archcompiler.analysis.roofline import accelerator, accelerators
from archcompiler.analysis.step_time import again_seconds, forward_seconds, training_seconds
from archcompiler.diagnostics import CompileError
from archcompiler.plan.alternatives import alternatives
from archcompiler.plan.planning import GB, TRAINING_IMAGES, Machines, make_plan, training_images
from archcompiler.runner.data.validation import divide
from archcompiler.runner.recipe.loading import load_recipe


def test_the_parts_add_up() -> None:
    found = plan(device="h100")
    assert (found.batch, found.part, found.parts, found.half) == (64, 64, 1, True)
    assert found.weights == 4 * (COST.params + COST.buffers)
    assert found.optimizer == 4 * COST.params
    assert found.average == 0
    assert found.images == 64 * (4 * 3 * 32 * 32 + 8)
    assert found.iterations == 160_000
    moment = found.highest
    assert found.peak == (
        found.weights + found.optimizer + found.images
        + moment.kept.of(64) + moment.gradients + moment.passing.of(64)
    )  # fmt: skip
    assert found.seconds == training_seconds(NETWORK.graph, accelerator("h100"), "half", 64)


@pytest.mark.parametrize("share", [0, 1e-5, 0.0011, 0.0125, 0.1, 0.3333, 0.9999])
@pytest.mark.parametrize("data", ["embedded", "cifar10", "cifar100"])
def test_as_many_images_are_left_as_a_run_leaves(data: str, share: float) -> None:
    classes = 100 if data == "cifar100" else 10
    labels = np.repeat(np.arange(classes), TRAINING_IMAGES[data] // classes)
    assert training_images(data, share) == len(divide(labels, share, 0).train)


def test_images_that_are_held_back_are_in_no_epoch() -> None:
    # Of 1,000 images of a class 12 are held back, half of them being rounded to an even number.
    found = plan("smoke", "iterations=null", "epochs=3", "data.validation=0.0125", "batch_size=5")
    assert found.iterations == 3 * 9880 // 5


def test_the_largest_batch_is_the_largest() -> None:
    found = plan(device="t4")
    assert found.room == 16 * GB
    assert found.most is not None
    assert plan("cifar_paper", f"batch_size={found.most}", device="t4").fits
    assert not plan("cifar_paper", f"batch_size={found.most + 1}", device="t4").fits


def test_optimizers_averages_and_parts() -> None:
    adam = plan("cifar_paper", "optimizer=adamw", "ema=0.999")
    assert adam.optimizer == 8 * COST.params
    assert adam.average == adam.weights
    parts = plan("cifar_paper", "speed.accumulate=4")
    assert (parts.part, parts.parts) == (16, 4)
    assert parts.highest.gradients == 4 * COST.params, "of the parts before"
    assert parts.peak < plan().peak


def test_several_processes() -> None:
    both = plan(processes=4, device="h100")
    assert (both.batch, both.part) == (64, 16)
    assert both.highest.gradients == 4 * COST.params, "buckets are there from the start"
    shards = plan(processes=4, device="h100", strategy="fully_shard")
    assert shards.optimizer == pytest.approx(COST.params, abs=8)
    # A quarter, and what is gathered: two blocks and the gradient of one.
    assert COST.params < shards.weights < 4 * (COST.params / 4 + 3 * COST.params)
    deep = archcompiler.compile("attention452")
    recipe = load_recipe("cifar_paper")
    whole = make_plan(deep, recipe, Machines(4, "ddp"))
    assert make_plan(deep, recipe, Machines(4, "fully_shard")).weights < 0.6 * whole.weights


def test_shards_are_parts_one_after_the_other() -> None:
    exact = ("speed.deterministic=true", "speed.memory=100%")
    for processes, parts, waiting in ((1, 4, 2), (2, 2, 1), (4, 1, 0)):
        settings = ("speed.shards=4", *exact)
        found = plan("cifar_paper", *settings, processes=processes, device="h100")
        assert (found.batch, found.part, found.parts) == (64, 16, parts)
        assert found.sums == waiting * 4 * COST.params
        four = plan("cifar_paper", "batch_size=16", *exact, device="h100")
        assert found.peak == four.peak + found.sums, "a shard alone, and sums that wait"
        assert found.seconds == pytest.approx(parts * four.seconds)
    with pytest.raises(CompileError, match=r"E702.*4 shards cannot be split evenly over 3"):
        plan("cifar_paper", "speed.shards=4", processes=3)


def test_a_run_that_would_be_refused_has_no_plan() -> None:
    with pytest.raises(CompileError, match=r"(?s)E702.*split evenly.*batch_size=66"):
        plan("cifar_paper", processes=3)
    most = 1_000_000_000 // 65_536 * 65_536
    with pytest.raises(CompileError, match=rf"(?s)E702.*split evenly.*batch_size={most}`"):
        plan("cifar_paper", "batch_size=1_000_000_000", processes=65_536)
    with pytest.raises(CompileError, match=r"(?s)E702.*split evenly") as none:
        plan("cifar_paper", "speed.accumulate=65_536", "batch_size=65_536", processes=65_536)
    assert "help" not in str(none.value)
    with pytest.raises(CompileError, match=r"E707.*need `deterministic`"):
        plan("cifar_paper", "speed.shards=4", device="h100")
    # What a recipe leaves open is what training settles: as many as can be split.
    assert plan("photographs", processes=3).batch == 126
    assert plan("photographs", processes=3, images=100_000).batch == 126


def test_what_is_automatic_is_as_it_will_be_on_the_accelerator() -> None:
    """T4 and V100 have no bfloat16; what repeats to the bit is not compiled."""
    assert plan(device="h100").half
    assert not plan(device="t4").half
    assert plan("cifar_paper", "speed.precision=float16", device="t4").half
    settings = ("batch_size=512", "speed.deterministic=true")
    exact = plan("cifar_paper", *settings, device="h100")
    assert exact.peak == plan("cifar_paper", *settings, "speed.compile=off", device="h100").peak
    assert exact.again is not None


def test_a_size_has_no_largest_batch() -> None:
    """Each batch has a plan of its own that keeps to it."""
    found = plan("cifar_paper", "speed.memory=1GB", device="h100")
    assert found.most is None
    assert found.peak <= 1e9
    assert plan("cifar_paper", "speed.memory=40%", device="h100").most is not None


def test_the_least_that_is_said_to_do_does() -> None:
    settings = ("speed.precision=bfloat16",)

    def refused(size: int) -> int:
        with pytest.raises(CompileError, match="is too little") as wrong:
            plan("cifar_paper", f"speed.memory={size}MB", *settings)
        found = re.search(r"takes ([0-9,]+) MB with the least that was found", str(wrong.value))
        assert found is not None
        return int(found[1].replace(",", ""))

    least = refused(60)
    assert refused(least - 1) == least
    found = plan("cifar_paper", f"speed.memory={least}MB", *settings)
    assert least - 1 < found.peak / 1e6 <= least
    # With more room there is less to make again, and more than a share of what has room never fits.
    room = (found.peak + plan("cifar_paper", *settings, "speed.memory=100%").peak) // 2
    some = plan("cifar_paper", f"speed.memory={room // 10**6}MB", *settings)
    assert found.peak < some.peak <= room
    assert some.again is not None
    assert found.again is not None
    assert 0 < some.again.work < found.again.work
    peaks = []
    for percent in range(20, 100, 20):
        with suppress(CompileError):
            other = plan("cifar_paper", f"speed.memory={percent}%", *settings)
            assert other.again is None or other.peak > room or other.again.work >= some.again.work
            peaks.append(other.peak)
    # Between two of these shares is one whose peak is lower.
    assert min(peaks) > found.peak
    with pytest.raises(CompileError, match=r"images alone take [0-9]+ MB"):
        plan("cifar_paper", "speed.memory=1MB", *settings)


def test_checkpointing_takes_less_and_longer() -> None:
    plain, again = plan(device="h100"), plan(device="h100", speed={"checkpointing": True})
    assert again.peak < plain.peak
    assert again.seconds > plain.seconds
    assert again.peak == plan("cifar_paper", "speed.checkpointing=true", device="h100").peak
    h100, graph = accelerator("h100"), NETWORK.graph
    forward = forward_seconds(graph, h100, "half", 64)
    assert again.seconds - plain.seconds == pytest.approx(forward)
    settings = ("batch_size=512", "speed.compile=off")
    all_kept = plan("cifar_paper", *settings, "speed.memory=100%", device="h100")
    less_kept = plan("cifar_paper", *settings, "speed.memory=40%", device="h100")
    assert less_kept.again is not None
    more = again_seconds(less_kept.again, h100, "half", 512)
    assert 0 < more < forward_seconds(graph, h100, "half", 512)
    assert less_kept.seconds == pytest.approx(all_kept.seconds + more)


def others(recipe: str, *settings: str, device: str) -> dict[str, Any]:
    loaded, machines = load_recipe(recipe, settings), Machines(accelerator=accelerator(device))
    return alternatives(NETWORK, loaded, machines, make_plan(NETWORK, loaded, machines))


def test_what_would_fit() -> None:
    """Each is the plan of the setting that it names."""
    batch = "batch_size=9000"
    assert not plan("cifar_paper", batch, device="t4").fits
    found = others("cifar_paper", batch, device="t4")
    names = ["speed.accumulate", "speed.memory", "speed.checkpointing"]
    assert [setting.split("=")[0] for setting in found] == names
    for setting, other in found.items():
        same = plan("cifar_paper", batch, setting, device="t4")
        assert (other.peak, other.most, other.seconds) == (same.peak, same.most, same.seconds)
    parts = int(next(iter(found)).split("=")[1])
    assert plan("cifar_paper", batch, f"speed.accumulate={parts}", device="t4").fits
    for fewer in (n for n in range(1, parts) if 9000 % n == 0):
        assert not plan("cifar_paper", batch, f"speed.accumulate={fewer}", device="t4").fits


def test_what_nobody_has_asked_for_is_about_the_least_work() -> None:
    """It is looked for as the default is; what a recipe says is looked for to the end."""
    network = archcompiler.compile("resnet152")
    machines = Machines(accelerator=accelerator("rtx-4090"))
    asked, unasked = (
        load_recipe("imagenet_modern", ["batch_size=2048", "speed.compile=off", memory])
        for memory in ("speed.memory=75%", "speed.memory=100%")
    )
    exact = make_plan(network, asked, machines).again
    near = make_plan(network, unasked, machines, speed={"memory": "75%"}).again
    assert exact == keeping(network.graph, 0.75)
    assert near == keeping(network.graph, 0.75, close=True)
    assert exact.work < near.work <= exact.work / (1 - CLOSE)


def test_what_is_settled_is_not_said_again() -> None:
    assert list(others("cifar_paper", device="t4")) == ["speed.checkpointing=true"]
    assert not others("cifar_paper", "speed.sync_bn=true", device="t4")
    settled = others("cifar_paper", "batch_size=9000", "speed.memory=80%", device="t4")
    assert {setting.split("=")[0] for setting in settled} == {"speed.accumulate"}
    assert not others("cifar_paper", "speed.memory=80%", device="t4")


def test_what_is_made_again_by_default() -> None:
    """Where a step keeps much and nothing is compiled, as the runner has it."""
    found = plan("cifar_paper", "batch_size=256")
    assert found.again is not None
    assert found.again.macs == 0 < found.again.elements
    kept = plan("cifar_paper", "batch_size=256", "speed.memory=100%")
    assert found.step.forward.image < 0.76 * kept.step.forward.image
    assert found.peak < kept.peak
    assert plan("cifar_paper", "batch_size=256", device="h100").again is None, "it is compiled"
    assert plan("cifar_paper", "speed.compile=on", "batch_size=256").again is None
    assert plan("cifar_paper", "speed.compile=off", "batch_size=1024", device="h100").again
    assert plan("cifar_paper", "batch_size=32").again is None, "it keeps little"


def test_products_of_float32_take_the_time_of_tf32() -> None:
    a100 = accelerator("a100")
    assert a100.tf32 is not None
    exact, rounded = (
        plan("cifar_paper", "speed.precision=float32", *more, device="a100").seconds
        for more in (("speed.tf32=false",), ())
    )
    assert rounded < exact
    fast = replace(a100, single=a100.tf32)
    assert rounded == training_seconds(NETWORK.graph, fast, "single", 64)
    bits = ("speed.precision=float32", "speed.deterministic=true", "speed.memory=100%")
    assert plan("cifar_paper", *bits, device="a100").seconds == exact


@pytest.mark.parametrize(("limit", "helped"), [("0.01%", False), ("1MB", False), ("60MB", True)])
def test_fewer_images_are_a_help_only_where_they_are_one(limit: str, helped: bool) -> None:
    with pytest.raises(CompileError, match="is too little") as wrong:
        plan("cifar_paper", f"speed.memory={limit}")
    assert (wrong.value.diagnostics[0].help is not None) == helped


def test_how_long_a_run_is() -> None:
    assert plan("cifar_modern").iterations == 200 * -(-45_000 // 128)
    assert plan("photographs").iterations is None
    assert plan("photographs", images=1000).iterations == 20 * -(-1000 // 64)
    assert plan("photographs", "batch_size=100", images=1000).iterations == 20 * 10


def test_every_accelerator_says_how_much_memory_it_has() -> None:
    for found in accelerators().values():
        assert f"{found.memory} GB" in found.title
