"""Lowering of a whole network: stem, stages, head."""

from __future__ import annotations

from archcompiler.blocks import (
    HEAD,
    NETWORK,
    STAGE,
    STEM,
    AttentionConfig,
    HeadConfig,
    MaskConfig,
    StageConfig,
    StemConfig,
)
from archcompiler.builder import NormDetails
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Block, Graph, TensorType
from archcompiler.lower.attention import lower_attention
from archcompiler.lower.context import Context, TooManyOperators
from archcompiler.ops import Dropout, GlobalAvgPool, Interpolate, Linear, MaxPool
from archcompiler.spec.loader import LoadedSpec
from archcompiler.spec.model import Pool, Spec, Stage
from archcompiler.units import UnitSpec, unit_type

MAX_OPERATORS = 5_000_000
"""More operators than this are refused before they are made."""
MANY = 10_000
"""From so many steps on, a network is counted before it is made."""


def lower(
    loaded: LoadedSpec, size: tuple[int, ...] | None = None, max_operators: int = MAX_OPERATORS
) -> Graph:
    """The graph of a spec at its own input size, or at another.

    Raises CompileError E310 if the network has more than `max_operators` operators.
    """
    spec = loaded.spec
    norm = NormDetails(spec.norm.eps, spec.norm.momentum)
    channels, *own = spec.input
    input = TensorType(channels, *(size or own))
    try:
        if sum(map(_repetitions, spec.stages)) > MANY:
            _lower_network(Context(norm, max_operators, longest_run=2), spec, input)
        root = _lower_network(Context(norm, max_operators), spec, input)
        if root.operator_count > max_operators:
            raise TooManyOperators(root.operator_count, ("stages",))
    except TooManyOperators as too_many:
        raise CompileError(
            error(
                "E310",
                "the network is too large",
                loaded.span(too_many.origin),
                notes=(
                    f"up to here it has {too_many.wanted:,} operators; "
                    f"the bound is {max_operators:,}",
                ),
            )
        ) from None
    return Graph(spec.name, root)


def _repetitions(stage: Stage) -> int:
    """Steps that the numbers of a stage ask for."""
    attention, mask = stage.attention, stage.attention.mask
    units = attention.p + attention.t + attention.r * (stage.depth or 1) + (mask.units or 0)
    return stage.before + stage.after + stage.modules + (units if stage.modules else 0)


def _lower_network(context: Context, spec: Spec, input: TensorType) -> Block:
    block = context.block(NETWORK, spec, input, ())
    x = block.add("stem", _lower_stem(context, spec, input), block.x)
    for index, stage in enumerate(spec.stages):
        config = stage_config(spec, stage, x.type.channels)
        x = block.add(f"stage{index + 1}", _lower_stage(context, config, x.type, index), x)
    return block.build(block.add("head", _lower_head(context, spec, x.type), x))


def _lower_stem(context: Context, spec: Spec, input: TensorType) -> Block:
    stem = spec.stem
    norm = stem.type == "conv_pool"
    if stem.type == "conv":
        first = _unit_order(spec, spec.stages[0])[0]
        norm = not unit_type(first.type).preactivation if stem.norm is None else stem.norm
    block = context.block(STEM, StemConfig(stem, norm), input, ("stem",))
    y = block.conv("conv", block.x, stem.channels, stem.kernel, stride=stem.stride)
    if norm:
        y = block.relu("relu", block.norm("norm", y))
    if stem.type == "conv_pool":
        y = block.add("pool", _max_pool(stem.pool), y, origin=("stem", "pool"))
    return block.build(y)


def stage_config(spec: Spec, stage: Stage, in_channels: int) -> StageConfig:
    """The stage with every default of the network filled in."""
    return StageConfig(
        in_channels=in_channels,
        channels=stage.channels,
        stride=stage.stride,
        before=stage.before,
        modules=stage.modules,
        after=stage.after,
        unit=stage.unit or spec.unit,
        attention=_attention_config(spec, stage) if stage.modules else None,
    )


def _attention_config(spec: Spec, stage: Stage) -> AttentionConfig:
    attention, mask = stage.attention, stage.attention.mask
    trunk = attention.trunk or stage.unit or spec.unit
    unit = mask.unit or trunk
    depth = stage.depth or 1
    resampled = 2 * attention.r * depth + depth - 1
    return AttentionConfig(
        channels=stage.channels,
        p=attention.p,
        t=attention.t,
        trunk=trunk,
        learning=attention.learning,
        mask=MaskConfig(
            channels=stage.channels,
            depth=depth,
            r=attention.r,
            units=(mask.units or resampled) if mask.structure == "local" else 0,
            unit=unit,
            structure=mask.structure,
            activation=mask.activation,
            norm=unit_type(unit.type).preactivation if mask.norm is None else mask.norm,
            pool=_max_pool(mask.pool),
            interpolation=Interpolate(
                mask.interpolation.mode,
                mask.interpolation.align_corners and mask.interpolation.mode == "bilinear",
            ),
        ),
    )


def _lower_stage(context: Context, config: StageConfig, input: TensorType, index: int) -> Block:
    origin = ("stages", index)
    block = context.block(STAGE, config, input, origin)

    def units(name: str, count: int, x: TensorType, stride: int) -> Block:
        return context.units(
            config.unit,
            x,
            config.channels,
            count,
            stride=stride,
            origin=(*origin, "unit"),
            count_origin=(*origin, name),
        )

    y = block.add("before", units("before", config.before, input, config.stride), block.x)
    if config.attention is not None:
        attention = lower_attention(context, config.attention, y.type, origin)
        y = context.repeat(block, "attention", config.modules, attention, y, (*origin, "modules"))
    if config.after:
        y = block.add("after", units("after", config.after, y.type, 1), y)
    return block.build(y)


def _lower_head(context: Context, spec: Spec, input: TensorType) -> Block:
    last = _unit_order(spec, spec.stages[-1])[-1]
    norm = unit_type(last.type).preactivation if spec.head.norm is None else spec.head.norm
    config = HeadConfig(spec.head, input.channels, spec.classes, norm)
    block = context.block(HEAD, config, input, ("head",))
    y = block.x
    if norm:
        y = block.relu("relu", block.norm("norm", y))
    y = block.add("pool", GlobalAvgPool(), y)
    if spec.head.dropout:
        y = block.add("dropout", Dropout(spec.head.dropout), y)
    linear = Linear(y.type.channels, spec.classes, spec.head.bias)
    return block.build(block.add("classifier", linear, y))


def _unit_order(spec: Spec, stage: Stage) -> list[UnitSpec]:
    """Unit types of a stage's trunk in the order of the forward pass."""
    unit = stage.unit or spec.unit
    order = [unit] if stage.before else []
    if stage.modules:
        order.append(stage.attention.trunk or unit)
    if stage.after:
        order.append(unit)
    return order or [unit]


def _max_pool(pool: Pool) -> MaxPool:
    return MaxPool(pool.kernel, pool.stride, pool.padding, pool.ceil)
