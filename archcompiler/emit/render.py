"""The Jinja environment of emitted modules.

A unit type's template is given `unit` (its `UnitClass`: `name`, `signature`, `summary`) and
`norm(channels)`, which prints a batch normalisation with the network's constants.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import jinja2.bccache

from archcompiler.emit.view import NetworkView
from archcompiler.ir import TensorType
from archcompiler.spec.model import Norm
from archcompiler.units import unit_type

TEMPLATES = Path(__file__).with_name("templates")


def render_network(view: NetworkView) -> str:
    """The unformatted source of the network's module."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.FileSystemLoader(TEMPLATES), jinja2.FunctionLoader(_unit_template)]
        ),
        bytecode_cache=Pycache(str(TEMPLATES / "__pycache__")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Python, not HTML: text of a spec passes through `docstring`
    )
    environment.filters.update(docstring=docstring, shape=shape)
    constants = norm_arguments(view.norm)

    def norm(channels: str | int) -> str:
        return f"nn.BatchNorm2d({', '.join([str(channels), *constants])})"

    environment.globals.update(norm=norm)
    units = [
        environment.get_template(f"unit:{unit.type.name}").render(unit=unit).strip("\n")
        for unit in view.units.values()
    ]
    return environment.get_template("network.py.jinja").render(
        view=view,
        units=units,
        imports_torch=view.uses_torch or any("torch." in text for text in units),
    )


def _unit_template(name: str) -> tuple[str, str, Callable[[], bool]] | None:
    kind, _, unit = name.partition(":")
    if kind != "unit":
        return None
    path = unit_type(unit).template
    return path.read_text(encoding="utf-8"), str(path), lambda: True


class Pycache(jinja2.FileSystemBytecodeCache):
    """Compiled templates in `__pycache__`, as Python keeps its own modules.

    Compiling them anew would take a tenth of a build. A folder that cannot be written is no error.
    """

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(exist_ok=True)
            super().dump_bytecode(bucket)


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
    return f"(N, {type.channels}, {', '.join(map(str, type.size))})"
