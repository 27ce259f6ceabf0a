"""Primitive operators: hyper-parameters, shape rule, parameters and costs, each in one place."""

from archcompiler.ops.activation import Relu, Sigmoid
from archcompiler.ops.argument import REQUIRED, Argument
from archcompiler.ops.base import Number, Operator, ShapeError
from archcompiler.ops.conv import Conv
from archcompiler.ops.join import Add, Concat, Gate, Learning, Mul
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm, ChannelNorm, SpatialNorm
from archcompiler.ops.pool import MaxPool
from archcompiler.ops.regularise import Dropout
from archcompiler.ops.resize import Interpolate, InterpolationMode
from archcompiler.ops.sides import ArgumentError
from archcompiler.ops.whole_pool import GlobalAvgPool

__all__ = [
    "REQUIRED",
    "Add",
    "Argument",
    "ArgumentError",
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
    "Mul",
    "Number",
    "Operator",
    "Relu",
    "ShapeError",
    "Sigmoid",
    "SpatialNorm",
]
