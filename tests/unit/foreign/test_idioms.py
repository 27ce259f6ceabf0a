"""What is read as the same computes the same, and what only looks so is told apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.stored import Stored
from archcompiler.backends.torch.trace import trace
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.loading import load_implementation
from archcompiler.foreign.matching import isomorphic
from archcompiler.ir import TensorType

INPUT = TensorType(4, 8, 8)


class Written(nn.Module):
    """A network of a few layers, whose forward pass is given."""

    def __init__(self, words: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.words = words
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.3)
        self.up = nn.UpsamplingBilinear2d(size=(8, 8))
        self.pool = nn.AvgPool2d(8)
        self.same = nn.AdaptiveAvgPool2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.words(self, x)


def down(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2, 2)


def read_twice(m: Any, x: Tensor) -> Tensor:
    product = x * m.conv(x)
    return x + product + torch.relu(product)


ALIKE: dict[str, tuple[Callable[[Any, Tensor], Tensor], Callable[[Any, Tensor], Tensor]]] = {
    "a difference": (lambda m, x: m.conv(x) - x, lambda m, x: -x + m.conv(x)),
    "a factor of -1": (lambda m, x: x - m.conv(x), lambda m, x: x + m.conv(x) * -1),
    "a functional dropout": (
        lambda m, x: F.dropout(m.conv(x), 0.3, m.training),
        lambda m, x: m.drop(m.conv(x)),
    ),
    "a functional convolution": (
        lambda m, x: F.conv2d(x, m.conv.weight, m.conv.bias, padding=1),
        lambda m, x: m.conv(x),
    ),
    "a functional norm": (
        lambda m, x: F.batch_norm(
            x, m.norm.running_mean, m.norm.running_var, m.norm.weight, m.norm.bias
        ),
        lambda m, x: m.norm(x),
    ),
    "a view": (
        lambda m, x: x.view(x.size(0), -1),
        lambda m, x: torch.flatten(x, 1),
    ),
    "a view by a named dimension": (
        lambda m, x: x.view(x.size(dim=0), -1),
        lambda m, x: torch.flatten(x, 1),
    ),
    "a reshape": (
        lambda m, x: x.reshape(x.shape[0], 256),
        lambda m, x: torch.flatten(x, 1),
    ),
    "a mean of all positions": (
        lambda m, x: x.mean([2, 3]),
        lambda m, x: torch.flatten(F.adaptive_avg_pool2d(x, 1), 1),
    ),
    "a pool of the whole map": (
        lambda m, x: m.pool(x),
        lambda m, x: F.adaptive_avg_pool2d(x, 1),
    ),
    "a pool to the size that there is": (lambda m, x: m.same(m.conv(x)), lambda m, x: m.conv(x)),
    "a size in numbers": (
        lambda m, x: m.up(down(x)),
        lambda m, x: F.interpolate(down(x), size=x.shape[-2:], mode="bilinear", align_corners=True),
    ),
    "a factor for a size": (
        lambda m, x: F.interpolate(down(x), scale_factor=2, mode="nearest"),
        lambda m, x: F.interpolate(down(x), size=x.shape[-2:], mode="nearest"),
    ),
    "a gate as a sum": (
        lambda m, x: x + x * torch.sigmoid(m.conv(x)),
        lambda m, x: torch.addcmul(x, x, torch.sigmoid(m.conv(x))),
    ),
    "a product that is read again": (
        read_twice,
        lambda m, x: torch.relu(product := m.conv(x) * x) + (product + x),
    ),
    "concatenations in turn": (
        lambda m, x: torch.cat([torch.cat([x, m.conv(x)], 1), m.norm(x)], 1),
        lambda m, x: torch.cat([x, m.conv(x), m.norm(x)], 1),
    ),
    "a concatenation of one": (lambda m, x: torch.cat([m.conv(x)], 1), lambda m, x: m.conv(x)),
}
UNLIKE: dict[str, tuple[Callable[[Any, Tensor], Tensor], Callable[[Any, Tensor], Tensor]]] = {
    "a difference the other way round": (
        lambda m, x: m.conv(x) - x,
        lambda m, x: x - m.conv(x),
    ),
    "a negative that is read again": (
        lambda m, x: torch.relu(x - m.conv(x)) + m.conv(x),
        lambda m, x: (lambda y: torch.relu(x + y) + y)(-m.conv(x)),
    ),
    "a dropout that is always on": (
        lambda m, x: F.dropout(m.conv(x), 0.3),
        lambda m, x: m.drop(m.conv(x)),
    ),
    "another order of parts": (
        lambda m, x: torch.cat([m.norm(x), torch.cat([x, m.conv(x)], 1)], 1),
        lambda m, x: torch.cat([x, m.conv(x), m.norm(x)], 1),
    ),
    "a pool of half a map": (
        lambda m, x: F.interpolate(F.avg_pool2d(x, 4), size=(1, 1)),
        lambda m, x: F.adaptive_avg_pool2d(x, 1),
    ),
    "a padded pool": (
        lambda m, x: F.avg_pool2d(x, 8, padding=2),
        lambda m, x: F.adaptive_avg_pool2d(x, 1),
    ),
    "a view across images": (
        lambda m, x: x.view(1, -1),
        lambda m, x: torch.flatten(x, 1),
    ),
    "other corners": (
        lambda m, x: F.interpolate(down(x), size=(8, 8), mode="bilinear"),
        lambda m, x: m.up(down(x)),
    ),
    "another factor": (
        lambda m, x: m.conv(x) + x * torch.sigmoid(x),
        lambda m, x: torch.addcmul(x, x, torch.sigmoid(x)) + m.conv(x),
    ),
    "a padded convolution": (
        lambda m, x: F.conv2d(x, m.conv.weight, m.conv.bias, padding=2, dilation=2),
        lambda m, x: m.conv(x),
    ),
}


def both(words: tuple[Callable[[Any, Tensor], Tensor], ...]) -> tuple[bool, bool]:
    """Whether two networks are read as the same, and whether they compute the same."""
    torch.manual_seed(0)
    one, other = (Written(own).eval() for own in words)
    with torch.no_grad():
        for value in one.state_dict().values():
            if value.is_floating_point():
                value.uniform_(0.5, 1.5)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        a, b = one(x).flatten(1), other(x).flatten(1)
    graphs = [canonical(trace(m, INPUT, idioms=IDIOMS, keeps_unknown=True)) for m in (one, other)]
    return isomorphic(*graphs), a.shape == b.shape and torch.allclose(a, b)


@pytest.mark.parametrize("name", ALIKE)
def test_other_words_for_the_same(name: str) -> None:
    assert both(ALIKE[name]) == (True, True)


@pytest.mark.parametrize("name", UNLIKE)
def test_what_is_not_the_same(name: str) -> None:
    assert both(UNLIKE[name]) == (False, False)


def test_an_order_of_axes() -> None:
    tensor = torch.randn(2, 3, 4, 5)
    orders = [(2, 3, 1, 0), (1, 0, 2, 3), (3, 2, 0, 1), (-1, 0, 1, 2)]
    stored, expected = Stored("kernel"), tensor
    for order in orders:
        stored, expected = stored.permuted(order), expected.permute(order)
        assert torch.equal(stored.of(tensor), expected)
    back = Stored("kernel").permuted((1, 2, 3, 0)).permuted((3, 0, 1, 2))
    assert back == Stored("kernel")


def test_onnx_is_read_as_its_reference_computes_it(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    make, draw = onnx.helper.make_node, np.random.default_rng(0)

    def tensor(name: str, *shape: int) -> Any:
        values = draw.uniform(0.5, 1.5, shape).astype(np.float32)
        return onnx.numpy_helper.from_array(values, name)

    sizes = onnx.numpy_helper.from_array(np.array([1, 4, 8, 8]), "sizes")
    nodes = [
        make("Conv", ["x", "conv.weight", "conv.bias"], ["c"], pads=[1] * 4, strides=[2, 2]),
        make("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"], epsilon=1e-3),
        make("Relu", ["n"], ["r"]),
        make("Conv", ["r", "mask.weight"], ["m"]),
        make("Sigmoid", ["m"], ["s"]),
        make("Mul", ["r", "s"], ["p"]),
        make("Add", ["r", "p"], ["g"]),
        make("MaxPool", ["g"], ["d"], kernel_shape=[2, 2], strides=[2, 2]),
        make(
            "Resize",
            ["d", "", "", "sizes"],
            ["u"],
            mode="linear",
            coordinate_transformation_mode="align_corners",
        ),
        make("Concat", ["u", "u"], ["j"], axis=1),
        make("GlobalAveragePool", ["j"], ["a"]),
        make("Flatten", ["a"], ["f"]),
        make("Gemm", ["f", "fc.weight", "fc.bias"], ["y"]),
    ]
    weights = [
        tensor("conv.weight", 4, 3, 3, 3),
        tensor("conv.bias", 4),
        *(tensor(name, 4) for name in ("scale", "shift", "mean", "var")),
        tensor("mask.weight", 4, 4, 1, 1),
        tensor("fc.weight", 8, 5),
        tensor("fc.bias", 5),
        sizes,
    ]
    value = onnx.helper.make_tensor_value_info
    x = value("x", onnx.TensorProto.FLOAT, [1, 3, 16, 16])
    y = value("y", onnx.TensorProto.FLOAT, [1, 5])
    graph = onnx.helper.make_graph(nodes, "net", [x], [y], weights)
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    module = load_implementation(str(path), "--from").module
    image = draw.normal(size=(1, 3, 16, 16)).astype(np.float32)
    (expected,) = ReferenceEvaluator(model).run(None, {"x": image})
    (found,) = module(torch.from_numpy(image))
    torch.testing.assert_close(found, torch.from_numpy(expected))
    traced = trace(module, TensorType(3, 16, 16), idioms=IDIOMS)
    kinds = [data["label"][0] for _, data in canonical(traced).nodes(data=True)]
    assert kinds == [
        "input", "conv", "batch_norm", "relu", "conv", "sigmoid", "gate", "max_pool",
        "interpolate", "concat", "global_avg_pool", "linear",
    ]  # fmt: skip
    linear = next(d for _, d in traced.nodes(data=True) if d["label"][0] == "linear")
    assert linear["tensors"]["weight"] == Stored("fc.weight", (1, 0))


def test_a_trunk_that_is_spread_over_its_mask_is_no_gate() -> None:
    """A gate has the shape of its trunk."""
    module = Written(lambda m, x: (lambda t: t + t * m.conv(x))(x.mean(1, keepdim=True)))
    found = canonical(trace(module, INPUT, idioms=IDIOMS))
    kinds = [label[0] for _, label in found.nodes(data="label")]
    assert kinds == ["input", "reduce", "conv", "mul", "add"]
