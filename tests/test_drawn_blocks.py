"""Whatever blocks a spec has: built, run, counted and proved, or refused at their place."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from drawn_blocks import block_specs
from hypothesis import event, given
from test_properties import assert_explained

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.diagnostics import Severity
from archcompiler.verify import verify
from archcompiler.verify.counts import verify_counts


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@given(block_specs())
def test_drawn_blocks_work_or_are_refused(spec: dict[str, Any]) -> None:
    found = archcompiler.check(spec)
    assert_explained(found)
    errors = [d for d in found if d.severity is Severity.ERROR]
    for error in errors:
        event(error.code)
    if errors:
        return
    event("compiles")
    network = archcompiler.compile(spec)
    assert_linted(network.source)
    model = network.module()
    x = torch.randn(2, *spec["input"])
    for training in (True, False):
        logits = model.train(training)(x)
        assert logits.shape == (2, spec["classes"])
        model.zero_grad(set_to_none=True)
        logits.square().sum().backward()
        dead = [name for name, p in model.named_parameters() if p.grad is None]
        assert not dead
    assert sum(p.numel() for p in model.parameters()) == parameter_count(network.graph)
    proof = verify(network)
    assert proof.holds, str(proof)
    counts = verify_counts(network)
    assert counts.holds, str(counts)


def assert_linted(source: str) -> None:
    """Free of lint: no unused variable or import, and nothing that is not defined."""
    rules = ["check", "--isolated", "--select", "E4,E7,E9,F,I", "--stdin-filename", "m.py", "-"]
    command = [sys.executable, "-m", "ruff", *rules]
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
