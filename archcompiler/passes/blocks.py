"""Blocks are what their use promises: units, masks and heads have contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archcompiler.config.path import SpecPath
from archcompiler.ir import Block, Graph, Problem, TensorType
from archcompiler.ir.kinds import HEAD, MASK, UNIT
from archcompiler.language.use import Use
from archcompiler.passes.blame import options, stage_channels, step_origins
from archcompiler.passes.finding import Finding
from archcompiler.passes.fitting import Fitting, uneven
from archcompiler.passes.shapes import check_step


def check_blocks(graph: Graph) -> Iterator[Finding]:
    """Options that do not fit (E305, E307, E212, E220), shapes that break the contract (E308)."""
    reported, fitting = set(), Fitting()
    blocks = dict(graph.blocks())
    for path, block in blocks.items():
        finding = _check_block(path, block, stage_channels(path, blocks), fitting)
        if finding is not None and finding.code == "E308":
            finding = _cause(path, block, blocks, fitting) or finding
        if finding is not None and (finding.code, finding.origins) not in reported:
            reported.add((finding.code, finding.origins))
            yield finding


def _check_block(
    path: str, block: Block, channels: tuple[SpecPath, ...], fitting: Fitting
) -> Finding | None:
    if block.problems:
        return _problem(path, block, block.problems[0], channels, fitting)
    groups = uneven(block)
    if groups is not None:
        name, message = groups
        origins = (
            *options(block, name, "groups"),
            *channels,
            *step_origins(block, name, "groups"),
        )
        return Finding("E305", message, origins, path, help=fitting.near(block))
    if not isinstance(block.use, Use) or block.input.empty or block.output_type.empty:
        return None
    promised = _promised(block, block.use)
    if promised is not None:
        return Finding("E308", promised, (block.origin,), path, fatal=True)
    return None


def _cause(
    path: str, block: Block, blocks: Mapping[str, Block], fitting: Fitting
) -> Finding | None:
    """What inside of a block cannot be, so that it breaks its contract."""
    waiting, seen = [(path, block)], {id(block)}
    while waiting:
        where, inner = waiting.pop()
        if inner.problems:
            channels = stage_channels(where, blocks)
            found = _problem(where, inner, inner.problems[0], channels, fitting)
            return found._replace(fatal=True)
        for step in inner.steps:
            finding = check_step(where, inner, step, blocks)
            if finding is not None and finding.code != "E305":
                return finding._replace(fatal=True)
            if isinstance(step.body, Block) and id(step.body) not in seen:
                seen.add(id(step.body))
                waiting.append((f"{where}/{step.name}", step.body))
    return None


def _problem(
    path: str, block: Block, problem: Problem, channels: tuple[SpecPath, ...], fitting: Fitting
) -> Finding:
    """Why a block cannot be built."""
    origins = problem.origins or (block.origin,)
    if problem.code == "E212" and origins[0][:1] == ("stages",) and "`depth`" in problem.message:
        stage = origins[0][1]
        assert isinstance(stage, int)
        return Finding(
            "E212",
            f"stage {stage + 1} has attention modules, but no `depth` for their masks",
            (("stages", stage, "modules"),),
            "",
            help="`depth`: how often the mask halves the resolution, for example `depth = 2`",
            part="key",
            fatal=True,
        )
    help = problem.help
    if problem.code in ("E204", "E307"):
        if problem.code == "E307":
            help = help or fitting.near(block)
        # The channels of the stage rather than the unit as a whole.
        nearest = [origin for origin in origins if origin != block.origin]
        origins = (*nearest, *channels, *origins)
    return Finding(
        problem.code,
        problem.message,
        origins,
        path,
        help=help,
        columns=problem.columns,
        fatal=problem.code != "E307",
    )


def _promised(block: Block, use: Use) -> str | None:
    """How a block breaks the contract of its use; None if it keeps it."""
    x, y, name = block.input, block.output_type, use.definition.name
    if block.kind == UNIT:
        wanted = TensorType(use.c, *(-(-side // use.stride) for side in x.size))
        sides = zip(y.size, x.size, wanted.size, strict=True)
        if y.channels != use.c or any(b not in (a // use.stride, up) for b, a, up in sides):
            return f"unit `{name}` gives {y} for {x} at stride {use.stride}, not {wanted}"
    if block.kind == MASK:
        pairs = zip((y.channels, *y.size), (x.channels, *x.size), strict=True)
        if any(a not in (1, b) for a, b in pairs):
            return f"mask `{name}` gives {y}, which does not spread over {x}"
    if block.kind == HEAD and (y.channels != use.classes or y.pixels != 1):
        return f"head `{name}` gives {y}, not one number for each of {use.classes} classes"
    return None
