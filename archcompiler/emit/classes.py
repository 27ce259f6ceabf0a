"""One emitted class, printed from its block."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from archcompiler.analysis.sizes import type_after
from archcompiler.backends.backend import Frame
from archcompiler.emit.body import Bodies
from archcompiler.emit.constructor import constructor, reads
from archcompiler.emit.forward import forward
from archcompiler.emit.lines import Body
from archcompiler.emit.plan import ClassPlan
from archcompiler.ir import Block, TensorType
from archcompiler.ir.kinds import HEAD, STEM
from archcompiler.ir.strides import stride
from archcompiler.language.symbol import literal
from archcompiler.language.use import Reference

WIDTH = 84
"""Columns of a line in a class, by the formatter's own width."""
AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
"""What docstrings call the axes of a map."""


class ClassPrinter:
    """Source of the classes of one network."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies

    def source(self, plan: ClassPlan, body: Body) -> str:
        """The class, not yet formatted."""
        frame = self.bodies.backend.frame
        lines_of_init = constructor(body, frame.absent)
        used = "\n".join(lines_of_init)
        signature = self._signature(plan, used)
        if frame.handed is not None:
            signature += ["*", ": ".join(frame.handed)]
        begun = [frame.begin, *lines_of_init] if frame.begin else lines_of_init
        lines = [
            f"class {plan.name}({frame.module}):",
            *_indented(_docstring(plan, frame, strided=reads(used, "stride")), 1),
            "",
            f"    def __init__({', '.join(signature)}) -> None:",
            *_indented(begun or ["pass"], 2),
            "",
            f"    def {frame.forward}(self, x: {frame.tensor}) -> {frame.tensor}:",
            *_indented(forward(body, frame, plan.shapes[0][0].dims, flat=plan.kind == HEAD), 2),
        ]
        return "\n".join(lines)

    def _signature(self, plan: ClassPlan, used: str) -> list[str]:
        if plan.once:
            names = {STEM: {"in_channels": "int"}, HEAD: {"num_classes": "int", "dropout": "float"}}
            given = [
                f"{name}: {type_}"
                for name, type_ in names[plan.kind].items()
                if reads(used, name) or name in ("in_channels", "num_classes")
            ]
            return ["self", *given]
        arguments = ["self"]
        if plan.changes_channels:
            arguments.append("in_channels: int")
        arguments.append("channels: int")
        if plan.has_stride:
            arguments.append("stride: int = 1")
        for name, value in self.bodies.used(plan).items():
            kind = plan.type_of(name)
            default = f" = {literal(value)}" if plan.changes_channels or plan.has_stride else ""
            arguments.append(f"{name}: {kind}{default}")
        return arguments


def _docstring(plan: ClassPlan, frame: Frame, *, strided: bool) -> list[str]:
    """Its lines; `strided` says whether the class does anything with its `stride`."""
    title = (plan.definition.title or f"Block `{plan.definition.name}`").strip().rstrip(".")
    text = " ".join(title.split())
    first, *more = wrap(f'"""{_safe(text)}.', WIDTH, break_long_words=False, break_on_hyphens=False)
    return [
        *(first, *more, ""),
        *wrap(_shapes(plan, frame, strided), WIDTH),
        *wrap(_choices(plan), WIDTH),
        '"""',
    ]


def _choices(plan: ClassPlan) -> str:
    """The options that were set for this class and not for another one of the same block."""
    given = plan.uses[0].given
    said = [f"{name} = {_toml(value)}" for name, value in plan.choices.items() if name in given]
    return _safe(f"Here {', '.join(said)}.") if said else ""


def _toml(value: Any) -> str:
    """A value as a spec has it. A word between single quotes needs no escape in a docstring."""
    if isinstance(value, Reference):
        value = {"type": value.type, **value.options} if value.options else value.type
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items())
        return f"{{ {inner} }}"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _safe(text: str) -> str:
    """Text of a spec, made safe inside triple double quotes: nothing in it can end them."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"').strip()


def _shapes(plan: ClassPlan, frame: Frame, strided: bool) -> str:
    axes, shape = AXES[plan.shapes[0][0].dims], frame.shape
    if plan.kind == STEM:
        sizes, rounded = _reduced(plan.blocks[0], axes)
        after = shape(plan.blocks[0].output_type.channels, sizes)
        return f"(N, {shape('in_channels', axes)}) to (N, {after}){rounded}."
    if plan.kind == HEAD:
        channels = plan.shapes[0][0].channels
        return f"(N, {shape(channels, axes)}) to logits (N, num_classes)."
    if plan.has_stride and strided:
        smaller = shape("channels", [f"{axis} / stride" for axis in axes])
        uses = zip(plan.blocks, (use.stride for use in plan.uses), strict=True)
        return f"(N, {shape('in_channels', axes)}) to (N, {smaller}){rounding(uses)}."
    if all(a == b for a, b in plan.shapes):
        return f"Keeps the shape (N, {shape('channels', axes)})."
    before = "in_channels" if plan.changes_channels else "channels"
    width, sizes = _output(plan, axes)
    rounded = ""
    reduced = {_reduced(block, axes) for block in plan.blocks}
    if plan.has_stride and len(reduced) == 1:
        sizes, rounded = reduced.pop()
    return f"(N, {shape(before, axes)}) to (N, {shape(width, sizes)}){rounded}."


def rounding(blocks: Iterable[tuple[Block, int]]) -> str:
    """How blocks with these strides make sizes that the strides do not divide, in words."""
    ways = set()
    for block, step in blocks:
        for rest in range(1, step):
            sides = tuple(side - side % step + step + rest for side in block.input.size)
            found = type_after(block, TensorType(block.input.channels, *sides))
            after = None if found is None else found.size
            up, down = tuple(-(-n // step) for n in sides), tuple(n // step for n in sides)
            ways.add(" up" if after == up else " down" if after == down else "")
    return f", sizes rounded{ways.pop() if len(ways) == 1 else ''}"


def _reduced(block: Block, axes: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The output's sizes of a block, by its strides, and how they come out."""
    strides = [stride(block, axis) for axis in range(len(axes))]
    sizes = tuple(f"{a} / {s}" if s > 1 else a for a, s in zip(axes, strides, strict=True))
    return sizes, ", sizes rounded" if any(s > 1 for s in strides) else ""


def _output(plan: ClassPlan, axes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The output's shape, as far as it is the same for all uses."""
    outputs = [b for _, b in plan.shapes]
    channels = _channels(plan, outputs)
    sizes = []
    for i, axis in enumerate(axes):
        if all(a.size[i] == b.size[i] for a, b in plan.shapes):
            sizes.append(axis)
        else:
            sizes.append("1" if all(b.size[i] == 1 for b in outputs) else "…")
    return channels, tuple(sizes)


def _channels(plan: ClassPlan, outputs: list[TensorType]) -> str:
    if all(use.c == b.channels for use, b in zip(plan.uses, outputs, strict=True)):
        return "channels"
    widths: set[Any] = {b.channels for b in outputs}
    return str(widths.pop()) if len(widths) == 1 else "…"


def _indented(lines: list[str], depth: int) -> list[str]:
    return [f"{'    ' * depth}{line}" if line else "" for line in lines]
