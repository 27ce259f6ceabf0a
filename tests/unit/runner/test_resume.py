"""A run that is killed and resumed ends with the same weights, to the bit."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from shipped import EVERY_SPEC
from torch import Tensor, nn
from unit.runner.jobs import TINY, Jobs, curve, same
from unit.runner.processes import forked, run_alone, run_one

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError
from archcompiler.files import link_whole
from archcompiler.runner.engine import evaluate
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.store.resuming import TrainedOn, differences, fingerprint
from archcompiler.runner.training import Job, train

FULL = (
    "augment.crop_padding=2",
    "augment.cutout=4",
    "augment.randaugment.layers=2",
    "augment.colour.contrast=0.4",
    "augment.lighting=0.1",
    "augment.erase=0.5",
    "augment.mixup=0.2",
    "augment.cutmix=1.0",
    "augment.label_noise=0.1",
    "ema=0.9",
    "optimizer.clip=1.0",
    "speed.accumulate=2",
    "label_smoothing=0.1",
)


DEATHS = 40 if EVERY_SPEC else 8
DATA = TrainedOn(10_000, "0", ("cat", "dog"))


def test_killed_again_and_again(job: Jobs, tmp_path: Path) -> None:
    run_alone(job("first", *FULL))  # The server of the processes imports torch once, for this one.
    took = run_alone(job("whole", *FULL))
    moments = random.Random(0)
    deaths = 0
    for trial in range(3 * DEATHS):
        folder = f"killed{trial}"
        victim = forked.Process(target=run_one, args=(job(folder, *FULL),))
        victim.start()
        # One in each part of the run, at any moment of it.
        victim.join((trial + moments.random()) % DEATHS * took / DEATHS)
        victim.kill()
        victim.join(60)
        if victim.exitcode == 0:
            continue
        assert victim.exitcode == -signal.SIGKILL
        deaths += 1
        train(job(folder, *FULL, resume=True))
        same(tmp_path / "whole", tmp_path / folder)
        assert curve(tmp_path / "whole") == curve(tmp_path / folder)
        assert not list((tmp_path / folder / "checkpoints").glob(".*"))
        if deaths == DEATHS:
            return
    pytest.fail(f"only {deaths} of {3 * DEATHS} runs were killed before they ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_checkpoint(
    job: Jobs, tmp_path: Path, number: signal.Signals
) -> None:
    train(job("whole"))
    seen = []

    def interrupted(job: Job) -> None:
        original = torch.optim.SGD.step

        def step(self: torch.optim.SGD, closure: None = None) -> None:
            original(self)
            seen.append(1)
            if len(seen) == 6:
                os.kill(os.getpid(), number)

        torch.optim.SGD.step = step  # type: ignore[method-assign, assignment]
        try:
            outcome = train(job)
        finally:
            torch.optim.SGD.step = original  # type: ignore[method-assign]
        assert not outcome.finished
        assert outcome.iteration == 6

    interrupted(job("stopped"))
    assert read(tmp_path / "stopped" / "checkpoints" / "last.pt")["iteration"] == 6
    assert train(job("stopped", resume=True)).finished
    same(tmp_path / "whole", tmp_path / "stopped")
    assert curve(tmp_path / "whole") == curve(tmp_path / "stopped")


def test_a_corrupt_checkpoint_is_named_and_the_one_before_used(job: Jobs, tmp_path: Path) -> None:
    train(job("run"))
    whole = read(tmp_path / "run" / "checkpoints" / "last.pt")
    target = (tmp_path / "run" / "checkpoints" / "last.pt").resolve()
    data = bytearray(target.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 512] = bytes(byte ^ 1 for byte in data[middle : middle + 512])
    target.write_bytes(data)
    outcome = train(job("run", resume=True))
    assert [w.code for w in outcome.warnings] == ["W706"]
    assert target.name in outcome.warnings[0].message
    assert "iteration-000000008.pt" in outcome.warnings[0].notes[0]
    again = read(tmp_path / "run" / "checkpoints" / "last.pt")
    assert all(torch.equal(t, again["model"][name]) for name, t in whole["model"].items())


def test_a_signal_ends_an_evaluation_which_is_repeated(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("evaluation_batch=10", "ema=0.9")
    train(job("whole", *settings))
    predict, seen = evaluate.log_probabilities, []

    def interrupted(*arguments: Any) -> Tensor:
        seen.append(1)
        if len(seen) in (7, 14):  # In the second evaluation of three, and in the last.
            os.kill(os.getpid(), signal.SIGTERM)
        return predict(*arguments)

    monkeypatch.setattr(evaluate, "log_probabilities", interrupted)
    stopped = train(job("stopped", *settings))
    assert (stopped.finished, stopped.iteration, len(seen)) == (False, 8, 7)
    last = tmp_path / "stopped" / "checkpoints" / "last.pt"
    assert read(last)["evaluation_due"]
    stopped = train(job("stopped", *settings, resume=True))
    assert (stopped.finished, stopped.iteration, len(seen)) == (False, 12, 14)
    assert train(job("stopped", *settings, resume=True)).finished
    same(tmp_path / "whole", tmp_path / "stopped")
    assert curve(tmp_path / "whole") == curve(tmp_path / "stopped")


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("seed=1", "E713"),
        ("batch_size=8", "E713"),
        ("optimizer.lr=0.01", "W708"),
        ("speed.accumulate=2", "W708"),
        ("speed.precision=bfloat16", "W708"),
        ("augment.cutout=4", "W708"),
        ("augment.randaugment.magnitude=3", "W708"),
        ("iterations=14", "W708"),
        ("log_every=2", None),
    ],
)
def test_a_run_does_not_change_unnoticed(job: Jobs, setting: str, code: str | None) -> None:
    was, now = (
        fingerprint(made.network, made.loaded.recipe, DATA, 1, "ddp")
        for made in (job("run"), job("run", setting))
    )
    loaded = job("run", setting).loaded
    if code == "E713":
        with pytest.raises(CompileError, match=f"E713.*{setting.partition('=')[0]}") as caught:
            differences(loaded, was, now)
        found = list(caught.value.diagnostics)
    else:
        found = differences(loaded, was, now)
        assert [d.code for d in found] == ([code] if code else [])
    assert all(d.span is not None for d in found)


def test_a_run_of_before_a_setting_was_there_goes_on(job: Jobs) -> None:
    """Checkpoints of earlier versions have recipes without the keys that were added since."""
    made = job("run")
    now = fingerprint(made.network, made.loaded.recipe, DATA, 1, "ddp")
    recipe = json.loads(now["recipe"])
    del recipe["epochs"], recipe["augment"]["cutmix"], recipe["optimizer"]["clip"]
    was = now | {"recipe": json.dumps(recipe)}
    assert differences(made.loaded, was, now) == []
    changed = job("run", "augment.cutmix=1.0")
    other = fingerprint(changed.network, changed.loaded.recipe, DATA, 1, "ddp")
    (warning,) = differences(changed.loaded, was, other)
    assert warning.message == "`augment.cutmix` was 0.0 up to here, and is 1.0 from now on"


def test_other_data_are_not_gone_on_with(job: Jobs) -> None:
    made = job("run")
    was = fingerprint(made.network, made.loaded.recipe, DATA, 2, "ddp")
    assert not differences(made.loaded, was, was)
    with pytest.raises(CompileError, match=r"E713.*on 10,000 images, but there are 9,999"):
        differences(made.loaded, was, was | {"images": 9_999})
    found = differences(made.loaded, was, was | {"strategy": "fully_shard"})
    assert [d.code for d in found] == ["W708"]


def test_a_resumed_run_says_what_is_new(job: Jobs) -> None:
    train(job("run", "iterations=4"))
    with pytest.raises(CompileError, match="E713"):
        train(job("run", "seed=3", resume=True))
    outcome = train(job("run", "optimizer.lr=0.01", "iterations=4", resume=True))
    assert [w.code for w in outcome.warnings] == ["W708"]


def test_another_network_does_not_go_on(job: Jobs, tmp_path: Path) -> None:
    train(job("run", "iterations=4"))
    (tmp_path / "run" / "spec.toml").unlink()
    other = TINY | {"stem": {"type": "conv", "channels": 8, "stride": 4}}
    with pytest.raises(CompileError, match=r"E705.*another network"):
        train(job("run", spec=other, resume=True))


def test_dropout_of_any_kind_resumes(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def module(self: CompiledNetwork, **options: Any) -> nn.Module:
        network = original(self, **options)
        network.register_forward_pre_hook(lambda m, x: (F.dropout(x[0], 0.3, m.training),))
        return network

    original = CompiledNetwork.module
    monkeypatch.setattr(CompiledNetwork, "module", module)
    train(job("run"))
    checkpoints = tmp_path / "run" / "checkpoints"
    whole = read(checkpoints / "last.pt")["model"]
    (checkpoints / "iteration-000000012.pt").unlink()
    train(job("run", resume=True))
    again = read(checkpoints / "last.pt")["model"]
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_links_that_a_crash_has_left_behind_are_mended(job: Jobs, tmp_path: Path) -> None:
    train(job("run"))
    checkpoints = tmp_path / "run" / "checkpoints"
    best = (checkpoints / "best.pt").resolve()
    link_whole(checkpoints / "last.pt", checkpoints / "iteration-000000008.pt")
    (checkpoints / "best.pt").unlink()
    train(job("run", resume=True))
    assert read(checkpoints / "last.pt")["iteration"] == 12
    assert (checkpoints / "best.pt").resolve() == best


@pytest.mark.parametrize("damage", ["truncated", "empty", "other"])
def test_damage_of_any_kind_is_found(job: Jobs, tmp_path: Path, damage: str) -> None:
    train(job("run", "iterations=4"))
    target = (tmp_path / "run" / "checkpoints" / "last.pt").resolve()
    data = target.read_bytes()
    match damage:
        case "truncated":
            target.write_bytes(data[: len(data) // 2])
        case "empty":
            target.write_bytes(b"")
        case "other":
            torch.save({"weights": torch.zeros(3)}, target)
    with pytest.raises(CompileError) as caught:
        train(job("run", resume=True))
    assert {d.code for d in caught.value.diagnostics} == {"E706"}
    assert target.name in str(caught.value)


def test_weights_load_into_the_bare_emitted_file(job: Jobs, tmp_path: Path) -> None:
    import runpy

    train(job("run", "ema=0.9"))
    names = runpy.run_path(str(tmp_path / "run" / "model.py"))
    model = names["tiny"]()
    for link in ("last.pt", "best.pt"):
        contents = torch.load(tmp_path / "run" / "checkpoints" / link, weights_only=True)
        model.load_state_dict(contents["model"])
    assert list(contents["model"]) == list(model.state_dict())


def test_what_is_damaged_is_kept_aside(job: Jobs, tmp_path: Path) -> None:
    train(job("run", "iterations=4", "log_every=1"))
    log, record = tmp_path / "run" / "metrics.jsonl", tmp_path / "run" / "run.json"
    lines = log.read_text().splitlines(keepends=True)
    cut = "".join(lines) + lines[-1][:9]
    log.write_text(cut)
    again = job("run", "iterations=4", "log_every=1", resume=True)
    assert train(again).warnings == ()
    assert log.read_text() == "".join(lines), "of a last line that was cut off nothing is said"
    damaged = "".join([lines[0], lines[1].replace('"loss"', "loss"), *lines[2:]])
    log.write_text(damaged)
    record.write_text('{"classes"')
    warnings = train(again).warnings
    assert [w.code for w in warnings] == ["W743", "W743"]
    assert "has line 2 that cannot be read" in warnings[1].message
    assert (tmp_path / "run" / "metrics.jsonl.damaged").read_text() == damaged
    assert (tmp_path / "run" / "run.json.damaged").read_text() == '{"classes"'
    assert len(json.loads(record.read_text())["starts"]) == 1
    record.write_text("[1")
    assert [w.code for w in train(again).warnings] == ["W743"]
    assert (tmp_path / "run" / "run.json.damaged").read_text() == '{"classes"'
    assert (tmp_path / "run" / "run.json.damaged1").read_text() == "[1"
