"""What a spec names: blocks and operators that there are, with options that they have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from archcompiler.config.located import Located
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import MOST, CompileError, Diagnostic, error
from archcompiler.language.definition import NONE
from archcompiler.language.library import Home, Library
from archcompiler.language.naming import MEANT, Naming, Place
from archcompiler.ops.registry import find_operator
from archcompiler.spec.model import MAX_STAGES
from archcompiler.spec.wording import NAMES

NORMS = {"batch": "batch_norm", "group": "group_norm", "layer": "layer_norm"}
"""What `norm.type` says, and the operator that it means."""

_SIZES = frozenset({"channels", "stride"})
_STEM = Place("stems", "stem", besides=_SIZES, offered=frozenset({"unit"}))
_HEAD = Place(
    "heads",
    "head",
    default="linear",
    besides=frozenset({"outputs"}),
    offered=frozenset({"unit"}),
)
_UNIT = Place(kind="unit")
_USUAL = Place(kind="unit", default="preact_bottleneck")
_ATTENTION = Place("modules", "attention", "attention", offered=frozenset({"trunk", "depth"}))
_NORM = Place(kind="norm", default="batch", words={**NORMS, NONE: NONE})
_ACTIVATION = Place(kind="activation")


def broken_references(values: Located, library: Library, wording: Wording) -> Iterator[Diagnostic]:
    """Unknown types (E211), unknown options (E201), options of the wrong type or size."""
    naming = Naming(library, wording)
    for key, place in (
        ("stem", _STEM),
        ("unit", _UNIT),
        ("attention", _ATTENTION),
        ("head", _HEAD),
        ("norm", _NORM),
        ("activation", _ACTIVATION),
    ):
        node = values.child(key)
        if node is not None:
            yield from naming.check(node, place)
    stages = values.child("stages")
    common = values.child("attention")
    every = stages.value if stages is not None and isinstance(stages.value, list) else []
    for stage in every[:MAX_STAGES]:
        unit, attention = stage.child("unit"), stage.child("attention")
        if unit is not None:
            yield from naming.check(unit, _UNIT)
        # A stage that changes nothing has the network's, which is checked already.
        if attention is not None and attention is not common:
            yield from naming.check(attention, _ATTENTION)


def broken_blocks(values: Located, library: Library, wording: Wording) -> Iterator[Diagnostic]:
    """Everything that is wrong with the blocks which a spec writes itself."""
    for name in library.own:
        node = values.child("blocks")
        written = node.child(name) if node is not None else None
        assert written is not None
        refused = _refused(name, library)
        if refused is not None:
            yield error(
                "E205", f"a block cannot be called `{name}`: {refused}", written.span("key")
            )
            continue
        # What is laid upon a block of the zoo may be meant for a stem or a head of one name.
        homes: tuple[Home, ...] = ("blocks",)
        if library.is_shipped(name):
            homes = library.homes(name)
        # One block may have thousands of mistakes, too: one more than are told says that there are.
        found = [list(islice(_broken(name, home, library, wording), MOST + 1)) for home in homes]
        yield from min(found, key=len)


def _broken(name: str, home: Home, library: Library, wording: Wording) -> Iterator[Diagnostic]:
    try:
        table = library.table(name, home)
    except CompileError as problem:
        yield from problem.diagnostics
        return
    assert table is not None
    from archcompiler.language.checking import check_block

    yield from check_block(name, table, library, wording, home, ("blocks", name))


def _refused(name: str, library: Library) -> str | None:
    """Why a block cannot have a name; None if it can."""
    from archcompiler.language.collecting import IDENTIFIER

    if not IDENTIFIER.fullmatch(name) or len(name) > 64:
        return NAMES
    if name in (*MEANT, NONE):
        return "that has a meaning of its own"
    if not library.is_shipped(name):
        try:
            if find_operator(name) is not None:
                return "that is an operator"
        except CompileError:
            return "that is an operator of an installed package"
    return None
