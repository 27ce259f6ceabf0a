"""What a valid spec must keep to beyond the types of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import Diagnostic, error
from archcompiler.spec.names import class_name, taken, taken_file

if TYPE_CHECKING:
    from archcompiler.spec.loader import LoadedSpec
    from archcompiler.spec.model import Pool, Stage


def broken_rules(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Every broken rule of a spec."""
    yield from _names(loaded)
    channels = loaded.spec.stem.channels
    for index, stage in enumerate(loaded.spec.stages):
        yield from _stage(loaded, index, stage, channels)
        channels = stage.channels
    yield from _pools(loaded)


def _names(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    name, cls = loaded.spec.name, class_name(loaded.spec)
    why = taken(name) or taken_file(name)
    if why is not None:
        message = f"a network cannot be called `{name}`: that is {why}"
        yield error("E205", message, loaded.span(("name",)))
        return
    # The configuration of a network is a class too.
    why = taken(cls) or taken(f"{cls}Config")
    if why is not None and loaded.spec.class_name is None:
        yield error(
            "E205",
            f"the class of `{name}` would be called `{cls}`: that is {why}",
            loaded.span(("name",)),
            help="give the class a name of its own with `class_name`",
        )
    elif why is not None:
        message = f"a class cannot be called `{cls}`: that is {why}"
        yield error("E205", message, loaded.span(("class_name",)))


def _stage(loaded: LoadedSpec, index: int, stage: Stage, channels: int) -> Iterator[Diagnostic]:
    path, number = ("stages", index), index + 1
    if stage.modules and stage.depth is None:
        yield error(
            "E212",
            f"stage {number} has attention modules, but no `depth` for their masks",
            loaded.span((*path, "modules"), "key"),
            help="`depth`: how often the mask halves the resolution, for example `depth = 2`",
        )
    if stage.before:
        return
    if not stage.modules and not stage.after:
        yield error(
            "E213",
            f"stage {number} has neither units nor attention modules",
            loaded.span((*path, "before")),
            help="leave `before = 0` out, or the whole stage",
        )
    elif stage.channels != channels or stage.stride != 1:
        wider = stage.channels != channels
        change = (
            f"{channels} channels to {stage.channels}" if wider else "one resolution to another"
        )
        yield error(
            "E214",
            f"stage {number} goes from {change}, but has no unit to do so",
            loaded.span((*path, "channels" if wider else "stride")),
            notes=("only a unit before the attention modules can change the shape",),
            help="give the stage `before = 1`",
        )


def _pools(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    spec = loaded.spec
    pools: list[tuple[SpecPath, Pool]] = [
        (("stages", i, "attention", "mask", "pool"), stage.attention.mask.pool)
        for i, stage in enumerate(spec.stages)
    ]
    if spec.stem.type == "conv_pool":
        pools.append((("stem", "pool"), spec.stem.pool))
    # What every stage has from the network's `attention` is wrong once.
    found: dict[Diagnostic, None] = {}
    for path, pool in pools:
        half = pool.kernel // 2
        if pool.padding > half:
            message = f"`padding` must be at most half the kernel, {half}, not {pool.padding}"
            found[error("E204", message, loaded.span((*path, "padding")))] = None
    yield from found
