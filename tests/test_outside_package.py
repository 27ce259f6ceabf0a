"""Blocks and an operator from an installed package: checked, counted, drawn, built, proved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "outside-blocks"
version = "0.1"

[project.entry-points."archcompiler.blocks"]
outside = "outside_blocks"

[project.entry-points."archcompiler.operators"]
wave = "outside_blocks.wave:Wave"
"""
WAVY = """\
title  = "Two 3×3 convolutions with a wave between them"
source = "of this test"

[options]
squeeze = { default = 1, least = 1 }
turns   = 1.0

[let]
width = "c / squeeze"

[steps]
conv1   = { op = "conv", channels = "width", kernel = 3, stride = "stride" }
norm1   = { op = "norm" }
wave1   = { op = "wave", frequency = "2 * turns" }
conv2   = { op = "conv", channels = "c", kernel = 3 }
norm2   = { op = "norm" }

[steps.project]
op       = "conv"
from     = "x"
channels = "c"
kernel   = 1
stride   = "stride"
when     = "stride != 1 or cin != c"

[steps.add]
op   = "add"
from = ["norm2", "project"]

[steps.relu2]
op = "act"
"""
SHRINKING = """\
title = "A unit that keeps no promise: it always halves the resolution"
steps = { conv = { op = "conv", channels = "c", kernel = 3, stride = 2 } }
"""
BROKEN = 'steps = { conv = { op = "cnov" } }\n'
WAVE = '''\
"""cos(f·x), in place of an activation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from archcompiler.backends.torch import Helper, Reader, TorchOp
from archcompiler.ops import Argument
from archcompiler.ops.cost import Saved, Work
from archcompiler.ops.base import Operator


SOURCE = \'\'\'\
def wave(x: Tensor, frequency: float) -> Tensor:
    """cos(f·x)."""
    return torch.cos(frequency * x)\'\'\'


def call(op, x, dims):
    return f"wave({x[0]}, {op.frequency})"


def readers():
    def read(seen, x, frequency):
        return Wave(frequency), [x]

    yield Reader("wave", read)


@dataclass(frozen=True)
class Wave(Operator):
    """cos(f·x)."""

    kind: ClassVar[str] = "wave"
    arguments: ClassVar[Mapping[str, Argument]] = {"frequency": Argument("float", 1.0, least=0)}
    backends: ClassVar[Mapping[str, object]] = {
        "torch": TorchOp(
            call=call,
            helper=lambda dims: Helper("wave", SOURCE),
            readers=readers,
            uncounted=frozenset({"aten::cos", "aten::mul"}),
        )
    }

    frequency: float = 1.0

    def shape(self, inputs):
        return self.only(inputs)

    def work(self, inputs, output):
        return Work(elements=output.numel)

    def saved(self, inputs, output):
        return Saved(output=True)

    def window(self, position, size, output_size, axis):
        return position, position
'''
SPEC: dict[str, Any] = {
    "name": "outside",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv"},
    "unit": "wavy",
    "stages": [
        {"channels": 16, "modules": 1, "depth": 2},
        {
            "channels": 32,
            "stride": 2,
            "modules": 2,
            "depth": 1,
            "attention": {"mask": {"unit": {"type": "wavy", "squeeze": 4, "turns": 0.5}}},
        },
    ],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package has been installed."""
    project = tmp_path_factory.mktemp("project")
    package = project / "outside_blocks"
    package.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text("")
    (package / "wave.py").write_text(WAVE, encoding="utf-8")
    for name, text in (("wavy", WAVY), ("shrinking", SHRINKING), ("broken", BROKEN)):
        (package / f"{name}.toml").write_text(text, encoding="utf-8")
    site = tmp_path_factory.mktemp("site")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    result = subprocess.run(
        [sys.executable, "-m", "pip", *install, "--target", str(site), str(project)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    assert result.returncode == 0, result.stderr
    return site


def command(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the compiler where the package is installed."""
    path = os.pathsep.join([str(ROOT), str(site), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "archcompiler", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "outside.json"
    path.write_text(json.dumps(SPEC))
    return path


def test_it_is_proved_and_counted(site: Path, spec: Path) -> None:
    result = command(site, "verify", str(spec))
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{expected_parameters():,} parameters" in result.stdout
    assert "as the graph says" in result.stdout
    assert "checked graph" in result.stdout


def expected_parameters() -> int:
    """By hand: conv kernels, two numbers per BN channel, the classifier with its bias."""

    def unit(channels: int, squeeze: int = 1, incoming: int | None = None) -> int:
        width = channels // squeeze
        total = 9 * (incoming or channels) * width + 2 * width + 9 * width * channels + 2 * channels
        return total if incoming in (None, channels) else total + incoming * channels

    def attention(channels: int, mask_units: int, squeeze: int = 1) -> int:
        head = 2 * channels**2 + 2 * channels
        return 4 * unit(channels) + mask_units * unit(channels, squeeze) + head

    stem = 27 * 16 + 2 * 16
    stage1 = unit(16, incoming=16) + attention(16, 5)
    stage2 = unit(32, incoming=16) + 2 * attention(32, 2, squeeze=4)
    return stem + stage1 + stage2 + 32 * 10 + 10


def test_it_is_costed_and_drawn(site: Path, spec: Path, tmp_path: Path) -> None:
    flops = command(site, "flops", str(spec), "--by", "op")
    assert flops.returncode == 0, flops.stderr
    assert "wave" in flops.stdout
    drawn = command(site, "diagram", str(spec), "-o", str(tmp_path), "--level", "module")
    assert drawn.returncode == 0, drawn.stderr


def test_the_emitted_file_stands_alone(site: Path, spec: Path, tmp_path: Path) -> None:
    result = command(site, "build", str(spec), "-o", str(tmp_path))
    assert result.returncode == 0, result.stderr
    source = (tmp_path / "outside.py").read_text(encoding="utf-8")
    assert 'class Wavy(nn.Module):\n    """Two 3×3 convolutions with a wave between them.' in source
    assert "outside_blocks" not in source
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--stdin-filename", "m.py", "-"]
    subprocess.run(check, input=source, text=True, check=True, capture_output=True)
    script = "import outside, torch; print(*outside.outside()(torch.randn(2, 3, 32, 32)).shape)"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stdout.split() == ["2", "10"], run.stderr


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ({"type": "wavy", "sqeeze": 2}, ("E201", "did you mean `squeeze`?")),
        ("wavvy", ("E211", "did you mean `wavy`?")),
        ({"type": "wavy", "squeeze": 3}, ("E307", "16 / 3 is not a whole number")),
        ("shrinking", ("E308", "unit `shrinking` gives 16×16×16 for 16×32×32 at stride 1")),
        ("broken", ("E316", "block `broken` of an installed package", "outside = outside_blocks")),
    ],
)
def test_mistakes_are_told_like_any_others(
    site: Path, tmp_path: Path, unit: Any, said: tuple[str, ...]
) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**SPEC, "unit": unit, "stages": [{"channels": 16}]}))
    result = command(site, "check", str(path))
    assert result.returncode == 2, result.stderr
    for text in said:
        assert text in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


def test_without_the_package_its_names_are_unknown(spec: Path, tmp_path: Path) -> None:
    result = command(tmp_path, "check", str(spec))
    assert "E211" in result.stdout + result.stderr
