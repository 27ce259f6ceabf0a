"""The Jinja environment of emitted modules.

A unit type's template is given `unit` (its `UnitClass`: `name`, `signature`, `summary`) and
`norm(channels)`, which prints a batch normalisation with the network's constants.
"""

from __future__ import annotations

from pathlib import Path

import jinja2

from archcompiler.emit.view import NetworkView, UnitClass
from archcompiler.ir import TensorType
from archcompiler.spec.model import Norm

TEMPLATES = Path(__file__).with_name("templates")


def render_network(view: NetworkView) -> str:
    """The unformatted source of the network's module."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Python, not HTML; spec text passes through `docstring`
    )
    environment.filters.update(docstring=docstring, shape=shape)
    constants = norm_arguments(view.norm)

    def norm(channels: str | int) -> str:
        return f"nn.BatchNorm2d({', '.join([str(channels), *constants])})"

    def render_unit(unit: UnitClass) -> str:
        source = unit.type.template.read_text(encoding="utf-8")
        return environment.from_string(source).render(unit=unit).strip("\n")

    environment.globals.update(norm=norm)
    units = {name: render_unit(unit) for name, unit in view.units.items()}
    return environment.get_template("network.py.jinja").render(
        view=view,
        units=units,
        imports_torch=view.uses_torch or any("torch." in text for text in units.values()),
    )


def norm_arguments(norm: Norm) -> list[str]:
    """Arguments of a batch normalisation that differ from torch's defaults."""
    default = Norm()
    names = [name for name in Norm.model_fields if getattr(norm, name) != getattr(default, name)]
    return [f"{name}={getattr(norm, name)!r}" for name in names]


def docstring(text: str) -> str:
    """Text of a spec, made safe inside triple double quotes: nothing in it can end them."""
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"').strip()


def shape(type: TensorType) -> str:
    return f"(N, {type.channels}, {type.height}, {type.width})"
