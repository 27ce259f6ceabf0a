"""A spec with every default that can be said: what `show` prints, and what a spec's hash is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcompiler.language.definition import NONE, Definition
from archcompiler.language.expression import Expression
from archcompiler.language.library import Home, Library
from archcompiler.language.naming import MEANT, slot_place
from archcompiler.language.use import Reference, reference
from archcompiler.ops.registry import find_operator
from archcompiler.spec.model import Reference as Written
from archcompiler.spec.model import Spec
from archcompiler.spec.references import NORMS

Table = dict[str, Any]


def resolved(spec: Spec, library: Library) -> Table:
    """The values of a spec, plain, with the defaults of what it names.

    Left out is what nobody set and is computed, or comes from the surroundings.
    """
    values = spec.model_dump(mode="json", exclude_none=True)
    values["stem"] |= _block(library, spec.stem, "stems", {"unit", "channels", "stride"})
    values["head"] |= _block(library, spec.head, "heads", {"unit"})
    values["unit"] |= _block(library, spec.unit, "blocks", set())
    values["attention"] |= _block(library, spec.attention, "modules", {"trunk", "depth"})
    values["activation"] |= _operator(spec.activation.type, spec.activation.table())
    values["norm"] |= _operator(NORMS.get(spec.norm.type, spec.norm.type), spec.norm.table())
    for stage, table in zip(spec.stages, values["stages"], strict=True):
        if stage.unit is not None:
            table["unit"] |= _block(library, stage.unit, "blocks", set())
        table["attention"] |= _block(library, stage.attention, "modules", {"trunk", "depth"})
    return values


def _block(library: Library, written: Written, home: Home, offered: set[str]) -> Table:
    definition = None if written.type == NONE else library.find(written.type, home)
    if definition is None:
        return {"type": written.type}
    return {"type": written.type} | _options(
        library, definition, written.model_extra or {}, offered
    )


def _options(
    library: Library, definition: Definition, given: Mapping[str, Any], offered: set[str]
) -> Table:
    found: Table = {}
    for name, option in definition.options.items():
        if option.type == "slot":
            if name in given or (name not in offered and option.default is not None):
                inner = slot_place(definition, option).offered
                named = reference(given.get(name), (), option.default)
                found[name] = _named(library, named, set(inner or ()))
        elif name in given:
            found[name] = given[name]
        elif name not in offered and not isinstance(option.default, Expression | None):
            found[name] = option.default
    return found


def _named(library: Library, named: Reference, offered: set[str]) -> Table:
    """What is in a slot."""
    if library.operator(named.type) is not None:
        return _operator(named.type, {"type": named.type, **named.options}, offered)
    definition = library.find(named.type)
    if definition is None:
        return {"type": named.type}
    return {"type": named.type} | _options(library, definition, named.options, offered)


def _operator(name: str, given: Mapping[str, Any], offered: set[str] | None = None) -> Table:
    operator = find_operator(name)
    found: Table = {"type": given["type"]}
    for key, argument in operator.arguments.items() if operator is not None else ():
        if key in given:
            found[key] = given[key]
        elif not (argument.required or argument.default is None or key in (offered or ())):
            found[key] = argument.default
    return found


def used(spec: Spec, library: Library) -> Iterator[tuple[Home, str]]:
    """Every block that a network may be made of, once, each with what it is looked up as.

    Conditions are not evaluated: a block that is called only where one holds is used.
    """
    unit = _plain(spec.unit)
    walk = _Walk(library)
    walk.block("blocks", unit, {})
    for stage in spec.stages:
        own = unit if stage.unit is None else _plain(stage.unit)
        walk.block("blocks", own, {})
        if stage.modules:
            walk.block("modules", _plain(stage.attention), {"trunk": own})
    walk.block("stems", _plain(spec.stem), {"unit": unit})
    walk.block("heads", _plain(spec.head), {"unit": unit})
    walk.block("blocks", _plain(spec.activation), {})
    yield from dict.fromkeys((home, name) for home, name, _ in walk.seen)


def _plain(written: Written) -> Reference:
    return Reference(written.type, written.model_extra or {})


class _Walk:
    """What is reached from a reference, with slots filled as they will be."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.seen: dict[tuple[Home, str, tuple[tuple[str, Reference], ...]], None] = {}

    def block(self, home: Home, named: Reference, offered: Mapping[str, Reference]) -> None:
        if named.type == NONE or (home == "blocks" and self._is_operator(named.type)):
            return
        definition = self.library.find(named.type, home)
        if definition is None:
            return
        slots = _slots(definition, named, offered)
        key = (home, named.type, tuple(sorted(slots.items(), key=lambda item: item[0])))
        if key in self.seen:
            return
        self.seen[key] = None
        for rule in definition.steps:
            called = slots.get(rule.op, Reference(rule.op))
            handed = {
                name: slots.get(value) or reference(value)
                if isinstance(value, str)
                else reference(value)
                for name, value in rule.arguments.items()
                if (isinstance(value, str) and value.isidentifier())
                or (isinstance(value, Mapping) and "type" in value)
            }
            self.block("blocks", called, handed)

    def _is_operator(self, name: str) -> bool:
        return name in MEANT or self.library.operator(name) is not None


def _slots(
    definition: Definition, named: Reference, offered: Mapping[str, Reference]
) -> dict[str, Reference]:
    found = {}
    for name in definition.slots:
        default = definition.options[name].default
        given = named.options.get(name)
        usual = offered.get(name)
        if given is not None:
            base: Any = {"type": usual.type, **usual.options} if usual is not None else default
            found[name] = reference(given, (), base)
        elif usual is not None:
            found[name] = usual
        elif default is not None:
            found[name] = reference(default)
    return found
