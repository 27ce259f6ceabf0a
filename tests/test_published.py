"""Networks of papers as specs with blocks of their own: the parameters that are published.

What a paper does that no unit of the zoo does is said in steps here; `docs/blocks.md` has how.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.parameters import parameter_count
from archcompiler.verify import verify
from archcompiler.verify.inference import compare

SPECS = Path(__file__).parent / "published"
EXACT = {
    # `num_params` of torchvision's weights
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "regnety_400mf": 4_344_144,
    "squeezenet1_1": 1_235_496,
    "mnasnet": 4_383_312,
}
MILLIONS = {
    # the tables of the papers
    "convmixer_768_32": "21.1",
    "fasternet_t0": "3.9",
    "inceptionnext_t": "28.1",
    "van_b0": "4.1",
    "poolformer_s12": "11.9",
    "starnet_s1": "2.9",
    "focalnet_t": "28.4",
    "mobileone_s0": "5.3",  # in training, in the table of mmpretrain
}


def test_every_spec_has_a_count() -> None:
    assert {path.stem for path in SPECS.iterdir()} == {*EXACT, *MILLIONS}


@pytest.mark.parametrize("name", [*EXACT, *MILLIONS])
def test_parameters(name: str) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    proof = verify(network)
    assert proof.holds, str(proof)
    if name in EXACT:
        assert proof.parameters == EXACT[name]
    else:
        assert f"{proof.parameters / 1e6:.1f}" == MILLIONS[name]


def test_mobileone_in_inference_is_a_convolution_for_each_sum() -> None:
    network = archcompiler.compile(SPECS / "mobileone_s0.toml")
    deployed = network.deployed
    proof = verify(deployed)
    assert proof.holds, str(proof)
    # mmpretrain's table has 2.08 (deploy) and 0.28 (deploy)
    assert f"{proof.parameters / 1e6:.2f}" == "2.08"
    assert f"{network_cost(deployed.graph).macs / 1e9:.2f}" == "0.28"
    kinds = [node.op.kind for node in deployed.graph.nodes()]
    assert kinds.count("conv") == 1 + 2 * (2 + 8 + 10 + 1)
    assert not {"add", "affine"} & {*kinds}
    assert compare(network, (64, 64)).holds


@pytest.mark.parametrize(("name", "millions"), [("starnet_s1", 425), ("focalnet_t", 4.4e3)])
def test_flops_are_those_of_the_tables(name: str, millions: float) -> None:
    network = archcompiler.compile(SPECS / f"{name}.toml")
    # Both authors count with fvcore, to three and two digits.
    counted = network_cost(network.graph).fvcore_flops / 1e6
    assert counted == pytest.approx(millions, abs=0.5 if millions < 1000 else 50)


def test_a_wide_resnet_is_an_option_of_the_unit() -> None:
    wide = archcompiler.compile("resnet50", ["unit.reduction=2"])
    # `num_params` of torchvision's Wide_ResNet50_2_Weights
    assert parameter_count(wide.graph) == 68_883_240
