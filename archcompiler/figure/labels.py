"""What operators and blocks are called on a card."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, cast

from archcompiler.figure.words import role_of
from archcompiler.ir import INPUT, Block, Step
from archcompiler.ir.kinds import ATTENTION, BLOCK, MASK, UNIT, UNITS
from archcompiler.ops import Conv, Dropout, Gate, GlobalAvgPool, Linear
from archcompiler.ops.arithmetic import Shift
from archcompiler.ops.channelwise import Scale
from archcompiler.ops.conv import Convolution
from archcompiler.ops.conv_transpose import ConvTranspose
from archcompiler.ops.join import Concat, Mul
from archcompiler.ops.pixel_shuffle import PixelShuffle, PixelUnshuffle
from archcompiler.ops.reduce import Softmax
from archcompiler.ops.resize import Resample, Upsample
from archcompiler.ops.sides import Sides, same_padding, words
from archcompiler.ops.split import Part, Shuffle, Take
from archcompiler.ops.whole_pool import AdaptivePool

_PLAIN: Final = {
    "add": "+",
    "mul": "×",
    "batch_norm": "BN",
    "channel_norm": "L2 norm",
    "div": "÷",
    "elu": "ELU",
    "gelu": "GELU",
    "group_norm": "GN",
    "layer_norm": "LN",
    "leaky_relu": "leaky ReLU",
    "prelu": "PReLU",
    "relu": "ReLU",
    "relu6": "ReLU6",
    "silu": "SiLU",
    "spatial_norm": "spatial norm",
    "sub": "−",
}
"""Operators with a shorter name than tables have for them."""

_SPOKEN: Final = {"+": "sum", "×": "product", "÷": "quotient", "−": "difference"}
_LINEAR: Final = {1: "linear", 2: "bilinear", 3: "trilinear"}

_NAMES: Final = {
    "preact_bottleneck": "pre-activation bottleneck",
    "bottleneck": "bottleneck",
    "resnext": "ResNeXt",
    "inception": "Inception",
}


def step_words(step: Step) -> tuple[str, ...]:
    """One or two short lines: what an operator is, and what tells it from its like."""
    op, dims = step.body, step.type.dims
    assert not isinstance(op, Block)
    match op:
        case Conv() | ConvTranspose():
            sign, way = ("/", "") if isinstance(op, Conv) else ("×", "transposed ")
            stride = f" {sign}{words(op.stride)}" if op.stride != 1 else ""
            groups = f", {op.groups} groups" if op.groups > 1 else ""
            if op.groups == op.in_channels > 1:
                groups = ", depthwise"
            kernel = words(op.kernel, dims)
            what = f"{kernel} {way}conv" if dims > 1 else f"{way}conv {kernel}"
            return (what + _apart(op.dilation), f"{op.out_channels}{stride}{groups}{_edge(op)}")
        case GlobalAvgPool():
            return ("global pool",)
        case Linear():
            return ("linear", f"{op.out_features}")
        case Resample():
            mode = _LINEAR[dims] if op.mode == "bilinear" else op.mode
            return (f"{mode} ×{words(op.scale)}" if isinstance(op, Upsample) else mode,)
        case AdaptivePool():
            return (op.label, f"to {words(op.size, dims)}")
        case Part():
            if op.count > 1:
                return (f"parts {op.index + 1} to {op.index + op.count} of {op.of}",)
            return (f"part {op.index + 1} of {op.of}",)
        case Take():
            return (f"take {op.end}", f"along {op.axis}")
        case Concat() if op.axis != "channels":
            return ("concat", f"along {op.axis}")
        case Softmax(axis="parts"):
            return ("softmax", f"over {op.of} parts")
        case Softmax() if op.axis != "channels":
            return ("softmax", f"over {op.axis}")
        case PixelShuffle():
            return (f"{op.label} ×{op.factor}",)
        case PixelUnshuffle():
            return (f"{op.label} /{op.factor}",)
        case Shuffle():
            return ("shuffle", f"{op.groups} groups")
        case Scale():
            return (f"× {op.factor:g}".replace("-", "−"),)
        case Shift():
            return (f"{'−' if op.amount < 0 else '+'} {abs(op.amount):g}",)
        case Dropout():
            return ("dropout", f"{op.probability:g}")
        case Mul() if len(set(step.inputs)) == 1:
            return ("square",)
        case Gate():
            return ("(1 + M)·T" if op.learning == "residual" else "M·T",)
    name = _PLAIN.get(op.kind, op.label)
    window = dict(op.attributes())
    if role_of(op) != "pool" or not {"kernel", "stride"} <= window.keys():
        return (name,)
    size, step_size = (cast(Sides, window[key]) for key in ("kernel", "stride"))
    apart = _apart(cast(Sides, window.get("dilation", 1)))
    return (name, f"{words(size, dims)} /{words(step_size)}{apart}")


def _apart(dilation: Sides) -> str:
    return f", dilation {words(dilation)}" if dilation != 1 else ""


def _edge(conv: Convolution) -> str:
    """The padding, where it is not what keeps the size or leaves no pixel to two windows."""
    usual = same_padding(conv.kernel, conv.dilation, conv.dims)
    if conv.padding == usual or (conv.padding == 0 and conv.kernel == conv.stride):
        return ""
    return f", padding {words(conv.padding)}"


def gate_words(step: Step) -> tuple[str, ...]:
    """What joins trunk and mask, as the paper's equations 1 and 3 write it."""
    return ("M·T",) if step.body.kind == "mul" else step_words(step)[:1]


