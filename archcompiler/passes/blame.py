"""Which values of a spec a step of a block depends on, nearest first: what may be to blame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archcompiler.config.path import SpecPath
from archcompiler.ir import Block
from archcompiler.ir.kinds import STAGE
from archcompiler.language.definition import Definition, Rule
from archcompiler.language.use import Reference, Use
from archcompiler.lower.context import option_origins


def step_origins(block: Block, name: str, only: str | None = None) -> tuple[SpecPath, ...]:
    """Where what decides a step may be written: its slot, options that it reads, the step itself.

    With `only`, the options that this argument alone reads.
    """
    step, use = block.step(name), block.use
    if not isinstance(use, Use):
        return (step.origin or block.origin,)
    rule = next((rule for rule in use.definition.steps if rule.name == name), None)
    if rule is None:
        return (step.origin or block.origin,)
    return tuple(path for path in dict.fromkeys(_origins(use, rule, only)) if path)


def _origins(use: Use, rule: Rule, only: str | None) -> Iterator[SpecPath]:
    slot = use.given.get(rule.op) if rule.op in use.definition.slots else None
    if isinstance(slot, Reference):
        yield slot.origin
    written = use.definition.place("steps", rule.name)
    for path in option_origins(use, rule, only):
        if path != use.origin and path[-1] != "channels":
            yield path
    yield written
    yield use.origin


def options(block: Block, name: str, argument: str) -> tuple[SpecPath, ...]:
    """Options of a block that one argument of a step reads."""
    last = (
        {(*block.use.origin, option) for option in block.use.definition.options}
        if isinstance(block.use, Use)
        else set()
    )
    return tuple(path for path in step_origins(block, name, argument) if path in last)


def stage_channels(path: str, blocks: Mapping[str, Block]) -> tuple[SpecPath, ...]:
    """The channels of the stage that the block at a path is in; () outside of stages."""
    while path:
        block = blocks.get(path)
        if block is not None and block.kind == STAGE:
            return ((*block.origin, "channels"),)
        path = path.rpartition("/")[0]
    return ()


def countdown(definition: Definition) -> str | None:
    """The option that a block calls itself with a smaller value of, as a mask does with `depth`."""
    for rule in definition.steps:
        if rule.op == definition.name:
            for name, value in rule.arguments.items():
                option = definition.options.get(name)
                if option is not None and option.type == "int" and value != name:
                    return name
    return None


def enclosing(origin: SpecPath, option: str) -> tuple[SpecPath, ...]:
    """Where an option may be set: at a block, or at what it is a part of, out to the stage."""
    outermost = 2 if origin[:1] == ("stages",) else 1
    return tuple((*origin[:n], option) for n in range(len(origin), outermost - 1, -1))
