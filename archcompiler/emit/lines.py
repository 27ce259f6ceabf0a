"""What is printed of one class, before it is source: its steps as lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from archcompiler.backends.record import Helper, Value
from archcompiler.language.definition import X

Call = Callable[[Sequence[Value]], Value]
"""A step applied to its inputs."""


class Part(NamedTuple):
    """One of the equal parts of a map, or several that follow one another."""

    number: int
    of: int
    size: int
    whole: Callable[[Sequence[int], Value], Value]
    """Parts of such counts, which are all of the map, as one expression."""


class Line(NamedTuple):
    """One step that is there: `name = call(inputs)`."""

    name: str
    inputs: tuple[str, ...]
    call: Call
    module: str | None
    """What its attribute is made with; None for a step without state."""
    condition: str | None = None
    """Source of the condition under which it is there; None where it always is."""
    otherwise: str = X
    weighted: bool = False
    """Whether it is one of the things that a line of code is about: a layer or a block."""
    comment: str = ""
    part: Part | None = None


@dataclass
class Body:
    """What is printed of one class."""

    lines: list[Line] = field(default_factory=list)
    output: str = X
    lets: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    """Numbers that `forward` reads, by their attributes: arguments of the class and its lets."""
    helpers: dict[str, Helper] = field(default_factory=dict)
    batch_norms: dict[str, str] = field(default_factory=dict)
    """In a network for inference, what layers stand for: the batch norms that they have taken in,
    as expressions, by the attributes of the layers."""
    sum_norms: dict[str, str] = field(default_factory=dict)
    """The same of the batch norms after sums that convolutions have in."""
    branches: dict[str, list[tuple[str | None, str]]] = field(default_factory=dict)
    """The same of branches of sums that convolutions have in, each with the condition under which
    it is there; None where it always is."""
    dilated: bool = False
    """Whether some of these are dilated otherwise."""
    classifiers: list[tuple[str, str]] = field(default_factory=list)
    """In a head, the attributes that depend on the number of classes, with their constructors."""
