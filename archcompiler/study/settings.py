"""Keys and values of a study as `--set` has them, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final

from archcompiler.config.located import Located
from archcompiler.config.toml import toml_value
from archcompiler.diagnostics import CompileError, error

_EXAMPLE: Final = "for example `augment.label_noise = [0.1, 0.3]`"


@dataclass(frozen=True)
class Setting:
    """One value of a spec or a recipe that the study sets."""

    key: str
    node: Located
    """The value, where it is written."""

    @property
    def value(self) -> Any:
        return self.node.plain()

    @property
    def text(self) -> str:
        """As `--set` takes it."""
        return f"{self.key}={toml_value(self.value)}"


@dataclass(frozen=True)
class Axis:
    """One key of the grid, and the values that it has."""

    key: str
    choices: tuple[Setting, ...]


def read_settings(table: Located | None) -> tuple[Setting, ...]:
    """The values of `set`. Raises CompileError E811."""
    return tuple(_setting(key, node) for key, node in _leaves(table))


def read_axes(grid: Located | None) -> tuple[Axis, ...]:
    """The axes of `grid`, in the order of the text. Raises CompileError E811."""
    return tuple(_axis(key, node) for key, node in _leaves(grid))


def _leaves(table: Located | None) -> Iterator[tuple[str, Located]]:
    """Values with their keys: a key may have dots in it, or be a table of keys."""
    seen: set[str] = set()
    for key, node in () if table is None else _below(table, ()):
        if key in seen:
            raise _refused(f"`{key}` is set twice", node)
        seen.add(key)
        yield key, node


def _below(table: Located, above: tuple[str, ...]) -> Iterator[tuple[str, Located]]:
    for key, node in table.value.items():
        steps = (*above, *(step.strip() for step in key.split(".")))
        if isinstance(node.value, Mapping):
            yield from _below(node, steps)
        elif not all(steps) or "=" in key:
            raise CompileError(error("E811", f"`{key}` is no key to set", node.span("key")))
        else:
            yield ".".join(steps), node


def _axis(key: str, node: Located) -> Axis:
    if key.partition(".")[0] == "seed":
        help = "`seeds`, above the tables, has those of the runs"
        raise CompileError(error("E811", "the grid sets no seed", node.span("key"), help=help))
    if not isinstance(node.value, list) or not node.value:
        raise _refused(f"`{key}` must be an array of values", node)
    choices = tuple(_setting(key, child) for child in node.value)
    seen: list[Any] = []
    for choice in choices:
        if len(choices) > 1 and isinstance(choice.node.value, list):
            raise _refused(f"a value of `{key}` must be a number, a text or a boolean", choice.node)
        if choice.value in seen:
            raise _refused(f"`{key}` has a value twice", choice.node)
        seen.append(choice.value)
    return Axis(key, choices)


def _setting(key: str, node: Located) -> Setting:
    if not _is_plain(node.plain()):
        raise _refused(f"`{key}` cannot have this value", node)
    return Setting(key, node)


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value))


def _refused(message: str, node: Located) -> CompileError:
    return CompileError(error("E811", message, node.span(), help=_EXAMPLE))


@contextmanager
def placed(settings: Iterable[Setting], node: Located | None = None) -> Iterator[None]:
    """Have what is wrong with a setting point to it, and what has no place at all to `node`."""
    places = {setting.text: setting.node for setting in settings}
    try:
        yield
    except CompileError as wrong:
        found = []
        for d in wrong.diagnostics:
            written = None if d.span is None else places.get(d.span.source.text)
            if written is not None:
                assert d.span is not None
                of_key = d.span.start < d.span.source.text.index("=")
                d = replace(d, span=written.span("key" if of_key else "value"))
            elif d.span is None and node is not None:
                d = replace(d, span=node.span())
            found.append(d)
        raise CompileError(*found) from None
