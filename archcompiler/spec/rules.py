"""What a valid spec must keep to beyond the types of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.language.definition import NONE
from archcompiler.spec.names import class_name, taken, taken_file

if TYPE_CHECKING:
    from archcompiler.spec.loaded import LoadedSpec
    from archcompiler.spec.model import Stage


def broken_rules(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Every broken rule of a spec."""
    yield from _names(loaded)
    channels = _stem_channels(loaded)
    for index, stage in enumerate(loaded.spec.stages):
        yield from _stage(loaded, index, stage, channels)
        channels = stage.channels


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


def _stage(
    loaded: LoadedSpec, index: int, stage: Stage, channels: int | None
) -> Iterator[Diagnostic]:
    path, number = ("stages", index), index + 1
    if stage.before:
        return
    if not stage.modules and not stage.after:
        yield error(
            "E213",
            f"stage {number} has neither units nor attention modules",
            loaded.span((*path, "before")),
            help="leave `before = 0` out, or the whole stage",
        )
    elif channels is not None and (stage.channels != channels or stage.stride != 1):
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


def _stem_channels(loaded: LoadedSpec) -> int | None:
    """Channels that the stem gives; None if that cannot be told."""
    stem = loaded.spec.stem
    if stem.channels is not None:
        return stem.channels
    if stem.type == NONE:
        return loaded.spec.input[0]
    try:
        definition = loaded.library.find(stem.type, "stems")
    except CompileError:
        return None
    return None if definition is None else definition.channels
