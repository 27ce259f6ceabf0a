"""Networks in ONNX, in the words that a trace of Python has."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, fx, nn

from archcompiler.backends.reading import UnknownOperation, damaged
from archcompiler.backends.torch.stored import NO_PARAMETERS
from archcompiler.foreign.onnx_node import Call, OnnxNode
from archcompiler.foreign.onnx_words import WORDS

_OF_SIZES: Final = frozenset(
    {"Cast", "Concat", "Gather", "Mul", "Reshape", "Slice", "Squeeze", "Unsqueeze"}
)
"""What may calculate sizes alone: those of maps are known from the file's own shapes."""
_DOMAINS: Final = ("", "ai.onnx")
"""Whose operators are those of ONNX."""
_OLDEST: Final = 11
"""Before it, operators of the same names had other inputs and options."""


def read_onnx(path: Path) -> nn.Module:
    """The network of a file, whose initialisers are buffers of their names.

    Raises UnknownOperation for a file that cannot be read and for an operator that is not known
    here, and ImportError without the package `onnx`.
    """
    import onnx

    with damaged("onnx says"):
        model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    if not model.graph.output:
        raise UnknownOperation("its graph has no output")
    opset = max(each.version for each in model.opset_import if each.domain in _DOMAINS)
    if opset < _OLDEST:
        raise UnknownOperation(f"it is of opset {opset}, and those from {_OLDEST} on are read")
    return Reader(model.graph, opset).module()


