"""Committed output against what the compiler makes now, byte for byte.

`python tests/regenerate.py golden generated` writes both anew; the diff is read like code.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import ALL_SPECS, ROOT, SPECS

import archcompiler
from archcompiler.backends import NAMES
from archcompiler.compiler import CompiledNetwork
from archcompiler.emit.header import parse_emitted, without_source
from archcompiler.verify import verify

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/spec.toml"))


def emitted_path(network: CompiledNetwork, spec: Path) -> Path:
    """The golden file beside a spec."""
    return network.path(spec.parent)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("spec", GOLDEN, ids=lambda spec: spec.parent.name)
def test_golden_file(spec: Path, backend: str) -> None:
    network = archcompiler.compile(spec).for_backend(backend)
    assert network.name == spec.parent.name
    expected = emitted_path(network, spec).read_text(encoding="utf-8")
    assert without_source(network.source) == without_source(expected)


@pytest.mark.parametrize("spec", GOLDEN, ids=lambda spec: spec.parent.name)
def test_golden_network_is_proved(spec: Path) -> None:
    proof = verify(archcompiler.compile(spec))
    assert proof.holds, str(proof)


@pytest.mark.parametrize("spec", ALL_SPECS, ids=lambda spec: spec.name)
def test_generated_is_up_to_date(spec: Path) -> None:
    network = archcompiler.compile(spec)
    text = (ROOT / "generated" / f"{network.name}.py").read_text(encoding="utf-8")
    assert without_source(network.source) == without_source(text)
    emitted = parse_emitted(text)
    assert emitted is not None
    assert not emitted.edited


def test_every_generated_file_has_a_spec() -> None:
    names = {archcompiler.compile(spec).name for spec in ALL_SPECS}
    assert {path.stem for path in (ROOT / "generated").glob("*.py")} == names


def test_no_shipped_spec_is_longer_than_forty_lines() -> None:
    for spec in SPECS:
        if spec.suffix == ".toml":
            assert len(spec.read_text(encoding="utf-8").splitlines()) <= 40, spec.name
