"""What a unit type is: the contract for built-in and outside units alike.

A unit maps (C_in, H, W) to (channels, ceil(H / stride), ceil(W / stride)). It comes as one folder:
the options a spec may set (a `UnitSpec`), how it lowers to operators, and the Jinja template that
prints its `nn.Module`. The names of the steps are the names of the module's attributes, so that
the `state_dict` follows the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from archcompiler.builder import BlockBuilder, Value
from archcompiler.config.base import Model

Channels = Annotated[int, Field(ge=1, le=65_536)]


class UnitSpec(Model):
    """Options of a unit type. A subclass narrows `type` to a Literal of its registered name."""

    type: str

    def options(self) -> dict[str, Any]:
        """Everything but the type: what the emitted class takes as keyword arguments."""
        return self.model_dump(exclude={"type"})


@dataclass(frozen=True)
class UnitType:
    """A unit type, as registered under the entry point group `archcompiler.units`."""

    GROUP: ClassVar[str] = "archcompiler.units"

    name: str
    """The `type` in a spec."""
    class_name: str
    """The class in emitted code."""
    spec: type[UnitSpec]
    lower: Callable[[BlockBuilder, Any, int, int], Value]
    """`lower(block, spec, channels, stride)` adds the unit's steps after `block.x`."""
    template: Path
    """Jinja source of the class; see `archcompiler/emit/render.py` for what it is given."""
    preactivation: bool
    """True if the unit starts with BN and ReLU and returns a bare sum, so that whatever reads the
    last unit has to normalise and activate it."""