@dataclass
class Reader:
    """Writes a graph of ONNX as one of torch.fx."""

    graph: Any
    opset: int
    holder: nn.Module = field(default_factory=nn.Module)
    traced: fx.Graph = field(default_factory=fx.Graph)
    values: dict[str, fx.Node] = field(default_factory=dict)
    constants: dict[str, Tensor] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    """Tensors that are all elements of another in their order, and that other."""

    @cached_property
    def makers(self) -> dict[str, Any]:
        """The operators by what they give."""
        return {name: node for node in self.graph.node for name in node.output}

    def module(self) -> nn.Module:
        from onnx.numpy_helper import to_array

        for tensor in self.graph.initializer:
            with damaged(f"the tensor `{tensor.name}`"):
                self.constants[tensor.name] = torch.from_numpy(to_array(tensor).copy())
        for number, value in enumerate(self.graph.input):
            if value.name not in self.constants:
                self.values[value.name] = self.traced.placeholder(f"x{number}")
        for node in self.graph.node:
            with damaged(f"a {node.op_type} of ONNX"):
                self._read(node)
        self.traced.output(tuple(self.node(value.name) for value in self.graph.output))
        self.traced.eliminate_dead_code()
        module = fx.GraphModule(self.holder, self.traced)
        module.meta[NO_PARAMETERS] = True
        return module

    def _read(self, node: Any) -> None:
        from onnx.helper import get_attribute_value
        from onnx.numpy_helper import to_array

        if node.domain not in _DOMAINS:
            raise UnknownOperation(
                f"the operator {node.op_type} of {node.domain} is not known here"
            )
        options = {each.name: get_attribute_value(each) for each in node.attribute}
        kind, output = node.op_type, node.output[0]
        known = all(name in self.constants for name in node.input if name)
        of_sizes = all(name not in self.values for name in node.input)
        if kind == "Constant":
            (value,) = options.values()
            tensor = to_array(value).copy() if "value" in options else value
            self.constants[output] = torch.as_tensor(tensor)
        elif kind == "CastLike" and node.input[0] in self.constants:
            self.constants[output] = self.constants[node.input[0]]
        elif known and node.input:
            self.constants[output] = self._calculated(node)
        elif kind == "Shape" or (of_sizes and kind in _OF_SIZES):
            return
        elif kind == "Identity" or (kind == "Dropout" and not self._is_training(node)):
            self._same(output, node.input[0])
        elif kind == "Mul" and (one := self._factor_of_one(node.input)) is not None:
            self._same(output, next(name for name in node.input if name != one))
        elif kind not in WORDS:
            raise UnknownOperation(f"the operator {kind} of ONNX is not known here")
        else:
            self._call(WORDS[kind](OnnxNode(self, node.input, node.output, options)), node.output)

    def _call(self, call: Call, outputs: Sequence[str]) -> None:
        function, arguments, named = call
        if function is None:
            (self.values[outputs[0]],) = arguments
            return
        if isinstance(function, str):
            result = self.traced.call_method(function, arguments, named)
        else:
            result = self.traced.call_function(function, arguments, named)
        if function is not torch.split:
            self.values[outputs[0]] = result
            return
        for index, name in enumerate(outputs):
            self.values[name] = self.traced.call_function(operator.getitem, (result, index))

    def _factor_of_one(self, factors: Sequence[str]) -> str | None:
        for one, other in (factors, factors[::-1]):
            constant = self.constants.get(one)
            if constant is None or constant.flatten().tolist() != [1]:
                continue
            if constant.dim() < 2 or constant.dim() <= len(self.shape(other)):
                return one
        return None

    def _is_training(self, dropout: Any) -> bool:
        """Whether it may drop features: an input says so, which may be calculated."""
        mode = [name for name in dropout.input[2:] if name]
        return any(name not in self.constants or bool(self.constants[name]) for name in mode)

    def _calculated(self, node: Any) -> Tensor:
        """What an operator gives that reads constants alone."""
        from onnx.reference import ReferenceEvaluator

        feeds = {name: self.constants[name].numpy() for name in node.input if name}
        with damaged(f"a constant {node.op_type} of ONNX"):
            (value, *_) = ReferenceEvaluator(node).run(None, feeds)
        return torch.as_tensor(value)

    def initial(self, name: str) -> bool:
        """Whether a constant is one that the file has, and is not calculated."""
        return name in self._initial

    def _same(self, output: str, source: str) -> None:
        if source in self.constants:
            self.constants[output] = self.constants[source]
        else:
            self.values[output] = self.node(source)

    def node(self, name: str) -> fx.Node:
        """A map, or an initialiser as a buffer of the module."""
        if name not in self.values:
            if name not in self.constants:
                raise UnknownOperation(f"nothing gives `{name}`, or something not known here")
            self.values[name] = self._buffer(name, self.constants[name])
        return self.values[name]

    def row(self, name: str, rank: int) -> fx.Node:
        """A constant that maps of so many axes meet channel by channel, as a buffer of one axis.

        Others may have it with all of its own. Raises UnknownOperation for another constant.
        """
        constant = self.constants[name]
        if constant.numel() > 1 and constant.shape[1 - rank :] != (
            constant.numel(),
            *(1,) * (rank - 2),
        ):
            raise UnknownOperation(f"`{name}` has no number for each channel")
        if constant.dim() == 1:
            return self.node(name)
        return self._buffer(f"{name}_row", constant.flatten())

    def shape(self, name: str) -> tuple[int | None, ...]:
        """The shape of a tensor, with None for sides that the file does not say."""
        if name not in self._types:
            raise UnknownOperation(f"the file does not say the size of `{name}`")
        return tuple(side.dim_value or None for side in self._types[name].shape.dim)

    @cached_property
    def _types(self) -> dict[str, Any]:
        values = [*self.graph.value_info, *self.graph.output, *self.graph.input]
        return {value.name: value.type.tensor_type for value in values}

    @cached_property
    def _initial(self) -> frozenset[str]:
        return frozenset(tensor.name for tensor in self.graph.initializer)

    def _buffer(self, name: str, tensor: Tensor) -> fx.Node:
        *scopes, own = name.split(".")
        holder = self.holder
        for scope in scopes:
            if not hasattr(holder, scope):
                holder.add_module(scope, nn.Module())
            holder = getattr(holder, scope)
        holder.register_buffer(own, tensor)
        return self.traced.get_attr(name)
