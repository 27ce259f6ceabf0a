"""Operators of ONNX by hand, as exporters of torch do not write them: read as they are, or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from unit.foreign.written import computed, read

from archcompiler.backends.reading import UnknownOperation
from archcompiler.foreign.onnx_graph import read_onnx
from archcompiler.ir import TensorType

MAP = ("N", 8, 6, 8)
RNG = np.random.default_rng(0)
Constants = dict[str, Any]


def row(*shape: int) -> Any:
    return RNG.uniform(0.5, 1.5, shape).astype(np.float32)


def node(kind: str, inputs: str, output: str = "y", **options: Any) -> Any:
    return helper.make_node(kind, inputs.replace("_", "").split(","), [output], **options)


def saved(
    folder: Path, nodes: list[Any], constants: Constants, sides: Any = MAP, opset: int = 21
) -> Path:
    """A file of these operators, from `x` to `y`."""
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", sides), ("y", None))
    ]
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=10), folder / "m.onnx")
    return folder / "m.onnx"


def group_norm(scale: Any, shift: Any) -> tuple[list[Any], Constants]:
    """One that is taken apart, as exporters write it."""
    nodes = [
        node("Reshape", "x,rows", "a"),
        node("InstanceNormalization", "a,ones,zeros", "b"),
        node("Shape", "x", "sides"),
        node("Reshape", "b,sides", "c"),
        node("Mul", "c,scale", "d"),
        node("Add", "d,shift"),
    ]
    rows = {"rows": np.array([0, 2, -1]), "ones": np.ones(2, "f"), "zeros": np.zeros(2, "f")}
    return nodes, {**rows, "scale": scale, "shift": shift}


FACTORS = {"s": np.array([1, 1, 1.3, 1.3], np.float32)}
TWICE = {"s": np.array([1, 1, 2, 2], np.float32)}
VECTOR = [node("GlobalAveragePool", "x", "m"), node("Flatten", "m", "v")]
REFUSED: dict[str, tuple[list[Any], Constants, str]] = {
    "statistics of a batch": (
        [node("BatchNormalization", "x,a,b,c,d", training_mode=1)],
        {name: row(8) for name in "abcd"},
        "in training",
    ),
    "features that are dropped": (
        [node("Dropout", "x,p,t")],
        {"p": np.float32(0.5), "t": np.array(True)},
        "Dropout",
    ),
    "windows with gaps": (
        [node("AveragePool", "x", kernel_shape=[3, 3], dilations=[2, 2])],
        {},
        "with gaps",
    ),
    "another ramp": ([node("Clip", "x,a,b")], {"a": row() * 0, "b": np.float32(5)}, "Clip from 0"),
    "a scale for each column": (*group_norm(row(8), row(8, 1, 1)), "`scale` has no number"),
    "a shift for each column": (*group_norm(row(8, 1, 1), row(8)), "`shift` has no number"),
    "slopes for each column": ([node("PRelu", "x,p")], {"p": row(8)}, "`p` has no number"),
    "an exponent for each column": ([node("Pow", "x,p")], {"p": row(8)}, "one element"),
    "the nearest, rounded": (
        [node("Resize", "x,_,s", coordinate_transformation_mode="asymmetric")],
        TWICE,
        "Resize by nearest",
    ),
    "positions by a factor": (
        [node("Resize", "x,_,s", mode="linear")],
        FACTORS,
        "by factors that lead to no whole size",
    ),
    "smoothed": (
        [node("Resize", "x,_,s", mode="linear", antialias=1)],
        {"s": np.array([1, 1, 0.5, 0.5], np.float32)},
        "smoothed",
    ),
    "one bias for all": (
        [*VECTOR, node("Gemm", "v,w,b")],
        {"w": row(8, 5), "b": row(1)},
        "no number for each feature",
    ),
    "the operator of another": (
        [helper.make_node("Relu", ["x"], ["y"], domain="own")],
        {},
        "Relu of own",
    ),
}


@pytest.mark.parametrize(("nodes", "constants", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_another_operator_is_refused(
    nodes: list[Any], constants: Constants, why: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownOperation, match=why):
        read(read_onnx(saved(tmp_path, nodes, constants)), TensorType(*MAP[1:]))


@pytest.mark.parametrize(
    ("kind", "opset", "why"),
    [("Softmax", 11, "before opset 13"), ("Relu", 10, "of opset 10")],
)
def test_what_was_another_operator_before_is_refused(
    kind: str, opset: int, why: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownOperation, match=why):
        read_onnx(saved(tmp_path, [node(kind, "x")], {}, opset=opset))


READ: dict[str, tuple[list[Any], Constants, tuple[Any, ...]]] = {
    "a group norm": (*group_norm(row(8, 1, 1), row(1, 8, 1, 1)), MAP),
    "slopes": ([node("PRelu", "x,p")], {"p": row(8, 1, 1)}, MAP),
    "a pool of a signal": ([node("GlobalAveragePool", "x")], {}, ("N", 8, 10)),
    "a pool of a volume": ([node("GlobalAveragePool", "x")], {}, ("N", 8, 4, 5, 6)),
    "an axis from the last": (
        [
            *VECTOR,
            node("Gather", "v,i", "g", axis=-1),
            node("Unsqueeze", "g,u", "c"),
            node("Mul", "x,c"),
        ],
        {"i": np.array(3), "u": np.array([1, 2, 3])},
        MAP,
    ),
    "the nearest": (
        [
            node(
                *("Resize", "x,_,s"),
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        ],
        {"s": np.array([1, 1, 3, 3], np.float32)},
        MAP,
    ),
    "between positions": ([node("Resize", "x,_,s", mode="linear")], TWICE, MAP),
}


@pytest.mark.parametrize(("nodes", "constants", "sides"), READ.values(), ids=READ)
def test_what_is_read_computes_the_same(
    nodes: list[Any], constants: Constants, sides: tuple[Any, ...], tmp_path: Path
) -> None:
    path = saved(tmp_path, nodes, constants, sides)
    module = read_onnx(path)
    graph = read(module, TensorType(*sides[1:]))
    x = torch.randn(3, *sides[1:], generator=torch.Generator().manual_seed(0))
    (wanted,) = ReferenceEvaluator(str(path)).run(None, {"x": x.numpy()})
    found = computed(graph, module.state_dict(), x)
    torch.testing.assert_close(found, torch.from_numpy(np.asarray(wanted)))


def test_a_view_of_memory_is_what_it_is_of_in_that_order_alone(tmp_path: Path) -> None:
    """As exporters of torch say `as_strided`; in another order it is no map that is known."""
    sides = (1, *MAP[1:])
    nodes = [node("Reshape", "x,r", "a"), node("Gather", "a,i", "b"), node("Relu", "b")]
    places = np.arange(8 * 6 * 8).reshape(sides)
    path = saved(tmp_path, nodes, {"r": np.array([-1]), "i": places}, sides)
    found = read(read_onnx(path), TensorType(*sides[1:]))
    kinds = [data["label"][0] for _, data in found.nodes(data=True)]
    assert kinds == ["input", "relu"]
    backwards = {"r": np.array([-1]), "i": places[:, ::-1].copy()}
    with pytest.raises(UnknownOperation, match="more than one of an axis"):
        read_onnx(saved(tmp_path, nodes, backwards, sides))
