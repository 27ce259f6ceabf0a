"""Public backbones as specs: the counts and the graphs of their re-stated originals."""

from __future__ import annotations

from pathlib import Path

import pytest
from restated.compare import assert_equal_results, difference
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
IN_OTHER_WORDS = ("convnext_tiny", "eca_resnet50")
"""Networks whose graphs cannot be compared, as their re-statements move channels about by hand."""


@pytest.fixture(scope="module", params=ORIGINALS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_counts(path: Path) -> None:
    cost = total(CostModel(archcompiler.compile(path).graph).network)
    assert (cost.params, cost.macs) == (ORIGINALS[path].parameters, ORIGINALS[path].macs)


def test_the_network_is_the_original(path: Path) -> None:
    network = archcompiler.compile(path)
    if path.stem in IN_OTHER_WORDS:
        assert_equal_results(network, ORIGINALS[path], size=64)
    else:
        assert difference(network, ORIGINALS[path]) == ""


def test_the_emitted_module_is_the_graph(path: Path) -> None:
    proof = verify(archcompiler.compile(path))
    assert proof.holds, proof
    assert proof.parameters == ORIGINALS[path].parameters
