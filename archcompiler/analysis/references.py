"""Published sizes of known networks, from `data/references.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from archcompiler.ir import TensorType

Origin = Literal["paper", "release"]
ORIGINS: tuple[Origin, ...] = ("paper", "release")


@dataclass(frozen=True, slots=True)
class Reference:
    """What was published about one network. None where nothing was."""

    origin: Origin
    params: int | None
    macs: int | None
    source: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Publication:
    title: str
    note: str


def publication(origin: Origin) -> Publication:
    table = _tables()[origin]
    return Publication(table["title"], table["note"])


def reference(origin: Origin, name: str, input: TensorType, classes: int) -> Reference | None:
    """What `origin` says about this very network; None for another input or another head."""
    for entry in _tables()[origin]["networks"]:
        same_input = entry["input"] == [input.channels, *input.size]
        if entry["name"] == name and same_input and entry["classes"] == classes:
            return Reference(
                origin,
                entry.get("params"),
                entry.get("macs"),
                entry["source"],
                entry.get("note"),
            )
    return None


def deviation(value: int, published: int) -> float:
    """Relative deviation in per cent."""
    return 100 * (value - published) / published


@cache
def _tables() -> dict[str, Any]:
    text = files("archcompiler.data").joinpath("references.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