def spoken(lines: Sequence[str]) -> str:
    """The lines of a card as they are read out."""
    return _SPOKEN.get("".join(lines), " ".join(lines))


def is_sign(lines: Sequence[str]) -> bool:
    """Whether a card holds a sign alone, and is drawn as a circle."""
    return "".join(lines) in _SPOKEN


def name_words(block: Block) -> str:
    """What the definition of a block is called; the kind of one that was made without."""
    return _NAMES.get(block.name, (block.name or block.kind).replace("_", " "))


def attention_words(head: Sequence[Step]) -> str:
    """Which of the mask activations of section 3.2 the head of a mask ends with."""
    kinds = {step.body.kind for step in head}
    if "channel_norm" in kinds:
        return "channel attention"
    if "sigmoid" in kinds:
        return "spatial attention" if "spatial_norm" in kinds else "mixed attention"
    return f"{step_words(head[-1])[0]} attention"


def stride_of(block: Block) -> int | Fraction:
    """Positions of the input from one of the output to the next, along the first axis."""
    stride, name = Fraction(1), block.output
    while name != INPUT:
        step = block.step(name)
        name = step.inputs[0]
        if isinstance(step.body, Block):
            stride *= stride_of(step.body)
        else:
            stride *= step.body.step(block.type_of(name).size[0], step.type.size[0], 0)
    return int(stride) if stride.denominator == 1 else stride


def block_words(block: Block, count: int, step: str) -> tuple[str, ...]:
    """A scope on a card: `unit × 3`, `attention`, `module × 6`."""
    times = f" × {count}" if count > 1 else ""
    if block.kind == UNITS:
        inside = len(block.steps)
        first = block.steps[0].body
        assert isinstance(first, Block)
        stride = stride_of(first)
        note = f"stride {stride}" if stride > 1 else ""
        if inside == 1:
            return ("unit", note) if note else ("unit",)
        if not note and first.input != first.output_type:
            note = "wider"
        return (f"unit × {inside}", f"first: {note}") if note else (f"unit × {inside}",)
    if block.kind == UNIT:
        return (f"unit{times}",)
    if block.kind == ATTENTION:
        return ("attention", f"module{times}")
    if block.kind in (BLOCK, MASK):
        return (f"{name_words(block) if block.name else step}{times}",)
    return (f"{step}{times}",)
