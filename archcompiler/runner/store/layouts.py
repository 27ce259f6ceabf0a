"""Names that others give the layers of known networks, from `data/layouts.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

from archcompiler import shipped
from archcompiler.analysis.likeness import likeness
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.diagnostics import CompileError, Span, error

T = TypeVar("T")
_HOLE: Final = re.compile(r"\{([a-z])(-1)?\}")


@dataclass(frozen=True)
class Layout:
    """The names of the layers of some networks."""

    source: str
    names: Mapping[str, str]
    """Theirs by ours, with numbers in braces."""
    networks: Mapping[str, Sequence[str]]
    """A spec and its settings, by the name that the network has there."""

    def name_of(self, key: str) -> str | None:
        """What they call a tensor of ours, such as `stage1.before.unit1.conv1.weight`."""
        layer, _, own = key.rpartition(".")
        for ours, theirs in self.names.items():
            found = re.fullmatch(_pattern(ours), layer, re.ASCII)
            if found is not None:
                return f"{_filled(theirs, found.groupdict())}.{own}"
        return None


@cache
def layouts() -> Mapping[str, Sequence[Layout]]:
    """All tables by the name of who names layers so."""
    text = files("archcompiler.data").joinpath("layouts.toml").read_text(encoding="utf-8")
    return {
        name: tuple(Layout(**table) for table in tables)
        for name, tables in tomllib.loads(text).items()
    }


def named(said: str) -> tuple[str | None, Path]:
    """`torchvision:FILE` as the name of a layout and the file; a file of that whole name wins."""
    layout, _, file = said.partition(":")
    if file and layout in layouts() and not Path(said).exists():
        return layout, Path(file).expanduser()
    return None, Path(said)


def known(layout: str, network: CompiledNetwork, place: Span) -> tuple[str, Layout]:
    """The name of a network in a layout, and the table for it.

    Raises CompileError E752 for a network that it has no names for.
    """
    wanted = likeness(network.graph, network.classifiers)
    for table in layouts()[layout]:
        for name, (spec, *settings) in table.networks.items():
            if _likeness(spec, *settings) == wanted:
                return name, table
    names = [f"`{name}`" for table in layouts()[layout] for name in table.networks]
    raise CompileError(
        error(
            "E752",
            f"`{network.name}` is no network that `{layout}` has names for",
            place,
            notes=(f"it has them for {', '.join(names)}",),
            help="`archcompiler weights` takes them from the code of the other implementation",
        )
    )


@cache
def _likeness(spec: str, *settings: str) -> str:
    """Of the network of a shipped spec."""
    network = compile(shipped.specs()[spec], settings)
    return likeness(network.graph, network.classifiers)


def renamed(tensors: Mapping[str, T], layout: Layout, keys: Sequence[str]) -> dict[str, T]:
    """Tensors by the `keys` of ours where they have them by their names; others keep their own."""
    left = dict(tensors)
    found = {}
    for key in keys:
        theirs = layout.name_of(key)
        if theirs in left:
            found[key] = left.pop(theirs)
    return found | left


def _filled(theirs: str, numbers: Mapping[str, str]) -> str:
    """A name with its numbers, of which some are one less."""
    return _HOLE.sub(lambda hole: str(int(numbers[hole[1]]) - bool(hole[2])), theirs)


def _pattern(ours: str) -> str:
    return (
        "".join(
            part if i % 2 else re.escape(part)
            for i, part in enumerate(re.split(r"(\{[a-z]\})", ours))
        )
        .replace("{", "(?P<")
        .replace("}", ">[0-9]+)")
    )
