"""Blocks of papers, written as steps: the results of their formulas with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from decompiled_spec import again
from mechanisms import MECHANISMS, C, Steps, joined, network_of, spec_of
from restated import mechanisms
from shipped import EVERY_SPEC
from tiny import tiny_spec
from torch import Tensor, nn
from unit.analysis.test_peak import Measured, predicted
from unit.analysis.test_recomputing import assert_as_planned

import archcompiler
from archcompiler.diagnostics import Source, Span
from archcompiler.foreign.audit import audit
from archcompiler.foreign.loading import Implementation
from archcompiler.verify import inference, verify
from archcompiler.verify.counts import verify_counts
from archcompiler.verify.jax_numbers import compare


class Whole(nn.Module):
    """A convolution, and a block after it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, C, 3, padding=1, bias=False)
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.stem(x))  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=MECHANISMS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def network(name: str) -> archcompiler.CompiledNetwork:
    return network_of(MECHANISMS[name].steps)


def test_the_emitted_module_is_the_graph(network: archcompiler.CompiledNetwork) -> None:
    proof, counts = verify(network), verify_counts(network)
    assert proof.holds, str(proof)
    assert counts.holds, str(counts)


def test_the_file_for_jax_is_the_graph(network: archcompiler.CompiledNetwork) -> None:
    proof = verify(network.for_backend("jax"))
    assert proof.holds, str(proof)


def test_the_file_for_jax_computes_the_same(
    name: str, network: archcompiler.CompiledNetwork
) -> None:
    if name == "up_convolution" or EVERY_SPEC:  # JAX takes seconds to compile a step
        numbers = compare(network)
        assert numbers.holds, str(numbers)


def test_results_and_gradients_are_those_of_the_formula(
    name: str, network: archcompiler.CompiledNetwork
) -> None:
    assert_same_function(network.module(), Whole(MECHANISMS[name].make(C)))


def assert_same_function(ours: nn.Module, theirs: nn.Module) -> None:
    """With the same weights, in the order in which they are made, in training."""
    torch.manual_seed(0)
    ours, theirs = ours.double(), theirs.double()
    pairs = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    with torch.no_grad():
        for own, other in pairs:
            own.copy_(other.normal_(0.2, 0.5).view_as(own))
    for size in ((14, 18), (9, 7), (5, 5)):
        x = torch.randn(3, 3, *size, dtype=torch.float64, requires_grad=True)
        y, expected = ours(x), theirs(x)
        torch.testing.assert_close(y, expected)
        towards = torch.randn_like(expected)
        found = torch.autograd.grad((y * towards).sum(), [x, *(own for own, _ in pairs)])
        wanted = torch.autograd.grad(
            (expected * towards).sum(), [x, *(other for _, other in pairs)]
        )
        for slope, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(slope, other.view_as(slope))


def test_what_starts_at_0_does_so(name: str, network: archcompiler.CompiledNetwork) -> None:
    theirs = Whole(MECHANISMS[name].make(C))
    for own, other in zip(network.module().parameters(), theirs.parameters(), strict=True):
        assert own.any() == other.any()


def test_a_plan_goes_as_it_says(name: str) -> None:
    spec = spec_of(MECHANISMS[name].steps, (14, 18))
    changes = {"head": {"type": "linear", "norm": False}, "stages": [{"channels": C, "before": 2}]}
    network = archcompiler.compile({**spec, **changes})
    assert_as_planned(network, 0.5)
    # Of a scale and a shift by autocast on a CPU more is foreseen.
    for autocast in (None, *(("cpu",) if name != "convnext_v2" else ())):
        measured = Measured(network, 8, autocast=autocast, device="cpu")
        foreseen, found = predicted(network, 8, autocast=autocast), measured.by_us()
        foreseen += measured.state
        assert foreseen == pytest.approx(found, rel=0.01)


def test_the_file_for_inference_is_the_same_function(
    network: archcompiler.CompiledNetwork,
) -> None:
    proof, same = verify(network.deployed), inference.compare(network)
    assert proof.holds, str(proof)
    assert same.holds, str(same)


