"""One emitted class, printed from its block."""

from __future__ import annotations

from typing import Any

from archcompiler.emit.body import Bodies
from archcompiler.emit.constructor import constructor, reads
from archcompiler.emit.forward import forward
from archcompiler.emit.lines import Body
from archcompiler.emit.plan import ClassPlan
from archcompiler.ir import TensorType
from archcompiler.ir.kinds import HEAD, STEM
from archcompiler.ir.strides import stride

AXES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
"""What docstrings call the axes of a map."""


class ClassPrinter:
    """Source of the classes of one network."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies

    def source(self, plan: ClassPlan, body: Body) -> str:
        """The class, not yet formatted."""
        lines_of_init = constructor(body)
        used = "\n".join(lines_of_init)
        lines = [
            f"class {plan.name}(nn.Module):",
            *_indented(_docstring(plan), 1),
            "",
            f"    def __init__({', '.join(self._signature(plan, used))}) -> None:",
            "        super().__init__()",
            *_indented(lines_of_init, 2),
            "",
            "    def forward(self, x: Tensor) -> Tensor:",
            *_indented(forward(body, flat=plan.kind == HEAD), 2),
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
            default = f" = {value!r}" if plan.changes_channels or plan.has_stride else ""
            arguments.append(f"{name}: {kind}{default}")
        return arguments


def _docstring(plan: ClassPlan) -> list[str]:
    title = (plan.definition.title or f"Block `{plan.definition.name}`").strip().rstrip(".")
    text = " ".join(title.split())
    return [f'"""{_safe(text)}.', "", _shapes(plan), '"""']


def _safe(text: str) -> str:
    """Text of a spec, made safe inside triple double quotes: nothing in it can end them."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"').strip()


def _shapes(plan: ClassPlan) -> str:
    dims = plan.shapes[0][0].dims
    axes = AXES[dims]
    sizes = ", ".join(axes)
    if plan.kind == STEM:
        return f"(N, in_channels, {sizes}) to (N, {_reduced(plan, axes)}."
    if plan.kind == HEAD:
        return f"(N, {plan.shapes[0][0].channels}, {sizes}) to logits (N, num_classes)."
    if plan.has_stride:
        smaller = ", ".join(f"{axis} / stride" for axis in axes)
        return f"(N, in_channels, {sizes}) to (N, channels, {smaller}), sizes rounded up."
    if all(a == b for a, b in plan.shapes):
        return f"Keeps the shape (N, channels, {sizes})."
    before = "in_channels" if plan.changes_channels else "channels"
    return f"(N, {before}, {sizes}) to (N, {_output(plan, axes)})."


def _reduced(plan: ClassPlan, axes: tuple[str, ...]) -> str:
    """The output's shape of a block that is there once, by its strides."""
    (block,) = plan.blocks
    strides = [stride(block, axis) for axis in range(len(axes))]
    sizes = [f"{a} / {s}" if s > 1 else a for a, s in zip(axes, strides, strict=True)]
    rounded = ", sizes rounded" if any(s > 1 for s in strides) else ""
    return ", ".join([str(block.output_type.channels), *sizes]) + ")" + rounded


def _output(plan: ClassPlan, axes: tuple[str, ...]) -> str:
    """The output's shape, as far as it is the same for all uses."""
    outputs = [b for _, b in plan.shapes]
    channels = _channels(plan, outputs)
    sizes = []
    for i, axis in enumerate(axes):
        if all(a.size[i] == b.size[i] for a, b in plan.shapes):
            sizes.append(axis)
        else:
            sizes.append("1" if all(b.size[i] == 1 for b in outputs) else "…")
    return ", ".join([channels, *sizes])


def _channels(plan: ClassPlan, outputs: list[TensorType]) -> str:
    if all(use.c == b.channels for use, b in zip(plan.uses, outputs, strict=True)):
        return "channels"
    widths: set[Any] = {b.channels for b in outputs}
    return str(widths.pop()) if len(widths) == 1 else "…"


def _indented(lines: list[str], depth: int) -> list[str]:
    return [f"{'    ' * depth}{line}" if line else "" for line in lines]
