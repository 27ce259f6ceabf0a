"""What operators refuse: what they say of it, and the map that the network goes on with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from archcompiler.ir import TensorType
from archcompiler.ops import Operator, ShapeError
from archcompiler.ops.activation import Prelu
from archcompiler.ops.arithmetic import Div
from archcompiler.ops.attend import Attend, BilinearPool, Dot
from archcompiler.ops.blur import BlurPool
from archcompiler.ops.channelwise import ChannelConv, LayerScale
from archcompiler.ops.conv import Conv
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.ops.join import Add, Concat, Gate, Maximum, Mul
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm, GroupNorm, LayerNorm, SpatialNorm
from archcompiler.ops.pixel_shuffle import PixelShuffle, PixelUnshuffle
from archcompiler.ops.pool import AvgPool, MaxPool
from archcompiler.ops.reduce import Reduce, Softmax
from archcompiler.ops.registry import operators
from archcompiler.ops.sides import ArgumentError
from archcompiler.ops.split import Flatten, Part, Shuffle, Take


def T(*sides: int) -> TensorType:
    return TensorType(*sides)


UP = ConvTranspose(4, 6, 3, 2, 1)
LARGER = "a larger input, or less stride before it"
SHAPES: list[tuple[Operator, tuple[TensorType, ...], str, TensorType, str, str | None]] = [
    # operator, inputs, what is said, what is gone on with, code, help
    (Conv(4, 8, 3), (T(5, 9, 9),), "convolution expects 4 channels, but gets 5", T(8, 7, 7),
     "E304", None),
    (Conv(4, 8, 3), (T(4, 9),), "a 2-D convolution gets 4×9", T(4, 0), "E304", None),
    (Conv(6, 8, 1, groups=4), (T(6, 5, 5),), "6 channels do not divide into 4 groups",
     T(8, 5, 5), "E305", None),
    (Conv(4, 8, (3, 7)), (T(4, 5, 5),), "3×7 convolution does not fit into 5×5 pixels",
     T(8, 0, 0), "E306", None),
    (UP, (T(5, 9, 9),), "convolution expects 4 channels, but gets 5", T(6, 17, 17), "E304", None),
    (UP, (T(4, 9),), "a 2-D transposed convolution gets 4×9", T(4, 0), "E304", None),
    (ConvTranspose(4, 6, 1, groups=4), (T(4, 5, 5),), "6 channels do not divide into 4 groups",
     T(6, 5, 5), "E305", None),
    (ConvTranspose(4, 6, 3, padding=3), (T(4, 4, 9),),
     "3×3 transposed convolution with a padding of 3 leaves nothing of 4×9 pixels", T(6, 0, 0),
     "E306", None),
    (ConvTranspose(4, 6, 3, 2, output_padding=2), (T(4, 3, 3),),
     "an output padding of 2 is not less than the stride or the dilation", T(6, 9, 9), "E304",
     None),
    (UP, (T(4, 3, 4), T(2, 7, 8)),
     "transposed convolution makes 5×7 to 6×8 pixels of 3×4, not the 7×8 of its target",
     T(6, 7, 8), "E304", "less `padding`, or another `kernel`"),
    (ConvTranspose(4, 6, 2, 2), (T(4, 3, 3), T(2, 5, 6)),
     "transposed convolution makes 6×6 to 7×7 pixels of 3×3, not the 5×6 of its target",
     T(6, 5, 6), "E304", "more `padding`, or another `kernel`"),
    (ConvTranspose(4, 6, 3), (T(4, 3, 3), T(2, 7, 7)),
     "transposed convolution makes 5×5 pixels of 3×3, not the 7×7 of its target", T(6, 7, 7),
     "E304", "less `padding`, or another `kernel`"),
    (MaxPool(3, 2, 0), (T(4, 2, 5),), "3×3 max pool with stride 2 runs out of pixels at 2×5",
     T(4, 0, 0), "E306", LARGER),
    (AvgPool((1, 5), 3), (T(4, 5, 4),), "1×5 avg pool with stride 3 runs out of pixels at 5×4",
     T(4, 0, 0), "E306", LARGER),
    (AvgPool(3, 1, 1), (T(4, 2, 5, 5),),
     "3×3×3 avg pool with stride 1 runs out of pixels at 2×5×5", T(4, 0, 0, 0), "E306", LARGER),
    (MaxPool(3, 2, 2, dilation=2), (T(4, 9, 9),),
     "padding of 2×2 is more than half of a 3×3 window", T(4, 9, 9), "E304", None),
    (MaxPool(3, 2, 2), (T(4, 9, 9),), "padding of 2×2 is more than half of a 3×3 window",
     T(4, 9, 9), "E304", None),
    (BlurPool(5, 2), (T(4, 2, 7),), "blur pool with a kernel of 5 runs out of pixels at 2×7",
     T(4, 0, 0), "E306", LARGER),
    (Linear(8, 10), (T(8, 7, 7),), "linear layer expects 8×1×1, but gets 8×7×7", T(10, 1, 1),
     "E304", None),
    (BatchNorm(4), (T(5, 2, 2),), "batch norm expects 4 channels, but gets 5", T(5, 2, 2),
     "E304", None),
    (GroupNorm(4, 2), (T(6, 2, 2),), "group norm expects 4 channels, but gets 6", T(6, 2, 2),
     "E304", None),
    (GroupNorm(6, 4), (T(6, 2, 2),), "6 channels do not divide into 4 groups", T(6, 2, 2),
     "E305", None),
    (GroupNorm(4, 4), (T(4, 1, 1),), "a group norm needs more than one element to normalise over",
     T(4, 0, 0), "E306", None),
    (LayerNorm(4), (T(5, 2, 2),), "layer norm expects 4 channels, but gets 5", T(5, 2, 2),
     "E304", None),
    (SpatialNorm(), (T(4, 1, 1),), "a spatial mask needs more than one pixel to normalise over",
     T(4, 0, 0), "E306", None),
    (Prelu(4), (T(5, 2, 2),), "PReLU expects 4 channels, but gets 5", T(5, 2, 2), "E304", None),
    (LayerScale(4), (T(5, 2, 2),), "layer scale expects 4 channels, but gets 5", T(5, 2, 2),
     "E304", None),
    (ChannelConv(3), (T(5, 2, 1),),
     "a convolution along channels needs one pixel, but gets 5×2×1", T(5, 2, 1), "E304", None),
    (Part(2, 2), (T(4, 3, 3),), "part 2 of 2: they count from 0", T(2, 3, 3), "E304", None),
    (Part(2, 4, 3), (T(4, 3, 3),), "parts 2 to 4 of 4: they count from 0", T(3, 3, 3), "E304",
     None),
    (Part(0, 3), (T(4, 3, 3),), "4 channels do not divide into 3 parts", T(1, 3, 3), "E305", None),
    (Shuffle(3), (T(4, 3, 3),), "4 channels do not divide into 3 groups", T(4, 3, 3), "E305",
     None),
    (Softmax("parts", 3), (T(4, 3, 3),), "4 channels do not divide into 3 parts", T(4, 3, 3),
     "E305", None),
    (PixelShuffle(2), (T(6, 3, 3),),
     "6 channels are not so many times the 4 pixels that a pixel shuffle by 2 makes of a position",
     T(1, 6, 6), "E305", None),
    (PixelUnshuffle(2), (T(4, 8, 7),),
     "a pixel unshuffle by 2 needs sides that it divides, but gets 8×7 pixels", T(16, 4, 3),
     "E304", "a convolution with a stride of 2 takes every size"),
    (PixelUnshuffle(4, 1), (T(4, 3),),
     "a pixel unshuffle by 4 needs sides that it divides, but gets 3 pixels", T(16, 0),
     "E304", "a convolution with a stride of 4 takes every size"),
    (Flatten(7), (T(4, 6, 7),), "flatten expects a map of 7×7, but gets 6×7", T(196, 1, 1), "E304",
     "an adaptive pooling before it gives every input one size"),
    (Take("height"), (T(4, 3, 5), T(4, 6, 5)), "4×3×5 has no 6 pixels of height to take",
     T(4, 6, 5), "E304", None),
    (Dot(), (T(4, 3, 3), T(5, 2, 2)),
     "dot products need equal channels, but get 4×3×3 and 5×2×2", T(4, 3, 3), "E304", None),
    (Attend(), (T(5, 3, 3), T(7, 2, 2)), "5 weights a position are not for 2×2 values",
     T(7, 3, 3), "E304", None),
    (BilinearPool(), (T(4, 3, 3), T(5, 2, 3)),
     "a bilinear pool needs maps of one size, but gets 4×3×3 and 5×2×3", T(4, 5, 1), "E304", None),
    (Add(), (T(4, 3, 3), T(4, 3, 2)), "an addition needs equal shapes, but gets 4×3×3 and 4×3×2",
     T(4, 3, 3), "E304", None),
    (Add(), (T(4, 3, 3), T(4, 3)), "an addition needs equal shapes, but gets 4×3×3 and 4×3",
     T(4, 3, 3), "E304", None),
    (Maximum(), (T(4, 3), T(3, 3)), "a maximum needs equal shapes, but gets 4×3 and 3×3",
     T(4, 3), "E304", None),
    (Mul(), (T(4, 3), T(3, 3)), "a product needs equal shapes, but gets 4×3 and 3×3", T(4, 3),
     "E304", None),
    (Gate(), (T(1, 3, 3), T(4, 3, 3)), "a mask of 4×3×3 does not fit a trunk of 1×3×3",
     T(1, 3, 3), "E304", None),
    (Gate(), (T(4, 3, 3), T(4, 2, 3)),
     "an attention gate needs equal shapes, but gets 4×3×3 and 4×2×3", T(4, 3, 3), "E304", None),
    (Concat(), (T(4, 3, 3), T(4, 3, 2)),
     "a concatenation needs equal sizes, but gets 4×3×3 and 4×3×2", T(8, 3, 3), "E304", None),
    (Concat("height"), (T(4, 3, 3), T(4, 2, 2)),
     "a concatenation needs equal shapes but for the height, but gets 4×3×3 and 4×2×2",
     T(4, 5, 3), "E304", None),
    (Div(), (T(4, 3), T(3, 3)), "a quotient needs equal shapes, but gets 4×3 and 3×3", T(4, 3),
     "E304", None),
    (Reduce("var", "positions"), (T(4, 1, 1),),
     "a variance over positions needs more than one element, but gets 4×1×1", T(4, 0, 0), "E306",
     None),
    (Reduce("var", "width"), (T(4, 3, 1),),
     "a variance over width needs more than one element, but gets 4×3×1", T(4, 0, 0), "E306", None),
    (Add(), (T(4, 3, 3),), "add takes 2 and more inputs, but gets 1", T(4, 0, 0), "E304", None),
    (Concat(), (), "concat takes 1 and more inputs, but gets 0", T(1, 0), "E304", None),
    (Gate(), (T(4, 3), T(4, 3), T(4, 3)), "gate takes 2 inputs, but gets 3", T(4, 0), "E304", None),
    (Shuffle(2), (T(4, 3), T(4, 3)), "shuffle takes 1 input, but gets 2", T(4, 0), "E304", None),
]  # fmt: skip


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: f"{case[0].kind}-{case[4]}")
def test_inputs_that_are_refused(case: Any) -> None:
    op, inputs, words, recovered, code, help = case
    with pytest.raises(ShapeError) as caught:
        op.shape(inputs)
    assert str(caught.value) == caught.value.message == words
    assert caught.value.recovered == recovered
    assert (caught.value.code, caught.value.help) == (code, help)


ARGUMENTS: list[tuple[str, int, Mapping[str, Any], str, str]] = [
    ("conv", 2, {"kernel": 3}, "channels", "is missing"),
    ("conv", 2, {"channels": 4, "kernel": 3, "size": 1}, "size", "is no argument of `conv`"),
    ("conv", 1, {"channels": 4, "kernel": [3, 3]}, "kernel", "has 2 numbers for 1 axis"),
    ("max_pool", 2, {"kernel": [3, 3, 3]}, "kernel", "has 3 numbers for 2 axes"),
    ("blur_pool", 2, {"kernel": 4}, "kernel", "is 3 or 5, not 4"),
    ("channel_conv", 2, {"kernel": 4}, "kernel", "is odd, not 4"),
    ("transpose", 1, {}, "op", "`transpose` is for 2-D maps"),
    ("transpose", 3, {}, "op", "`transpose` is for 2-D maps"),
    ("take", 2, {"axis": "depth"}, "axis", "is `depth`, which a 2-D map does not have"),
    ("concat", 1, {"axis": "height"}, "axis", "is `height`, which a 1-D map does not have"),
    ("reduce", 2, {"how": "max", "axis": "depth"}, "axis",
     "is `depth`, which a 2-D map does not have"),
    ("softmax", 2, {"of": 2}, "of", "is for the axis `parts` alone"),
    ("upsample", 2, {"mode": "nearest", "align_corners": True}, "align_corners",
     "is for the mode `bilinear` alone"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "dims", "given", "argument", "words"),
    ARGUMENTS,
    ids=[f"{kind}-{argument}" for kind, _, _, argument, _ in ARGUMENTS],
)
def test_arguments_that_are_refused(
    kind: str, dims: int, given: Mapping[str, Any], argument: str, words: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{re.escape(f'`{argument}` {words}')}$") as caught:
        operators()[kind].make((4,), dims, **given)
    assert (caught.value.argument, caught.value.message) == (argument, words)
