"""The ways to compute the same run faster or in less memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from unit.runner.jobs import Jobs

from archcompiler.diagnostics import CompileError
from archcompiler.runner.checkpoint import read
from archcompiler.runner.metrics import read_metrics
from archcompiler.runner.training import train


@pytest.mark.parametrize(
    ("setting", "tolerance"),
    [
        ("speed.deterministic=true", 1e-4),
        ("speed.checkpointing=true", 0.0),
        ("speed.channels_last=off", 1e-4),
        ("speed.precision=bfloat16", 0.05),
    ],
)
def test_the_run_stays_the_same(job: Jobs, tmp_path: Path, setting: str, tolerance: float) -> None:
    settings = ("iterations=4", "log_every=1", "optimizer.lr=0.01")
    train(job("plain", *settings))
    try:
        train(job("other", *settings, setting))
    finally:
        torch.use_deterministic_algorithms(False)
    plain, other = (
        [row["loss"] for row in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("plain", "other")
    )
    assert other == pytest.approx(plain, rel=tolerance, abs=0)
    if not tolerance:
        one, two = (
            read(tmp_path / name / "checkpoints" / "last.pt")["model"]
            for name in ("plain", "other")
        )
        # The statistics of BN too: a recomputed batch does not count twice.
        assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_a_batch_in_parts_has_the_gradient_of_the_parts(job: Jobs, tmp_path: Path) -> None:
    train(job("parts", "iterations=3", "speed.accumulate=4"))
    rows = read_metrics(tmp_path / "parts" / "metrics.jsonl")
    assert all(row["loss"] < 5 for row in rows)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("device=cuda", "there is no device `cuda` here"),
        ("speed.sync_bn=true", "no BN over processes on `cpu`"),
        ("speed.precision=float16", "float16 is of no use on a CPU"),
    ],
)
def test_what_the_machine_cannot_do_is_said(job: Jobs, setting: str, message: str) -> None:
    if "cuda" in setting and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(CompileError, match="E707") as caught:
        train(job("run", setting))
    assert message in str(caught.value)
