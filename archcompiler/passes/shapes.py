"""Every operator accepts what it is given, and every stated shape is the computed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from archcompiler.ir import INPUT, Block, Graph, Step, fold
from archcompiler.language.use import Use
from archcompiler.ops import ShapeError
from archcompiler.passes.blame import countdown, enclosing, step_origins
from archcompiler.passes.finding import Finding


def check_shapes(graph: Graph) -> Iterator[Finding]:
    """Shape rules of all operators, joins included (E304), groups (E305), pooling (E306).

    Equal operators with equal mistakes of one origin are one cause and reported once. Only for a
    graph whose structure holds.
    """
    reported = set()
    blocks = dict(graph.blocks())
    for path, block in blocks.items():
        for step in block.steps:
            finding = check_step(path, block, step, blocks)
            if finding is None or finding.code == "E305":
                # What the options of a block do to its channels is told by the `blocks` pass.
                continue
            cause = (finding.code, finding.origins)
            if cause not in reported:
                reported.add(cause)
                yield finding


def check_positions(graph: Graph) -> Iterator[Finding]:
    """Nothing has weights for the channels of dot products, which are positions (E304): a layer is
    made with numbers of channels, and those would be of one size of input.
    """
    yield from fold(positions)(graph.root, False).mistakes


class Positions(NamedTuple):
    """What of a block has positions for channels, where its input has them or not."""

    output: bool
    mistakes: tuple[Finding, ...]
    """Each once, however often it is made."""


def positions(below: Callable[[Block, bool], Positions], block: Block, given: bool) -> Positions:
    """Which channels of `block` are positions: a rule for `fold`."""
    known = {INPUT: given}
    mistakes: dict[Finding, None] = {}
    for step in block.steps:
        body, inputs = step.body, [known[name] for name in step.inputs]
        if isinstance(body, Block):
            inner = below(body, inputs[0])
            known[step.name] = inner.output
            mistakes |= dict.fromkeys(inner.mistakes)
        elif body.kind == "attend":
            known[step.name] = inputs[-1]
        else:
            roles = zip(inputs, body.roles(len(inputs)), strict=False)
            read, weighted = any(x for x, role in roles if role != "size"), body.parameters > 0
            known[step.name] = body.kind == "dot" or (read and not weighted)
            if read and weighted:
                message = f"`{step.name}` has weights for channels, and gets dot products"
                origins = (step.origin or block.origin,)
                help = "their channels are positions: `attend` takes a sum weighted by them"
                mistakes[Finding("E304", message, origins, "", help=help)] = None
    return Positions(known[block.output], tuple(mistakes))


def check_step(path: str, block: Block, step: Step, blocks: Mapping[str, Block]) -> Finding | None:
    """What is wrong with the shapes of one step."""
    inputs = tuple(block.type_of(name) for name in step.inputs)
    scope = f"{path}/{step.name}" if path else step.name
    origins = (step.origin or block.origin,)
    if isinstance(step.body, Block):
        if inputs != (step.body.input,):
            message = f"expects {step.body.input}, but gets {', '.join(map(str, inputs))}"
            return Finding("E304", message, origins, scope)
        computed = step.body.output_type
    else:
        try:
            computed = step.body.shape(inputs)
        except ShapeError as error:
            if error.code == "E306":
                return _exhausted(path, block, step, error, blocks)
            return Finding(error.code, error.message, origins, scope, help=error.help)
    if computed != step.type:
        message = f"gives {computed}, where the graph says {step.type}"
        return Finding("E304", message, origins, scope)
    return None


def _exhausted(
    path: str, block: Block, step: Step, error: ShapeError, blocks: Mapping[str, Block]
) -> Finding:
    """A map without pixels; inside a block that calls itself, the number of times is the cause."""
    scope = f"{path}/{step.name}" if path else step.name
    origins = step_origins(block, step.name)
    use = block.use
    option = countdown(use.definition) if isinstance(use, Use) else None
    if option is None or not isinstance(use, Use):
        return Finding(error.code, error.message, origins, scope, help=error.help)
    outer, levels = block, 0
    while True:
        path = path.rpartition("/")[0]
        above = blocks.get(path)
        if above is None or not isinstance(above.use, Use):
            break
        if above.use.definition is not use.definition:
            break
        outer, levels = above, levels + 1
    first, last = outer.options.get(option), block.options.get(option)
    help = "this stage has too few pixels for a mask: a larger input, or less stride before it"
    if isinstance(first, int) and isinstance(last, int) and levels and first - last == levels:
        help = f"`{option} = {levels}` is the most that this stage has pixels for"
    origins = (*enclosing(block.origin, option), *origins)
    return Finding(error.code, error.message, origins, scope, help=help)
