"""Networks in ONNX, in the words that a trace of Python has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, fx, nn

from archcompiler.backends.reading import UnknownOperation, damaged
from archcompiler.foreign.onnx_words import WORDS

_SKIPPED: Final = frozenset({"Shape", "Slice", "Gather", "Unsqueeze", "Squeeze", "Cast"})
"""What calculates sizes alone: those of maps are known from the file's own shapes."""


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
    return Reader(model.graph).module()


@dataclass
class Reader:
    """Writes a graph of ONNX as one of torch.fx."""

    graph: Any
    holder: nn.Module = field(default_factory=nn.Module)
    traced: fx.Graph = field(default_factory=fx.Graph)
    values: dict[str, fx.Node] = field(default_factory=dict)
    constants: dict[str, Tensor] = field(default_factory=dict)

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
        return fx.GraphModule(self.holder, self.traced)

    def _read(self, node: Any) -> None:
        from onnx.helper import get_attribute_value
        from onnx.numpy_helper import to_array

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
        elif kind in _SKIPPED or (of_sizes and kind == "Concat"):
            return
        elif kind in ("Identity", "Dropout"):
            self._same(output, node.input[0])
        elif kind == "Mul" and (one := self._factor_of_one(node.input)) is not None:
            self._same(output, next(name for name in node.input if name != one))
        elif kind not in WORDS:
            raise UnknownOperation(f"the operator {kind} of ONNX is not known here")
        else:
            function, arguments, named = WORDS[kind](self, list(node.input), options, output)
            self.values[output] = self.traced.call_function(function, arguments, named)

    def _factor_of_one(self, factors: Sequence[str]) -> str | None:
        known = (name for name in factors if name in self.constants)
        return next((n for n in known if self.constants[n].flatten().tolist() == [1]), None)

    def _calculated(self, node: Any) -> Tensor:
        """What an operator gives that reads constants alone."""
        from onnx.reference import ReferenceEvaluator

        feeds = {name: self.constants[name].numpy() for name in node.input if name}
        with damaged(f"a constant {node.op_type} of ONNX"):
            (value, *_) = ReferenceEvaluator(node).run(None, feeds)
        return torch.as_tensor(value)

    def initial(self, name: str) -> bool:
        """Whether a constant is one that the file has, and is not calculated."""
        return any(tensor.name == name for tensor in self.graph.initializer)

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

    def numbers(self, name: str) -> list[float]:
        """What a constant says."""
        if name not in self.constants:
            raise UnknownOperation(f"`{name}` is calculated, and should be a constant")
        return [float(number) for number in self.constants[name].flatten()]

    def sides(self, name: str) -> tuple[int, ...]:
        """The sides of a map, which the file must say."""
        for value in [*self.graph.value_info, *self.graph.output]:
            if value.name == name:
                found = [side.dim_value for side in value.type.tensor_type.shape.dim][2:]
                if all(found):
                    return tuple(found)
        raise UnknownOperation(f"the file does not say the size of `{name}`")

    def _buffer(self, name: str, tensor: Tensor) -> fx.Node:
        *scopes, own = name.split(".")
        holder = self.holder
        for scope in scopes:
            if not hasattr(holder, scope):
                holder.add_module(scope, nn.Module())
            holder = getattr(holder, scope)
        holder.register_buffer(own, tensor)
        return self.traced.get_attr(name)
