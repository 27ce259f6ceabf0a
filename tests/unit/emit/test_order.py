"""Networks whose images have channels last, though PyTorch crashes in the norm that reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archcompiler

STEP = """
import torch
from norm_first import NormFirst

x = torch.rand({shape}).to(memory_format=torch.{order})
net = NormFirst()
net(x).sum().backward()
print(net.stem.conv.weight.grad is not None)
"""


def source(steps: dict[str, Any], dims: int) -> str:
    conv = {"op": "conv", "channels": "c", "kernel": 3}
    return archcompiler.compile(
        {
            "name": "norm_first",
            "input": [4, *[8] * dims],
            "classes": 2,
            "stem": {"type": "own", "channels": 8},
            "stages": [{"channels": 8}],
            "unit": "basic",
            "blocks": {"own": {"steps": {**steps, "conv": conv}}},
        }
    ).source


@pytest.mark.parametrize(("dims", "order"), [(2, "channels_last"), (3, "channels_last_3d")])
@pytest.mark.parametrize("pooled", [False, True])
def test_a_group_norm_of_images(dims: int, order: str, pooled: bool, tmp_path: Path) -> None:
    pool = {"pool": {"op": "avg_pool", "kernel": 2, "stride": 2}} if pooled else {}
    text = source({**pool, "norm": {"op": "group_norm", "groups": 2}}, dims)
    (tmp_path / "norm_first.py").write_text(text)
    # By itself: it would take this process along.
    step = STEP.format(shape=(2, 4, *[8] * dims), order=order)
    ran = subprocess.run([sys.executable, "-c", step], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "True\n"), ran.stderr
    assert "channels_last" not in text


def test_a_group_norm_behind_weights_takes_either_order() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 1}
    text = source({"first": conv, "norm": {"op": "group_norm", "groups": 2}}, 2)
    assert "channels_last: bool = True" in text
