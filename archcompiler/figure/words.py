"""What operators and scopes are called in a figure, and the class that they are drawn as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archcompiler.ir.kinds import ATTENTION, UNIT, UNITS, MaskConfig, UnitConfig
from archcompiler.config.path import SpecPath
from archcompiler.figure.scene import Form
from archcompiler.ir import Block, TensorType
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

_ROLES: Final = {
    "conv": "conv",
    "linear": "linear",
    "max_pool": "pool",
    "global_avg_pool": "pool",
    "interpolate": "resample",
    "add": "join",
    "gate": "join",
    "concat": "join",
    "batch_norm": "norm",
    "relu": "norm",
    "sigmoid": "norm",
    "dropout": "norm",
    "spatial_norm": "norm",
    "channel_norm": "norm",
    UNIT: "unit",
    UNITS: "unit",
    ATTENTION: "attention",
}

_PLAIN: Final = {
    "batch_norm": "BN",
    "relu": "ReLU",
    "add": "+",
    "spatial_norm": "spatial norm",
    "channel_norm": "L2 norm",
}

_UNITS: Final = {
    "preact_bottleneck": "pre-activation bottleneck",
    "bottleneck": "bottleneck",
    "resnext": "ResNeXt",
    "inception": "Inception",
}


def role_of(body: Operator | Block) -> str:
    """Operator class: the role that a theme paints."""
    return _ROLES.get(body.kind, "other")


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
            return (gate_words(op.learning),)
    return (_PLAIN.get(op.kind, op.kind.replace("_", " ")),)


def gate_words(learning: str) -> str:
    """Equations 1 and 3 of the paper."""
    return "(1 + M)·T" if learning == "residual" else "M·T"


def unit_words(type: str) -> str:
    """What a unit type is called; for one from outside, its registered name."""
    return _UNITS.get(type, type.replace("_", " "))


def unit_type_of(block: Block) -> str:
    """Registered name of the unit type of a unit, or of the first unit of a run."""
    while block.kind != UNIT:
        inner = next((s.body for s in block.steps if isinstance(s.body, Block)), None)
        if inner is None:
            return ""
        block = inner
    assert isinstance(block.config, UnitConfig)
    return block.config.unit.type


def attention_words(mask: MaskConfig) -> str:
    """Which of the mask activations of section 3.2."""
    return f"{mask.activation} attention"


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
        stride = getattr(first.config, "stride", 1)
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
    return (f"{step}{times}",)
