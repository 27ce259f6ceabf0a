"""Public backbones as specs: the counts and the graphs of their re-stated originals."""

from __future__ import annotations

from pathlib import Path

import pytest
from restated.compare import assert_equal_results, difference
from restated.table import ATTENTION_KINDS, BACKBONES

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.verify import verify

SPECS = Path(__file__).parents[1] / "specs"
ORIGINALS = {
    path: originals[path.stem]
    for folder, originals in (("backbones", BACKBONES), ("attention_kinds", ATTENTION_KINDS))
    for path in sorted((SPECS / folder).glob("*.toml"))
}
IN_OTHER_WORDS = (
    *("convnext_tiny", "shufflenet_v2", "eca_resnet50", "gc_resnet50", "nonlocal_resnet50"),
)
"""Networks whose graphs cannot be compared, as their re-statements move channels about by hand."""


@pytest.fixture(scope="module", params=ORIGINALS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_counts(path: Path) -> None:
    cost = network_cost(archcompiler.compile(path).graph)
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


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("backbones/resnet18", "blocks.basic.steps.conv2.kernel=1"),
        ("backbones/resnet50d", "blocks.bottleneck_d.steps.average.count_include_pad=true"),
        ("backbones/wrn28_10", 'blocks.preact_basic.steps.project.from="x"'),
        ("backbones/regnetx_400mf", "unit.group_width=8"),
        ("backbones/mobilenet_v2", "activation=relu"),
        ("backbones/efficientnet_b0", "blocks.squeeze.steps.act.op=relu"),
        ("backbones/vgg16_bn", "blocks.plain.steps.conv.bias=false"),
        ("backbones/densenet121", 'blocks.dense.steps.concat.from=["conv2", "x"]'),
        ("backbones/res2net50", 'blocks.res2net.steps.add3.from=["part3", "path1_relu"]'),
        ("backbones/repvgg_a0", 'blocks.repvgg.steps.identity_norm.from="norm"'),
        ("backbones/ghostnet", "blocks.squeeze.let.width=c / 4"),
        ("attention_kinds/se_resnet50", "unit.gate.ratio=8"),
        ("attention_kinds/cbam_resnet50", "unit.gate.kernel=3"),
        ("attention_kinds/bam_resnet50", "attention.mask.join=sum"),
    ],
)
def test_a_changed_network_is_not_the_original(name: str, change: str) -> None:
    path = SPECS / f"{name}.toml"
    assert difference(archcompiler.compile(path, [change]), ORIGINALS[path])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("convnext_tiny", "activation=relu"),
        ("convnext_tiny", "norm.eps=0.1"),
        ("shufflenet_v2", "blocks.shufflenet.steps.shuffle.groups=4"),
        ("shufflenet_v2", "blocks.shufflenet.steps.rest.index=0"),
    ],
)
def test_a_changed_network_has_other_results(name: str, change: str) -> None:
    path = SPECS / "backbones" / f"{name}.toml"
    with pytest.raises((AssertionError, RuntimeError)):
        assert_equal_results(archcompiler.compile(path, [change]), ORIGINALS[path], size=32)
