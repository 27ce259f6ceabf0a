"""Events for TensorBoard, which is an extra."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from unit.runner.jobs import Jobs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.training import train


def test_events_are_the_metrics_and_come_once(job: Jobs, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = ("log_every=1", "checkpoint_every=4")
    train(job("run", *settings, tensorboard=True))
    # As if it had been killed after its eleventh iteration.
    (tmp_path / "run" / "checkpoints" / "iteration-000000012.pt").unlink()
    train(job("run", *settings, tensorboard=True, resume=True))
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    for split in ("train", "validation"):
        found = [(e.step, e.value) for e in events.Scalars(f"{split}/loss")]
        expected = [(r["iteration"], r["loss"]) for r in rows if r["split"] == split]
        assert found == [(step, pytest.approx(loss)) for step, loss in expected]


def test_without_it_that_is_said(job: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(CompileError, match=r"(?s)E707.*archcompiler\[tensorboard\]"):
        train(job("run", tensorboard=True))
