"""Every unit keeps its contract: (C_in, H, W) to (channels, ceil(H / stride), ceil(W / stride))."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.blocks import UNIT, UnitConfig
from archcompiler.builder import BlockBuilder, NormDetails
from archcompiler.ir import Block, Graph, SpecPath, TensorType
from archcompiler.ops import ShapeError
from archcompiler.passes.finding import Finding
from archcompiler.units import unit_type

_NEAR = 512
"""How far from the channels of a unit that does not fit others are tried."""


def check_units(graph: Graph) -> Iterator[Finding]:
    """Options that do not fit the channels (E305, E307), shapes that break the contract (E308)."""
    reported = set()
    for path, block in graph.blocks():
        if block.kind == UNIT and block.origin not in reported:
            finding = _check_unit(path, block)
            if finding is not None:
                reported.add(block.origin)
                yield finding


def _check_unit(path: str, block: Block) -> Finding | None:
    config = block.config
    assert isinstance(config, UnitConfig)
    mistake = _mistake(block)
    if mistake is not None:
        code, message, option = mistake
        origins = _origins(block, option)
        return Finding(code, message, origins, path, help=_fitting_channels(config, block.input))
    x, stride = block.input, config.stride
    promised = TensorType(config.channels, *(-(-side // stride) for side in x.size))
    if x.empty or block.output_type in (promised, promised.exhausted):
        return None
    return Finding(
        "E308",
        f"unit type `{config.unit.type}` gives {block.output_type} for {x} "
        f"at stride {stride}, not {promised}",
        (block.origin,),
        path,
        fatal=True,
    )


def _mistake(block: Block) -> tuple[str, str, str | None] | None:
    """Code, message and option of why a unit cannot have its channels; None if it can."""
    if block.problems:
        problem = block.problems[0]
        return "E307", problem.message, problem.option
    for step in block.steps:
        if isinstance(step.body, Block):
            continue
        try:
            step.body.shape(tuple(block.type_of(name) for name in step.inputs))
        except ShapeError as error:
            if error.code == "E305":
                return "E305", error.message, "groups"
    return None


def _origins(block: Block, option: str | None) -> tuple[SpecPath, ...]:
    """The option if somebody wrote it, else the channels of the stage that it does not fit."""
    written = ((*block.origin, option),) if option is not None else ()
    return (*written, (*block.origin[:2], "channels"))


def _fitting_channels(config: UnitConfig, input: TensorType) -> str | None:
    """The nearest channels below and above at which the unit can be built."""

    def fits(channels: int) -> bool:
        builder = BlockBuilder(UNIT, config, input, norm=NormDetails())
        unit = unit_type(config.unit.type)
        return _mistake(builder.build(unit.lower(builder, config.unit, channels, 1))) is None

    channels = config.channels
    below = next((c for c in range(channels - 1, max(0, channels - _NEAR), -1) if fits(c)), None)
    above = next((c for c in range(channels + 1, channels + _NEAR) if fits(c)), None)
    near = [f"{c}" for c in (below, above) if c is not None]
    return f"the nearest channels that fit: {' and '.join(near)}" if near else None
