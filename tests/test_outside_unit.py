"""A unit type from another package: installed, built, counted, and held to its contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "outside-units"
version = "0.1"

[project.entry-points."archcompiler.units"]
basic = "outside_units:BASIC"
shrinking = "outside_units:SHRINKING"
"""
PACKAGE = '''\
"""Units of two 3×3 convolutions, as in ResNet-18, with an optional squeeze in between."""

from pathlib import Path
from typing import Literal

from archcompiler.builder import BlockBuilder, Value
from archcompiler.ops import Add
from archcompiler.units import UnitSpec, UnitType


class BasicSpec(UnitSpec):
    """Two 3×3 convolutions."""

    type: Literal["basic"] = "basic"
    squeeze: int = 1


class ShrinkingSpec(UnitSpec):
    """A unit that keeps no promise: it always halves the resolution."""

    type: Literal["shrinking"] = "shrinking"


def lower(block: BlockBuilder, spec: BasicSpec, channels: int, stride: int) -> Value:
    x = block.x
    width = block.part(channels, spec.squeeze)
    y = block.conv("conv1", x, width, 3, stride=stride)
    y = block.relu("relu1", block.norm("norm1", y))
    y = block.norm("norm2", block.conv("conv2", y, channels, 3))
    shortcut = x
    if stride != 1 or x.type.channels != channels:
        shortcut = block.norm("project_norm", block.conv("project", x, channels, 1, stride=stride))
    return block.relu("relu2", block.add("add", Add(), y, shortcut))


def lower_shrinking(block: BlockBuilder, spec: ShrinkingSpec, channels: int, stride: int) -> Value:
    return block.conv("conv", block.x, channels, 3, stride=2)


def unit(name, class_name, spec, lower):
    template = Path(__file__).with_name(f"{name}.jinja")
    return UnitType(name, class_name, spec, lower, template, preactivation=False)


BASIC = unit("basic", "BasicUnit", BasicSpec, lower)
SHRINKING = unit("shrinking", "ShrinkingUnit", ShrinkingSpec, lower_shrinking)
'''
TEMPLATE = '''\
class {{ unit.name }}(nn.Module):
    """{{ unit.summary }}, BN after each.

    (N, in_channels, H, W) to (N, channels, H / stride, W / stride), sizes rounded up.
    """

    def __init__({{ unit.signature }}) -> None:
        super().__init__()
        width = channels // squeeze
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = {{ norm("width") }}
        self.conv2 = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.norm2 = {{ norm("channels") }}
        self.project = None
        if stride != 1 or in_channels != channels:
            self.project = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.project_norm = {{ norm("channels") }}

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.project is None else self.project_norm(self.project(x))
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(y)) + shortcut, inplace=True)
'''
SPEC = {
    "name": "outside",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv"},
    "unit": "basic",
    "stages": [
        {"channels": 16, "modules": 1, "depth": 2},
        {
            "channels": 32,
            "stride": 2,
            "modules": 2,
            "depth": 1,
            "attention": {"mask": {"unit": {"type": "basic", "squeeze": 4}}},
        },
    ],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package has been installed."""
    project = tmp_path_factory.mktemp("project")
    package = project / "outside_units"
    package.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text(PACKAGE)
    (package / "basic.jinja").write_text(TEMPLATE)
    (package / "shrinking.jinja").write_text(TEMPLATE)
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


def run(site: Path, script: str) -> str:
    """Run a script where the package is installed; `SPEC` is the spec above."""
    path = os.pathsep.join([str(ROOT), str(site), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", f"import json\nSPEC = json.loads({json.dumps(SPEC)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_a_network_of_an_outside_unit(site: Path) -> None:
    script = """
import archcompiler, torch
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.parameters import parameter_count
from archcompiler.verify import verify

network = archcompiler.compile(SPEC)
model = network.module()
logits = model(torch.randn(2, 3, 32, 32))
logits.sum().backward()
assert logits.shape == (2, 10)
assert all(p.grad is not None for p in model.parameters())
assert verify(network).holds
print(sum(p.numel() for p in model.parameters()), parameter_count(network.graph),
      trunk_depth(network.graph))
"""
    built, counted, depth = map(int, run(site, script).split())
    assert built == counted == expected_parameters()
    assert depth == 1 + 2 * (1 + 4) + 2 * (1 + 2 * 4) + 1


def expected_parameters() -> int:
    """By hand: conv kernels, two numbers per BN channel, the classifier with its bias."""

    def unit(channels: int, squeeze: int = 1, incoming: int | None = None) -> int:
        width = channels // squeeze
        total = 9 * (incoming or channels) * width + 2 * width + 9 * width * channels + 2 * channels
        return total if incoming in (None, channels) else total + (incoming + 2) * channels

    def attention(channels: int, mask_units: int, squeeze: int = 1) -> int:
        head = 2 * channels**2 + 2 * channels
        return 4 * unit(channels) + mask_units * unit(channels, squeeze) + head

    stem = 27 * 16 + 2 * 16
    stage1 = unit(16, incoming=16) + attention(16, 5)
    stage2 = unit(32, incoming=16) + 2 * attention(32, 2, squeeze=4)
    return stem + stage1 + stage2 + 32 * 10 + 10


def test_the_emitted_file_prints_the_outside_template(site: Path) -> None:
    source = run(site, "import archcompiler; print(archcompiler.compile(SPEC).source)")
    assert 'class BasicUnit(nn.Module):\n    """Two 3×3 convolutions, BN after each.\n' in source
    assert "partial(BasicUnit, squeeze=4)" in source
    assert "outside_units" not in source
    check = [sys.executable, "-m", "ruff", "check", "--isolated", "--stdin-filename", "m.py", "-"]
    subprocess.run(check, input=source, text=True, check=True, capture_output=True)


def test_its_options_are_checked_like_any_others(site: Path) -> None:
    script = """
import archcompiler
for unit in ({"type": "basic", "sqeeze": 2}, "basik", {"type": "basic", "squeeze": 3}):
    (found,) = archcompiler.check({**SPEC, "unit": unit, "stages": SPEC["stages"][:1]})
    print(found.code, found.help if found.code != "E307" else found.message)
"""
    assert run(site, script).splitlines() == [
        "E201 did you mean `squeeze`?",
        "E211 did you mean `basic`?",
        "E307 1/3 of 16 channels is not a whole number",
    ]


def test_a_unit_that_breaks_its_contract(site: Path) -> None:
    script = """
import archcompiler
(found,) = archcompiler.check({**SPEC, "unit": "shrinking", "stages": [{"channels": 16}]})
print(found.code, found.span.text, found.message)
"""
    code, span, message = run(site, script).split(" ", 2)
    assert (code, span) == ("E308", '"shrinking"')
    assert message.startswith("unit type `shrinking` gives 16×16×16 for 16×32×32 at stride 1")


def test_without_the_package_the_type_is_unknown() -> None:
    import archcompiler

    found = archcompiler.check(SPEC)
    assert {diagnostic.code for diagnostic in found} == {"E211"}
