"""Lowering of an attention module: trunk, mask and the gate that joins them (paper, section 3)."""

from __future__ import annotations

from archcompiler.blocks import ATTENTION, HOURGLASS, MASK, AttentionConfig, MaskConfig
from archcompiler.builder import BlockBuilder, Value
from archcompiler.config.path import SpecPath
from archcompiler.ir import Block, TensorType
from archcompiler.lower.context import Context
from archcompiler.ops import Add, ChannelNorm, Gate, Sigmoid, SpatialNorm


def lower_attention(
    context: Context, config: AttentionConfig, input: TensorType, stage: SpecPath
) -> Block:
    """First p units, then t trunk units beside the mask branch, the gate, and p units again."""
    origin = (*stage, "attention")
    block = context.block(ATTENTION, config, input, origin)

    def units(name: str, count: int, x: Value, count_key: str) -> Value:
        body = context.units(
            config.trunk,
            x.type,
            config.channels,
            count,
            origin=(*origin, "trunk"),
            count_origin=(*origin, count_key),
        )
        return block.add(name, body, x)

    x = units("pre", config.p, block.x, "p")
    trunk = units("trunk", config.t, x, "t")
    mask = block.add("mask", _lower_mask(context, config.mask, x.type, stage), x)
    y = block.add("gate", Gate(config.learning), trunk, mask, origin=(*origin, "learning"))
    return block.build(units("post", config.p, y, "p"))


def _lower_mask(context: Context, config: MaskConfig, input: TensorType, stage: SpecPath) -> Block:
    origin = (*stage, "attention", "mask")
    block = context.block(MASK, config, input, origin)
    if config.structure == "local":
        units = context.units(
            config.unit,
            input,
            config.channels,
            config.units,
            origin=(*origin, "unit"),
            count_origin=(*origin, "units"),
        )
        y = block.add("units", units, block.x)
    else:
        hourglass = _lower_hourglass(context, config, config.depth, input, stage)
        y = block.add("hourglass", hourglass, block.x)
    if config.norm:
        y = block.relu("relu1", block.norm("norm1", y))
    y = block.conv("conv1", y, config.channels, 1)
    y = block.relu("relu2", block.norm("norm2", y))
    y = block.conv("conv2", y, config.channels, 1)
    return block.build(_activate(block, config, y))


def _activate(block: BlockBuilder, config: MaskConfig, y: Value) -> Value:
    """The three mask activations of section 3.2, equations 4 to 6."""
    origin = (*block.origin, "activation")
    if config.activation == "channel":
        return block.add("channel_norm", ChannelNorm(), y, origin=origin)
    if config.activation == "spatial":
        y = block.add("spatial_norm", SpatialNorm(), y, origin=origin)
    return block.add("sigmoid", Sigmoid(), y, origin=origin)


def _lower_hourglass(
    context: Context, config: MaskConfig, depth: int, input: TensorType, stage: SpecPath
) -> Block:
    """One level of the mask: down, everything below it beside a skip unit, and up again.

    The lowest level has the units of its way down and of its way up, 2·r in a row.
    """
    origin = (*stage, "depth")
    mask = (*stage, "attention", "mask")
    block = context.block(HOURGLASS, config, input, origin)

    def units(name: str, count: int, x: Value) -> Value:
        body = context.units(
            config.unit,
            x.type,
            config.channels,
            count,
            origin=(*mask, "unit"),
            count_origin=(*stage, "attention", "r"),
        )
        return block.add(name, body, x)

    y = block.add("pool", config.pool, block.x)
    if depth == 1:
        y = units("down", 2 * config.r, y)
    else:
        y = units("down", config.r, y)
        unit = context.unit(config.unit, y.type, config.channels, 1, (*mask, "unit"))
        skip = block.add("skip", unit, y)
        inner = _lower_hourglass(context, config, depth - 1, y.type, stage)
        inner_value = block.add("inner", inner, y)
        y = block.add("add", Add(), inner_value, skip)
        y = units("up", config.r, y)
    target = block.x
    y = block.add("interpolate", config.interpolation, y, target, origin=(*mask, "interpolation"))
    return block.build(y)
