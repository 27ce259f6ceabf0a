"""What a spec can say beside blocks of its own: each is built, run, counted and proved."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from shipped import ROOT

import archcompiler
from archcompiler.verify import verify
from archcompiler.verify.counts import verify_counts

CIFAR = ROOT / "specs" / "attention56_cifar.toml"
SMALL = ["attention.t=1", "stages.0.depth=2", "stages.1.depth=1"]
"""With which it has all its kinds of blocks still, in half as many operators."""
RESNET = ROOT / "specs" / "baselines" / "resnet50.toml"


def proved(path: Any, *settings: str) -> archcompiler.CompiledNetwork:
    network = archcompiler.compile(path, settings)
    proof, counts = verify(network), verify_counts(network)
    assert proof.holds, str(proof)
    assert counts.holds, str(counts)
    return network


@pytest.mark.parametrize(
    "settings",
    [
        ["activation=silu", "norm=group", "norm.groups=4"],
        ["activation.type=leaky_relu", "activation.slope=0.2", "norm=layer"],
        ["activation=prelu", "norm=none"],
        ["unit=preact_bottleneck", "unit.drop_path=0.1", "head.dropout=0.5"],
        ["unit=preact_bottleneck", "unit.dilation=2"],
        ["attention.mask=se", "attention.mask.ratio=4"],
        ["attention.mask=attention_gate"],
        ["attention.mask.skip=identity"],
        ["attention.mask.skip=both", "attention.post=2"],
        ["attention.type=joined_attention"],
        ["attention.mask.pool.type=avg_pool", "attention.mask.pool.kernel=2"],
        ["attention.type=two_masks", "attention.mask=eca", "attention.second=cbam"],
        ["attention.type=shared_mask", "attention.learning=naive"],
        ["stages.2.depth=0"],
        ["stem=patches", "stem.channels=16", "stem.stride=2"],
        ["head=conv"],
        ["head.pool=global_max_pool"],
    ],
    ids=" ".join,
)
def test_said_in_a_spec(settings: list[str]) -> None:
    network = proved(CIFAR, *SMALL, *settings)
    model = network.module()
    images = torch.randn(2, 3, 32, 32)
    logits = model(images)
    assert logits.shape == (2, 10)
    logits.square().sum().backward()
    # A mask may leave biases before BN without a gradient, but nothing without a use.
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "size"), [("attention56_ecg", (1000,)), ("attention56_volume", (20, 32, 24))]
)
def test_signals_and_volumes(name: str, size: tuple[int, ...]) -> None:
    network = proved(ROOT / f"specs/{name}.toml")
    model = network.module()
    images = torch.randn(2, network.spec.input[0], *size)
    logits = model(images)
    assert logits.shape == (2, network.spec.classes)
    logits.square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.eval()
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(exported(images), model(images))


def test_without_a_head_the_last_map_is_returned() -> None:
    network = proved(CIFAR, "head=none")
    assert network.module()(torch.randn(1, 3, 32, 32)).shape == (1, 256, 8, 8)


@pytest.mark.parametrize("bound", [8, 16])
def test_an_output_stride_dilates_in_place_of_strides(bound: int) -> None:
    network = proved(RESNET, f"output_stride={bound}")
    model = network.module().eval()
    features = model.stage_features(torch.randn(1, 3, 64, 64))
    assert features["stage4"].shape[-1] == 64 // bound
    dilations = {
        module.dilation[0] for module in model.stage4.modules() if hasattr(module, "dilation")
    }
    assert dilations == {1, 32 // bound}


@pytest.mark.parametrize("path", [CIFAR, RESNET, ROOT / "specs/attention56_volume.toml"], ids=str)
def test_feature_info_is_what_stages_return(path: Any) -> None:
    network = archcompiler.compile(path)
    model = network.module().eval()
    channels, *size = network.spec.input
    with torch.no_grad():
        features = model.stage_features(torch.randn(1, channels, *size))
    assert model.feature_info.keys() == features.keys()
    for name, info in model.feature_info.items():
        assert features[name].shape[1] == info["channels"]
        # Maps shrink by their stride, give or take how pooling rounds.
        assert abs(features[name].shape[-1] - size[-1] / info["stride"]) < 2


@pytest.mark.parametrize("path", [CIFAR, ROOT / "specs/ports/gluon56_cifar.toml"], ids=str)
def test_reset_classifier(path: Any) -> None:
    model = archcompiler.compile(path).module().double().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.reset_classifier(7)
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    assert model(images).shape == (2, 7)
    assert model.config.num_classes == 7
    for name, tensor in model.state_dict().items():
        if not name.startswith("head.classifier"):
            assert torch.equal(tensor, before[name])


def test_several_outputs_are_parts_of_the_logits() -> None:
    settings = ["classes=7", "head.outputs={age=5, colour=2}"]
    model = proved(CIFAR, *settings).module().eval()
    logits = model(torch.randn(3, 3, 32, 32))
    outputs = model.outputs(logits)
    assert {name: part.shape for name, part in outputs.items()} == {
        "age": (3, 5),
        "colour": (3, 2),
    }
    assert torch.equal(torch.cat(list(outputs.values()), 1), logits)
    assert not hasattr(model, "reset_classifier")


def test_outputs_have_all_the_logits() -> None:
    (found,) = archcompiler.check(
        {
            "name": "net",
            "input": [3, 32, 32],
            "classes": 10,
            "stem": "conv",
            "stages": [{"channels": 16}],
            "head": {"outputs": {"age": 5, "colour": 2}},
        }
    )
    assert found.code == "E204"
    assert found.span is not None
    assert found.span.text == '"outputs"'
    assert found.help == "write `classes = 7`"


def test_masks_of_every_kind_can_be_looked_at() -> None:
    network = archcompiler.compile(CIFAR, ["attention.type=two_masks"])
    masks = network.module().eval().attention_masks(torch.randn(1, 3, 32, 32))
    assert masks["stage1.attention1.mask"].shape == (1, 64, 1, 1)
    assert masks["stage1.attention1.second"].shape == (1, 64, 32, 32)


def test_masks_are_told_from_gates_of_units() -> None:
    settings = ["unit=basic", "unit.gate=se", "attention.mask=se"]
    network = archcompiler.compile(CIFAR, settings)
    masks = network.module().eval().attention_masks(torch.randn(1, 3, 32, 32))
    assert set(masks) == {f"stage{i}.attention1.mask" for i in (1, 2, 3)}
