"""Primitive operators: hyper-parameters, shape rule, parameters and costs, each in one place."""

from archcompiler.ops.activation import Dropout, Relu, Sigmoid
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.conv import Conv
from archcompiler.ops.join import Add, Concat, Gate, Learning
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm, ChannelNorm, SpatialNorm
from archcompiler.ops.pool import GlobalAvgPool, MaxPool
from archcompiler.ops.resize import Interpolate, InterpolationMode

__all__ = [
    "Add",
    "BatchNorm",
    "ChannelNorm",
    "Concat",
    "Conv",
    "Dropout",
    "Gate",
    "GlobalAvgPool",
    "Interpolate",
    "InterpolationMode",
    "Learning",
    "Linear",
    "MaxPool",
    "Operator",
    "Relu",
    "ShapeError",
    "Sigmoid",
    "SpatialNorm",
]
