"""Public backbones as specs: the counts and the graphs of their re-stated originals."""

from __future__ import annotations

from pathlib import Path

import pytest
from restated.compare import difference
from restated.table import ATTENTION_KINDS, BACKBONES

import archcompiler
from archcompiler.analysis.costs import CostModel, total
from archcompiler.verify import verify

SPECS = Path(__file__).parents[1] / "specs"
ORIGINALS = {
    path: originals[path.stem]
    for folder, originals in (("backbones", BACKBONES), ("attention_kinds", ATTENTION_KINDS))
    for path in sorted((SPECS / folder).glob("*.toml"))
}


@pytest.fixture(scope="module", params=ORIGINALS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param
