"""Blocks are what their use promises: units, masks and heads have contracts."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.config.path import SpecPath
from archcompiler.ir import Block, Graph, TensorType
from archcompiler.ir.kinds import HEAD, MASK, UNIT
from archcompiler.language.use import Use
from archcompiler.lower.context import option_origins
from archcompiler.ops import ShapeError
from archcompiler.passes.finding import Finding


def check_blocks(graph: Graph) -> Iterator[Finding]:
    """Options that do not fit (E305, E307, E212, E220), shapes that break the contract (E308)."""
    reported = set()
    for path, block in graph.blocks():
        for finding in _check_block(path, block):
            if (finding.code, finding.origins) not in reported:
                reported.add((finding.code, finding.origins))
                yield finding


def _check_block(path: str, block: Block) -> Iterator[Finding]:
    if block.problems:
        problem = block.problems[0]
        origins = problem.origins or (block.origin,)
        yield Finding(
            problem.code,
            problem.message,
            origins,
            path,
            help=problem.help,
            columns=problem.columns,
            fatal=problem.code != "E307",
        )
        return
    groups = _groups(path, block)
    if groups is not None:
        yield groups
        return
    if not isinstance(block.use, Use) or block.input.empty or block.output_type.empty:
        return
    promised = _promised(block, block.use)
    if promised is not None:
        yield Finding("E308", promised, (block.origin,), path, fatal=True)


def _groups(path: str, block: Block) -> Finding | None:
    """A convolution whose groups do not divide its channels."""
    for step in block.steps:
        if isinstance(step.body, Block):
            continue
        try:
            step.body.shape(tuple(block.type_of(name) for name in step.inputs))
        except ShapeError as error:
            if error.code == "E305":
                return Finding("E305", error.message, _origins(block, step.name), path)
    return None


def _origins(block: Block, name: str) -> tuple[SpecPath, ...]:
    if not isinstance(block.use, Use):
        return (block.origin,)
    rule = next(rule for rule in block.use.definition.steps if rule.name == name)
    written = block.use.definition.place("steps", name, "groups")
    return (*option_origins(block.use, rule, "groups"), *((written,) if written else ()))


def _promised(block: Block, use: Use) -> str | None:
    """How a block breaks the contract of its use; None if it keeps it."""
    x, y, name = block.input, block.output_type, use.definition.name
    if block.kind == UNIT:
        size = tuple(-(-side // use.stride) for side in x.size)
        wanted = TensorType(use.c, *size)
        if y != wanted:
            return f"unit `{name}` gives {y} for {x} at stride {use.stride}, not {wanted}"
    if block.kind == MASK:
        pairs = zip((y.channels, *y.size), (x.channels, *x.size), strict=True)
        if any(a not in (1, b) for a, b in pairs):
            return f"mask `{name}` gives {y}, which does not spread over {x}"
    if block.kind == HEAD and (y.channels != use.classes or y.pixels != 1):
        return f"head `{name}` gives {y}, not one number for each of {use.classes} classes"
    return None
