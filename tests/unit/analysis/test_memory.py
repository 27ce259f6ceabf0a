"""Bytes kept for the backward pass, to the byte, against torch's saved-tensor hooks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from saved_tensors import in_order, kept_bytes, saved_bytes
from strategies import small_specs

import archcompiler
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.recompute import recomputed, usual_bytes
from archcompiler.analysis.total import Cost
from archcompiler.compiler import CompiledNetwork

IMAGENET = ["attention56", "attention92", "attentionnext56", "attentionnext92"]
OTHER_RULES = [
    "attention56_cifar_channel",
    "attention56_cifar_spatial",
    "attention56_cifar_local",
    "attention56_cifar_naive",
    "attentioninception56",
    "baselines/resnet50",
]


def analytic(network: CompiledNetwork) -> Cost:
    return network_cost(network.graph)


def measured(network: CompiledNetwork, batch: int = 1, device: str = "meta") -> int:
    x = network.graph.input
    return saved_bytes(network.module(), (batch, x.channels, *x.size), device)


@pytest.mark.parametrize("name", [*IMAGENET, *OTHER_RULES])
def test_one_image(name: str) -> None:
    network = archcompiler.compile(f"specs/{name}.toml")
    assert analytic(network).saved_bytes == measured(network)


@pytest.mark.parametrize(
    "name",
    [
        "attention_kinds/cbam_resnet50",
        "attention_kinds/coordinate_resnet50",
        "attention_kinds/nonlocal_resnet50",
        "backbones/convnext_tiny",
        "backbones/efficientnet_b0",
        "backbones/vgg16_bn",
        "attention56_ecg",
    ],
)
def test_operators_of_other_families(name: str) -> None:
    """Two images: a BN of one pixel has nothing to normalise over in one."""
    network = archcompiler.compile(f"specs/{name}.toml")
    cost = analytic(network)
    image = cost.saved_bytes - cost.saved_batch_bytes
    assert 2 * image + cost.saved_batch_bytes == measured(network, batch=2)


@given(small_specs())
def test_a_batch_of_a_drawn_network(spec: dict[str, Any]) -> None:
    """Statistics of BN are kept once a batch; all else grows with it."""
    network = archcompiler.compile(spec)
    cost = analytic(network)
    image = cost.saved_bytes - cost.saved_batch_bytes
    # Small networks run faster on the CPU, which keeps what the meta device keeps.
    assert 2 * image + cost.saved_batch_bytes == measured(network, batch=2, device="cpu")


CONV = {"op": "conv", "channels": "c", "kernel": 3}
OF_THE_IMAGE: dict[str, dict[str, Any]] = {
    "product": {
        "pool": {"op": "avg_pool", "kernel": 3, "stride": 1, "padding": 1},
        "sigmoid": {"op": "sigmoid"},
        "product": {"op": "mul", "from": ["x", "sigmoid"]},
        "conv": CONV,
    },
    "activation": {"silu": {"op": "silu"}, "conv": CONV},
    "pool": {
        "gelu": {"op": "gelu"},
        "pool": {"op": "max_pool", "kernel": 3, "stride": 1, "padding": 1},
        "conv": CONV,
    },
    "norms": {"norm": {"op": "spatial_norm"}, "bn": {"op": "batch_norm"}, "conv": CONV},
    "gate": {
        "mask": {"op": "conv", "channels": "cin", "kernel": 1},
        "gate": {"op": "gate", "from": ["x", "mask"]},
        "conv": CONV,
    },
    "block": {
        "pooled": {"op": "pooled"},
        "conv1": {**CONV, "from": "x"},
        "conv2": {**CONV, "from": "pooled"},
        "add": {"op": "add", "from": ["conv1", "conv2"]},
    },
    "pairs": {
        "query": {"op": "conv", "channels": "cin", "kernel": 1},
        "products": {"op": "dot", "from": ["query", "x"]},
        "weights": {"op": "softmax"},
        "sums": {"op": "attend", "from": ["weights", "x"]},
        "conv": CONV,
    },
}
"""What is made of the image before any weights has no gradient, and nothing is kept for it."""


def first_steps(steps: dict[str, Any]) -> dict[str, Any]:
    """A network that begins with these."""
    return {
        "name": "net",
        "input": [3, 12, 12],
        "classes": 4,
        "stem": "none",
        "stages": [{"channels": 8}, {"channels": 8, "unit": "preact_basic"}],
        "unit": "first",
        "blocks": {
            "first": {"steps": steps},
            "pooled": {"steps": {"pool": OF_THE_IMAGE["product"]["pool"]}},
        },
    }


@pytest.mark.parametrize("steps", OF_THE_IMAGE.values(), ids=OF_THE_IMAGE)
def test_what_is_made_of_the_image(steps: dict[str, Any]) -> None:
    network = archcompiler.compile(first_steps(steps))
    cost = analytic(network)
    assert cost.saved_image_bytes == usual_bytes(network.graph)
    assert cost.saved_image_bytes == recomputed(network.graph, {}).image_bytes
    said = 2 * cost.saved_image_bytes + cost.saved_batch_bytes
    assert said == measured(network, batch=2, device="cpu")


def test_a_copy_is_kept_beside_the_map_that_others_keep() -> None:
    """An instance norm wants maps whose channels are not last."""
    steps = {
        "conv": CONV,
        "norm": {"op": "spatial_norm"},
        "conv2": CONV,
        "conv3": {**CONV, "from": "conv"},
        "add": {"op": "add", "from": ["conv2", "conv3"]},
    }
    for size in ([3, 12, 12], [3, 12], [3, 6, 6, 6]):
        network = archcompiler.compile({**first_steps(steps), "input": size})
        cost = analytic(network)
        assert cost.saved_image_bytes == usual_bytes(network.graph)
        assert cost.saved_image_bytes == recomputed(network.graph, {}).image_bytes
        # The images have their channels last, as the maps have.
        module = network.module().train()
        kept = kept_bytes(module, in_order(torch.zeros(2, *size), module))
        assert kept == 2 * cost.saved_image_bytes + cost.saved_batch_bytes


def test_a_network_counted_by_hand() -> None:
    spec = {
        "name": "net",
        "input": [3, 8, 6],
        "classes": 5,
        "stem": {"type": "conv", "channels": 4, "kernel": 5, "stride": 2},
        "unit": {"type": "preact_bottleneck", "reduction": 1},
        "stages": [{"channels": 4}],
    }
    # Each of four BN keeps what it reads, and its ReLU, in place, what the next operator reads;
    # nothing keeps the unit's last convolution, whose sum the head's BN keeps.
    image, maps, pooled, statistics = 3 * 8 * 6, 8 * (4 * 4 * 3), 4, 4 * (2 * 4)
    network = archcompiler.compile(spec)
    assert analytic(network).saved_bytes == 4 * (image + maps + pooled + statistics)
    assert measured(network) == 4 * (image + maps + pooled + statistics)