def test_it_is_exported(network: archcompiler.CompiledNetwork) -> None:
    model, images = network.module().eval(), torch.randn(2, 3, 14, 18)
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(exported(images), model(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sides", [(14, 18), (15, 17)], ids=str)
def test_it_is_found_again(name: str, sides: tuple[int, int]) -> None:
    again(spec_of(MECHANISMS[name].steps, sides))


def test_an_audit_reads_the_formula(name: str, network: archcompiler.CompiledNetwork) -> None:
    place = Span(Source("<module>", name, "toml"), 0, len(name))
    theirs = Implementation(name, place, Whole(MECHANISMS[name].make(C)).eval())
    found = audit(network, theirs)
    if MECHANISMS[name].read:
        assert found.same, found
    else:
        assert found.unknown


def test_simam_of_the_zoo_is_the_formula() -> None:
    formula, block = mechanisms.SimAm(C).double(), zoo_mask("simam").double()
    x = torch.randn(3, C, 7, 9, dtype=torch.float64)
    torch.testing.assert_close(x * block(x), formula(x))


def zoo_mask(name: str) -> nn.Module:
    """A mask of the zoo, as the gate of a unit has it."""
    stage = {"channels": C, "unit": {"type": "basic", "gate": name}}
    network = archcompiler.compile(tiny_spec(stage, stem={"type": "conv", "channels": C}))
    (mask,) = [m for path, m in network.module().named_modules() if path.endswith("gate")]
    return mask


@pytest.mark.parametrize(
    ("unit", "words", "formula"),
    [
        ({"type": "sk", "groups": 2}, {}, mechanisms.SelectiveKernelUnit),
        (
            {"type": "convnext", "grn": True},
            {"norm": "layer", "activation": "gelu"},
            mechanisms.ConvNeXtV2,
        ),
    ],
    ids=["sk", "convnext_v2"],
)
def test_units_of_the_zoo_are_the_formula(
    unit: dict[str, Any], words: dict[str, Any], formula: Callable[[int], nn.Module]
) -> None:
    network = archcompiler.compile({**spec_of({}, (14, 18)), "blocks": {}, "unit": unit, **words})
    assert_same_function(network.module(), Whole(formula(C)))


RESNEST: Steps = {
    "conv1": {"op": "conv", "channels": "c / 4", "kernel": 1},
    "norm1": {"op": "norm"},
    "relu1": {"op": "act"},
    "split": {"op": "split_attention", "channels": "c / 4"},
    "pool": {
        "op": "avg_pool",
        "kernel": 3,
        "stride": "stride",
        "padding": 1,
        "when": "stride != 1",
    },
    "conv3": {"op": "conv", "channels": "c", "kernel": 1},
    "norm3": {"op": "norm"},
    "average": {
        "op": "avg_pool",
        "from": "x",
        "kernel": "stride",
        "stride": "stride",
        "ceil": True,
        "count_include_pad": False,
        "when": "stride != 1",
    },
    "project": {"op": "conv", "channels": "c", "kernel": 1, "when": "stride != 1 or cin != c"},
    "project_norm": {"op": "norm", "when": "stride != 1 or cin != c"},
    "add": joined("add", "norm3", "project_norm"),
    "relu3": {"op": "act"},
}
"""Zhang et al., figure 2 and section 3.2: a radix of 2, and pools in place of strides."""
RESNET50 = {
    "name": "whole",
    "input": [3, 224, 224],
    "classes": 1000,
    "stem": "conv_pool",
    "stages": [
        {"channels": 256 * 2**i, "stride": 1 if i == 0 else 2, "before": before}
        for i, before in enumerate((3, 4, 6, 3))
    ],
}
PUBLISHED: list[tuple[Any, list[str], str]] = [
    # Woo et al., table 14; Li et al., table 1; Zhang et al., table 1.
    ("convnext_tiny", ["unit.grn=true"], "28.6"),
    ({**RESNET50, "unit": "sk"}, [], "27.5"),
    (
        {
            **RESNET50,
            "unit": "resnest",
            "stem": "deep",
            "blocks": {
                "resnest": {"steps": RESNEST},
                "split_attention": {"steps": MECHANISMS["split_attention"].steps},
            },
        },
        [],
        "27.5",
    ),
]


@pytest.mark.parametrize(
    ("spec", "settings", "millions"), PUBLISHED, ids=["convnext_v2", "sknet50", "resnest50"]
)
def test_published_parameters(spec: Any, settings: list[str], millions: str) -> None:
    proof = verify(archcompiler.compile(spec, settings))
    assert proof.holds, str(proof)
    assert f"{proof.parameters / 1e6:.1f}" == millions
