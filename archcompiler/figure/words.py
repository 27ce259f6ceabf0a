"""The classes that operators and scopes are drawn as, and the words for numbers and places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from archcompiler.config.path import SpecPath
from archcompiler.figure.scene import Form
from archcompiler.ir import Block, TensorType
from archcompiler.ir.kinds import ATTENTION, UNIT, UNITS
from archcompiler.ops.base import Operator

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
    "unit": "unit",
    "attention": "attention module",
    "conv": "convolution",
    "linear": "linear",
    "pool": "pooling",
    "resample": "interpolation",
    "join": "sum, gate",
    "norm": "BN, activation",
}

_BLOCK_ROLES: Final = {UNIT: "unit", UNITS: "unit", ATTENTION: "attention"}


def role_of(body: Operator | Block) -> str:
    """The role that a theme paints: an operator's class, or that of a kind of block."""
    role: str = _BLOCK_ROLES.get(body.kind, "other") if isinstance(body, Block) else body.role
    return role if role in FORMS else "other"


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
