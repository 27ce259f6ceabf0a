"""The Jinja environment of emitted modules: a file, its network and its stages.

Blocks have no templates: `archcompiler.emit.classes` prints them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from sys import stdlib_module_names
from typing import Final

import jinja2
import jinja2.bccache

from archcompiler.backends.backend import Frame
from archcompiler.emit.constructor import reads
from archcompiler.emit.view import NetworkView
from archcompiler.ir import TensorType

STANDARD: Final = {
    "Callable": "from collections.abc import Callable",
    "Iterator": "from collections.abc import Iterator",
    "Mapping": "from collections.abc import Mapping",
    "contextmanager": "from contextlib import contextmanager",
    "nullcontext": "from contextlib import nullcontext",
    "dataclass": "from dataclasses import dataclass",
    "fnmatchcase": "from fnmatch import fnmatchcase",
    "getitem": "from operator import getitem",
    "Any": "from typing import Any",
    "replace": "from dataclasses import replace",
    "partial": "from functools import partial",
    "Path": "from pathlib import Path",
    "ClassVar": "from typing import ClassVar",
    "NamedTuple": "from typing import NamedTuple",
    "math": "import math",
}
"""What an emitted file may import of Python's own, by the name that it then has."""


def render_network(view: NetworkView) -> str:
    """The unformatted source of the network's module."""
    frame = view.backend.frame
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(frame.templates),
        bytecode_cache=Pycache(str(frame.templates / "__pycache__")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Python, not HTML: text of a spec passes through `docstring`
    )
    environment.filters.update(docstring=docstring, shape=partial(shape, frame))
    body = environment.get_template("network.py.jinja").render(view=view)
    imports = _imports(body, frame.imports, view.helper_imports)
    return environment.get_template("file.py.jinja").render(view=view, body=body, imports=imports)


def _imports(body: str, of_framework: Mapping[str, str], others: list[str]) -> str:
    """Import statements for the names that the body reads, as isort orders them."""
    standard = [line for name, line in STANDARD.items() if reads(body, name)]
    framework = [line for name, line in of_framework.items() if reads(body, name)]
    own = [line for line in others if line not in (*standard, *framework)]
    plain = [line for line in own if line.split()[1].partition(".")[0] in stdlib_module_names]
    groups = [
        ["from __future__ import annotations"],
        _joined([*plain, *standard]),
        _joined([*framework, *(line for line in own if line not in plain)]),
    ]
    return "\n\n".join("\n".join(group) for group in groups if group)


def _joined(lines: list[str]) -> list[str]:
    """Plain imports first, and one line for each module that names are taken from."""
    plain = sorted(line for line in lines if line.startswith("import "))
    taken: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("from "):
            module, _, name = line.removeprefix("from ").partition(" import ")
            taken.setdefault(module, []).append(name)
    named = [
        f"from {module} import {', '.join(sorted(names, key=_order))}"
        for module, names in sorted(taken.items())
    ]
    return plain + named


def _order(name: str) -> tuple[bool, str]:
    """Classes before functions, as isort has them."""
    return not name[0].isupper(), name


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


def docstring(text: str) -> str:
    """Text of a spec, made safe inside triple double quotes: nothing in it can end them."""
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"').strip()


def shape(frame: Frame, type: TensorType, batch: int | str = "N") -> str:
    return f"({batch}, {frame.shape(type.channels, type.size)})"
