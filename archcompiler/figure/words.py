"""What operators and scopes are called in a figure, and the class that they are drawn as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archcompiler.config.path import SpecPath
from archcompiler.figure.scene import Form
from archcompiler.ir import INPUT, Block, TensorType
from archcompiler.ir.kinds import ATTENTION, BLOCK, MASK, UNIT, UNITS
from archcompiler.ops import Conv, Dropout, Gate, GlobalAvgPool, Interpolate, Linear, MaxPool
from archcompiler.ops.base import Operator
from archcompiler.ops.sides import words

FORMS: Final[dict[str, Form]] = {
    "unit": "round",
    "attention": "double",
    "conv": "rect",
    "linear": "bevel",
    "pool": "narrowing",
    "resample": "widening",
    "join": "pill",
    "norm": "plain",
    "io": "round",
    "other": "rect",
}
"""The second cue beside the colour of each operator class."""

CLASS_NAMES: Final = {
    "unit": "residual unit",
    "attention": "attention module",
    "conv": "convolution",
    "linear": "linear",
    "pool": "pooling",
    "resample": "interpolation",
    "join": "sum, gate",
    "norm": "BN, activation",
}

_BLOCK_ROLES: Final = {UNIT: "unit", UNITS: "unit", ATTENTION: "attention"}

_PLAIN: Final = {
    "batch_norm": "BN",
    "relu": "ReLU",
    "add": "+",
    "spatial_norm": "spatial norm",
    "channel_norm": "L2 norm",
}

_NAMES: Final = {
    "preact_bottleneck": "pre-activation bottleneck",
    "bottleneck": "bottleneck",
    "resnext": "ResNeXt",
    "inception": "Inception",
}


def role_of(body: Operator | Block) -> str:
    """The role that a theme paints: an operator's class, or that of a kind of block."""
    role: str = _BLOCK_ROLES.get(body.kind, "other") if isinstance(body, Block) else body.role
    return role if role in FORMS else "other"


def operator_words(op: Operator) -> tuple[str, ...]:
    """One or two short lines: what the operator is, and what tells it from its like."""
    match op:
        case Conv():
            stride = f" /{words(op.stride)}" if op.stride != 1 else ""
            groups = f", {op.groups} groups" if op.groups > 1 else ""
            return (f"{words(op.kernel, op.dims)} conv", f"{op.out_channels}{stride}{groups}")
        case MaxPool():
            return ("max pool", f"{words(op.kernel, 2)} /{words(op.stride)}")
        case GlobalAvgPool():
            return ("global pool",)
        case Linear():
            return ("linear", f"{op.out_features}")
        case Interpolate():
            return (op.mode,)
        case Dropout():
            return ("dropout", f"{op.probability:g}")
        case Gate():
            return ("(1 + M)·T" if op.learning == "residual" else "M·T",)
    return (_PLAIN.get(op.kind, op.kind.replace("_", " ")),)


def name_words(block: Block) -> str:
    """What the definition of a block is called; the kind of one that was made without."""
    return _NAMES.get(block.name, (block.name or block.kind).replace("_", " "))


def attention_words(operators: Sequence[Operator]) -> str:
    """Which of the mask activations of section 3.2 the head of a mask ends with."""
    kinds = {op.kind for op in operators}
    if "channel_norm" in kinds:
        return "channel attention"
    if "sigmoid" in kinds:
        return "spatial attention" if "spatial_norm" in kinds else "mixed attention"
    return f"{operator_words(operators[-1])[0]} attention"


def stride_of(block: Block) -> int:
    """Positions of the input from one of the output to the next, along the first axis."""
    if block.input.size == block.output_type.size:
        return 1
    stride, name = 1, block.output
    while name != INPUT:
        step = block.step(name)
        stride *= stride_of(step.body) if isinstance(step.body, Block) else step.body.step(0)
        name = step.inputs[0]
    return stride


def shape_words(type_: TensorType) -> str:
    """Size and channels, H×W×C, as papers print it."""
    return f"{type_.pixel_words}×{type_.channels}"


def pixels_words(type_: TensorType) -> str:
    return type_.pixel_words


def spec_words(origin: SpecPath) -> str:
    """`stages[0].attention.p`"""
    text = ""
    for step in origin:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "spec"


def short(number: int) -> str:
    """Three digits and a prefix, as tables print it: 6.27 G."""
    for bound, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= bound * 0.9995:
            value = number / bound
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {prefix}"
    return str(number)


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def enumerate_words(words: Sequence[str]) -> str:
    """a, b and c"""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def one_line(lines: Sequence[str]) -> str:
    """The lines of a card as one: `unit × 3 (first: stride 2)`."""
    first, *rest = lines
    if rest and rest[0].startswith("first: "):
        return f"{first} ({' '.join(rest)})"
    return " ".join(lines)


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
