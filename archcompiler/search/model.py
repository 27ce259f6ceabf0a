"""The space: what of a spec is varied, within which budgets, and to what end."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import Field

from archcompiler.config.base import Model
from archcompiler.spec.model import Identifier, Quantity

QuantityName: TypeAlias = Literal["params", "macs", "memory", "depth"]
NAMES: Final[tuple[QuantityName, ...]] = get_args(QuantityName)
Names = Annotated[tuple[QuantityName, ...], Field(max_length=len(NAMES))]


class Budget(Model):
    """What every spec that is found keeps to, in the words of a spec's `[expect]`."""

    params: Quantity = None
    """Learnable parameters: a number, or `"<= 32M"`, or `">= 30M, < 32M"`."""
    macs: Quantity = None
    """Multiply-accumulates for one image of the spec's `input`."""
    memory: Quantity = None
    """Bytes that autograd keeps of one image for the backward pass, in float32."""
    depth: Quantity = None
    """Layers of the trunk."""


class Objective(Model):
    """What is better: a spec is found unless another is as good in all of it and better in one."""

    minimise: Names = ()
    """Quantities of which less is better."""
    maximise: Names = ()
    """Quantities of which more is better."""


DEFAULT: Final = Objective.model_construct(minimise=("params", "macs"), maximise=("depth",))
"""Deeper for less."""


class Space(Model):
    """Specs that differ in some values. This is the root of a space file."""

    name: Identifier | None = None
    """What the specs that are written are called, with a number; by default as the file."""
    space: Annotated[dict[str, Any], Field(min_length=1)]
    """Values by their keys as for `--set`: an array of them, or a range such as `"1..8"`. In
    `stages.each.modules` every stage has a value of its own."""
    budget: Budget = Budget.model_construct()
    """What every spec that is found keeps to; laid upon what the extended spec expects."""
    objective: Objective = DEFAULT
    """What is better; by default fewer parameters and MACs, and more depth."""
