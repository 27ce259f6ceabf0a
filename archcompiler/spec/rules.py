"""What a valid spec must keep to beyond the types of its values."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcompiler.diagnostics import Diagnostic, error

if TYPE_CHECKING:
    from archcompiler.spec.loader import LoadedSpec
    from archcompiler.spec.model import Pool

RESERVED_NAMES = frozenset(
    {"torch", "nn", "functional", "checkpoint", "dataclass", "replace", "repeat", "config", "typing"}
)
"""Identifiers that emitted files use themselves, beside Python's keywords and builtins."""


def broken_rules(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Every broken rule of a spec."""
    yield from _names(loaded)
    yield from _stages(loaded)
    yield from _pools(loaded)


def _names(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    name = loaded.spec.name
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in RESERVED_NAMES:
        yield error(
            "E205",
            f"`{name}` is a name that Python or every emitted file uses already",
            loaded.span(("name",)),
        )


def _stages(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    spec = loaded.spec
    channels = spec.stem.channels
    for i, stage in enumerate(spec.stages):
        path = ("stages", i)
        if stage.modules and stage.depth is None:
            yield error(
                "E212",
                f"stage {i + 1} has attention modules, but no `depth` for their masks",
                loaded.span((*path, "modules"), "key"),
                help="`depth`: how often the mask halves the resolution, for example `depth = 2`",
            )
        if not (stage.before or stage.modules or stage.after):
            yield error("E213", f"stage {i + 1} is empty", loaded.span(path, "table"))
        elif stage.before == 0 and (stage.stride != 1 or stage.channels != channels):
            change = (
                f"from {channels} to {stage.channels} channels"
                if stage.channels != channels
                else f"resolution by stride {stage.stride}"
            )
            key = "channels" if stage.channels != channels else "stride"
            yield error(
                "E214",
                f"stage {i + 1} changes {change}, but has no unit to do it",
                loaded.span((*path, key)),
                notes=("only the first unit `before` the attention modules changes the shape",),
                help="give the stage at least `before = 1`",
            )
        channels = stage.channels


def _pools(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    spec = loaded.spec
    pools: list[tuple[tuple[str | int, ...], Pool]] = [
        (("stages", i, "attention", "mask", "pool"), stage.attention.mask.pool)
        for i, stage in enumerate(spec.stages)
    ]
    if spec.stem.type == "conv_pool":
        pools.append((("stem", "pool"), spec.stem.pool))
    found = set()
    for path, pool in pools:
        if pool.padding > pool.kernel // 2:
            found.add(
                error(
                    "E204",
                    f"`padding` must be at most half the kernel, {pool.kernel // 2}",
                    loaded.span((*path, "padding")),
                )
            )
    yield from found
