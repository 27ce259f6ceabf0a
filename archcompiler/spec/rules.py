"""What a valid spec must keep to beyond the types of its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.language.definition import NONE, Definition
from archcompiler.language.library import Home
from archcompiler.spec.names import class_name, taken, taken_file
from archcompiler.spec.resolved import used

if TYPE_CHECKING:
    from archcompiler.spec.loaded import LoadedSpec


def broken_rules(loaded: LoadedSpec, sound: bool) -> Iterator[Diagnostic]:
    """Every broken rule of a spec; those about its blocks only if these are `sound`."""
    yield from rules_of_all(loaded, sound)
    channels = stem_channels(loaded)
    for index, stage in enumerate(loaded.spec.stages):
        yield from rules_of_stage(loaded, index, channels)
        channels = stage.channels


def rules_of_all(loaded: LoadedSpec, sound: bool) -> Iterator[Diagnostic]:
    """Those that are not about one stage after another."""
    found = list(used(loaded.spec, loaded.library)) if sound else []
    yield from _outside(loaded, found)
    yield from broken_names(loaded, [loaded.library.find(name, home) for home, name in found])
    yield from _outputs(loaded)
    yield from _expectations(loaded)


def _expectations(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Quantities that are no comparisons, and sizes that are none."""
    expect, dims = loaded.spec.expect, len(loaded.spec.input) - 1
    if expect is None:
        return
    from archcompiler.spec.bounds import EXAMPLE, QUANTITIES, sides_of, wrong_bounds

    for key in QUANTITIES:
        value = getattr(expect, key)
        message = None if value is None else wrong_bounds(key, value)
        if message is not None:
            yield error("E204", message, loaded.span(("expect", key)), help=EXAMPLE)
    for index, size in enumerate(expect.valid or ()):
        sides = sides_of(size, dims)
        if sides is None or not all(0 < side <= 1_000_000 for side in sides):
            span = loaded.span(("expect", "valid", index))
            wanted = "a side" if dims == 1 else f"a side for all, or {dims} sides"
            yield error("E204", f"an entry of `valid` must be {wanted}, in pixels", span)


def _outputs(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Several outputs share the logits among them."""
    spec, outputs = loaded.spec, loaded.spec.head.outputs
    if outputs is None:
        return
    if spec.head.type == NONE:
        message = "without a head there are no logits to share among outputs"
        yield error("E204", message, loaded.span(("head", "outputs"), "key"))
    elif (total := sum(outputs.values())) != spec.classes:
        yield error(
            "E204",
            f"`outputs` have {total:,} logits in all, but `classes` is {spec.classes:,}",
            loaded.span(("head", "outputs"), "key"),
            help=f"write `classes = {total}`",
        )


def _outside(loaded: LoadedSpec, found: list[tuple[Home, str]]) -> Iterator[Diagnostic]:
    """What is wrong with a block of an outside package that the spec uses."""
    library = loaded.library
    for home, name in found:
        table = library.table(name, home) if library.is_outside(name, home) else None
        if table is not None:
            from archcompiler.language.checking import check_block

            for problem in check_block(name, table, library, Wording("the block")):
                yield library.broken(name, home, problem)
                break


def broken_names(loaded: LoadedSpec, blocks: list[Definition | None]) -> Iterator[Diagnostic]:
    """What is wrong (E205) with the names that a network of these blocks would give."""
    name, cls = loaded.spec.name, class_name(loaded.spec)
    used_blocks = [block for block in blocks if block is not None]
    yield from _block_classes(loaded, used_blocks)
    why = taken(name) or taken_file(name)
    if why is not None:
        message = f"a network cannot be called `{name}`: that is {why}"
        yield error("E205", message, loaded.span(("name",)))
        return
    # The configuration of a network is a class too.
    why = taken(cls, used_blocks) or taken(f"{cls}Config", used_blocks)
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


def _block_classes(loaded: LoadedSpec, blocks: list[Definition]) -> Iterator[Diagnostic]:
    """Classes of the spec's own blocks whose names are taken."""
    classes = {block.class_name: block for block in blocks if block.origin is None}
    # A block may be used as several things, as a unit and as a head.
    for block in {block.origin: block for block in blocks if block.origin is not None}.values():
        assert block.origin is not None
        cls = block.class_name
        why = taken(cls)
        if why is None and cls in classes:
            why = f"the class of block `{classes[cls].name}`"
        classes.setdefault(cls, block)
        if why is None:
            continue
        written = loaded.written((*block.origin, "class_name"))
        span = written or loaded.span(block.origin, "key")
        help = None if written else "give the class a name of its own with `class_name`"
        yield error("E205", f"a class cannot be called `{cls}`: that is {why}", span, help=help)


def rules_of_stage(
    loaded: LoadedSpec, index: int, channels: int | None, number: int | None = None
) -> Iterator[Diagnostic]:
    """Those about a stage that gets so many channels; None where that cannot be told.

    Messages call it by its `number`, by default the one that it has in the spec.
    """
    stage, path, number = loaded.spec.stages[index], ("stages", index), number or index + 1
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


def forgotten_modules(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Warn (W302) of stages that say how deep masks are, and not how many modules have them."""
    stages = loaded.values.child("stages")
    for index in range(len(loaded.spec.stages)):
        stage = None if stages is None else stages.child(index)
        if stage is None or stage.child("depth") is None or stage.child("modules") is not None:
            continue
        yield warning(
            "W302",
            f"stage {index + 1} has no attention modules, so that its `depth` means nothing",
            loaded.span(("stages", index, "depth"), "key"),
            help="write `modules = 1`, `modules = 0` if none is meant, or no `depth`",
        )


def stem_channels(loaded: LoadedSpec) -> int | None:
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
