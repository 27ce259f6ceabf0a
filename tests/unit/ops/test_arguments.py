"""What operators make of a step's arguments, and what their inputs are called."""

from __future__ import annotations

from typing import Any

import pytest

from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator
from archcompiler.ops.channelwise import ChannelConv, eca_kernel
from archcompiler.ops.cost import MissingRule
from archcompiler.ops.join import Concat, Mul
from archcompiler.ops.reduce import Reduce
from archcompiler.ops.registry import operators


# (C, k): table 1 of Wang et al., CVPR 2020, has k = 3 for 128, 5 for 256 and more; the authors'
# code takes the truncated (log2 C + 1) / 2, and one more where that is even.
@pytest.mark.parametrize(
    ("channels", "kernel"),
    [(1, 3), (8, 3), (16, 3), (32, 3), (64, 3), (127, 3), (128, 5), (256, 5), (512, 5),
     (1024, 5), (2048, 7), (4096, 7), (8192, 7), (1 << 15, 9), (1 << 17, 9), (1 << 19, 11)],
)  # fmt: skip
def test_the_kernel_of_eca(channels: int, kernel: int) -> None:
    assert eca_kernel(channels) == kernel
    assert ChannelConv.make((channels,), 2).kernel == kernel


@pytest.mark.parametrize(
    ("dims", "axis", "made"),
    [(1, "width", "positions"), (2, "width", "width"), (3, "width", "width"),
     (1, "channels", "channels"), (1, "positions", "positions"), (2, "height", "height"),
     (3, "depth", "depth")],
)  # fmt: skip
def test_what_is_reduced(dims: int, axis: Any, made: str) -> None:
    """The positions of a 1-D map are its width."""
    assert Reduce.make((4,), dims, how="sum", axis=axis) == Reduce("sum", made)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("axis", "size", "result"),
    [
        ("channels", (4, 3, 5), (1, 3, 5)),
        ("positions", (4, 3, 5), (4, 1, 1)),
        ("height", (4, 3, 5), (4, 1, 5)),
        ("width", (4, 3, 5), (4, 3, 1)),
        ("depth", (4, 2, 3, 5), (4, 1, 3, 5)),
        # A map that ran out of pixels stays one.
        ("channels", (4, 0, 0), (1, 0, 0)),
        ("positions", (4, 0, 0), (4, 0, 0)),
        ("height", (4, 0, 0), (4, 0, 0)),
    ],
)
def test_what_a_reduction_leaves(axis: Any, size: tuple[int, ...], result: tuple[int, ...]) -> None:
    assert Reduce("max", axis).shape((TensorType(*size),)) == TensorType(*result)


def test_what_a_concatenation_reads() -> None:
    """Along channels a position reads itself; along an axis, any position of a part."""
    assert Concat().window(3, 9, 9, 0) == (3, 3)
    assert Concat().window(3, 9, 4, 0) == (3, 3)
    assert Concat("height").window(3, 9, 18, 0) == (0, 8)
    assert Concat("height").window(3, 9, 9, 1) == (3, 3)


def test_names_of_inputs() -> None:
    assert Mul().roles(2) == ("data", "mask")
    roles = {name: op.roles(op, op.arity[0]) for name, op in operators().items()}  # type: ignore[arg-type]
    two = {name: found for name, found in roles.items() if len(found) == 2 and name != "concat"}
    assert two == {
        "add": ("data", "data"),
        "attend": ("weights", "values"),
        "bilinear_pool": ("values", "weights"),
        "div": ("dividend", "divisor"),
        "dot": ("query", "key"),
        "gate": ("trunk", "mask"),
        "interpolate": ("data", "size"),
        "maximum": ("data", "data"),
        "mul": ("data", "mask"),
        "sub": ("minuend", "subtrahend"),
        "take": ("data", "size"),
    }


class Silent(Operator):
    kind = "silent"


def test_an_operator_that_states_nothing_is_named() -> None:
    op, x = Silent(), TensorType(4, 3, 3)
    calls = {
        "shape": lambda: op.shape((x,)),
        "work": lambda: op.work((x,), x),
        "saved": lambda: op.saved((x,), x),
        "window": lambda: op.window(0, 3, 3, 0),
    }
    for rule, call in calls.items():
        with pytest.raises(MissingRule) as caught:
            call()
        (problem,) = caught.value.diagnostics
        assert problem.code == "E315"
        assert problem.message == f"operator `silent` states no `{rule}`"
        assert problem.help == "define it beside its shape rule"
