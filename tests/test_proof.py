"""Whatever passes the checks is emitted as the graph that was checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from shipped import TOML_SPECS
from strategies import valid_specs

import archcompiler
from archcompiler.verify import verify


@pytest.mark.parametrize("spec", TOML_SPECS, ids=lambda spec: spec.stem)
def test_every_shipped_network_is_proved(spec: Path) -> None:
    proof = verify(archcompiler.compile(spec))
    assert proof.holds, str(proof)


@given(valid_specs())
def test_every_drawn_network_is_proved(spec: dict[str, Any]) -> None:
    proof = verify(archcompiler.compile(spec))
    assert proof.holds, str(proof)
