"""A back end as `emit` sees it: a table of operators, and the frame that their text stands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from archcompiler.backends.record import Helper, Record, Value, helper_for
from archcompiler.ops.base import Operator


class Frame(NamedTuple):
    """How a framework's modules are written around the text of operators."""

    module: str
    """What the classes of blocks are derived from."""
    tensor: str
    """The type of a map."""
    forward: str
    """The method that applies a module."""
    templates: Path
    """The folder of `file.py.jinja` and `network.py.jinja`, which frame the classes."""
    imports: Mapping[str, str]
    """What an emitted file may import of the framework, by the name that it then has."""
    flattened: Callable[[str], str]
    """The text of a (N, C) vector, for that of a map."""
    unflattened: Callable[[str, int], str]
    """The text of a map of one pixel in so many dimensions, for that of a (N, C) vector."""
    helpers: Callable[[int], Sequence[Helper]] = lambda dims: ()
    """What these texts need the file to define, in so many dimensions, where they stand in it."""
    names: frozenset[str] = frozenset()
    """What emitted files define or import at the top, beside what no spec may name anyway."""
    attributes: frozenset[str] = frozenset()
    """What every module has, beside what no step may be called anyway."""
    begin: str = ""
    """The first statement of every constructor."""
    handed: tuple[str, str] | None = None
    """What every constructor takes by name and hands on to those that it calls, with its type."""
    row: str = "row"
    """What makes several units one after the other."""
    absent: str = "None"
    """What stands in an attribute for a module that may come to be there."""
    channels_last: bool = False
    """Whether a map is (N, *size, C), and not (N, C, *size)."""

    def shape(self, channels: object, size: Sequence[object]) -> str:
        """A shape without the batch in words, `channels, H, W` or `H, W, channels`."""
        sides = [*size, channels] if self.channels_last else [channels, *size]
        return ", ".join(map(str, sides))

    def constructed(self, function: str, arguments: Sequence[str]) -> str:
        """A call that makes a module of the emitted file."""
        handed = [] if self.handed is None else [f"{self.handed[0]}={self.handed[0]}"]
        return f"{function}({', '.join([*arguments, *handed])})"


class Backend(NamedTuple):
    """A framework that networks are printed for."""

    name: str
    """What operators of other packages call it in their `backends`."""
    title: str
    record: Callable[[Operator], Record]
    """The record of an operator. Raises CompileError E315 for one that has none."""
    frame: Frame
    suffix: str = ""
    """What is added to the name of a network for that of its file."""

    def helper(self, op: Operator, dims: int) -> Helper | None:
        """What an operator as it is printed needs the file to define."""
        return helper_for(self.record(op), op, dims)

    def expression(
        self, op: Operator, inputs: Sequence[Value], dims: int, *, module: str | None = None
    ) -> Value:
        """An operator applied to its inputs; `module` is the text of its module, `self.conv1`.

        Operators with a module in their record need one.
        """
        record = self.record(op)
        flat = record.flat == "made" or (record.flat == "kept" and all(x.flat for x in inputs))
        texts = [self.flat(x) if flat else self.map(x, dims) for x in inputs]
        if record.module is not None and record.applied is not None:
            return Value(record.applied(str(module), texts, dims), flat)
        if record.module is not None:
            return Value(f"{module}({', '.join(texts)})", flat)
        assert record.call is not None
        return Value(record.call(op, texts, dims), flat)

    def flat(self, x: Value) -> str:
        """The text of a value as a (N, C) vector."""
        return x.text if x.flat else self.frame.flattened(x.text)

    def map(self, x: Value, dims: int) -> str:
        """The text of a value as a map."""
        return self.frame.unflattened(x.text, dims) if x.flat else x.text


def backend(name: str) -> Backend:
    """One of `archcompiler.backends.NAMES`; no framework is imported for it."""
    found: Backend = import_module(f"archcompiler.backends.{name}").BACKEND
    return found
