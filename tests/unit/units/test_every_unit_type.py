"""What every registered unit type promises; a new one is covered the moment it is registered."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
import torch
from archcompiler.blocks import UNIT
from archcompiler.units import UnitType, unit_types

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.compiler import CompiledNetwork
from archcompiler.verify import verify

TYPES = sorted(unit_types())


def network_of(unit: str) -> CompiledNetwork:
    return archcompiler.compile(
        {
            "name": "units",
            "input": [3, 35, 29],
            "classes": 5,
            "unit": unit,
            "stem": {"type": "conv", "channels": 32},
            "stages": [
                {"channels": 64, "modules": 1, "depth": 2, "after": 1},
                {"channels": 128, "stride": 2, "before": 2, "modules": 1, "depth": 1},
                {"channels": 128, "stride": 3},
            ],
        }
    )


def test_built_in_types_are_registered_as_outside_ones_are() -> None:
    points = {point.name for point in entry_points(group=UnitType.GROUP)}
    assert {"bottleneck", "inception", "preact_bottleneck", "resnext"} <= points
    assert set(TYPES) == points


@pytest.mark.parametrize("unit", TYPES)
def test_graph_and_emitted_class_agree(unit: str) -> None:
    proof = verify(network_of(unit))
    assert proof.holds, str(proof)


@pytest.mark.parametrize("unit", TYPES)
def test_emitted_class_keeps_the_contract(unit: str) -> None:
    """(N, C_in, H, W) to (N, C, ceil(H / stride), ceil(W / stride)), with every weight in use."""
    network = network_of(unit)
    module = network.module()
    assert sum(p.numel() for p in module.parameters()) == parameter_count(network.graph)
    for path, block in network.graph.blocks():
        if block.kind != UNIT:
            continue
        emitted = module.get_submodule(path.replace("/", "."))
        x = torch.randn(2, block.input.channels, *block.input.size)
        y = emitted(x)
        expected = block.output_type
        assert y.shape == (2, expected.channels, *expected.size)
        y.square().mean().backward()
        assert all(p.grad is not None for p in emitted.parameters())


@pytest.mark.parametrize("unit", TYPES)
def test_defaults_are_options_that_a_spec_may_set(unit: str) -> None:
    spec = unit_types()[unit].spec(type=unit)
    assert spec.options().keys() == type(spec).model_fields.keys() - {"type"}
    table = {"type": unit, **spec.options()}
    short, long = network_of(unit), network_of(table)  # type: ignore[arg-type]
    assert short.loaded.sha256 == long.loaded.sha256
    assert short.source == long.source
