"""A module as torch.fx sees it, with shapes, and the line of its file that each call stands on."""

from __future__ import annotations

import inspect
import io
import operator
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from archcompiler.backends.reading import UnknownOperation, said_by
from archcompiler.ir import TensorType

LINE: Final = "line"
"""The `meta` of a node that has its `Line`."""
VALUE: Final = "value"
"""The `meta` of a node that is a number or several, and no tensor: what it comes to."""
_PASSED: Final = tuple(str(Path(module.__file__ or "").parent) for module in (torch, fx))
"""Folders of frames that are never whom a call is by."""


_IN_PLACE: Final[dict[Any, Callable[..., Any]]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ifloordiv: operator.floordiv,
}
"""By what an assignment calls: the operator that gives the same."""


class Line(NamedTuple):
    """A place in a file of whoever wrote the module."""

    file: str
    number: int


def traced(
    module: nn.Module,
    inputs: tuple[TensorType, ...],
    leaves: set[type],
    functions: tuple[Callable[..., Any], ...],
) -> fx.GraphModule:
    """The module as torch.fx sees it, with the shapes of all tensors.

    Calls of `leaves` and of `functions` are kept whole. What is such a graph already is taken as it
    is, but that a map which is changed in place is read as what it was changed to. Raises
    UnknownOperation for a module that cannot be traced or cannot run.
    """
    tracer = _Tracer(leaves, functions)
    weight = next(chain(module.parameters(), module.buffers()), None)
    device = None if weight is None else weight.device
    try:
        if isinstance(module, fx.GraphModule):
            graph_module = module
        else:
            fixed = _defaults(module, len(inputs))
            graph_module = fx.GraphModule(module, tracer.trace(module, fixed or None))
        images = (torch.empty(1, x.channels, *x.size, device=device) for x in inputs)
        with redirect_stderr(io.StringIO()):  # where ShapeProp would print a traceback
            run = _Run(graph_module)
            run.propagate(*images)
    except (KeyboardInterrupt, UnknownOperation):
        raise
    except BaseException as raised:
        # A module may be anybody's, and fail in any way.
        exc: BaseException = raised
        while exc.__cause__ is not None:
            exc = exc.__cause__  # which torch.fx says less clearly
        raise UnknownOperation(f"cannot be traced: {said_by(exc)}") from raised
    for reader, source, changed in run.stale:
        reader.replace_input_with(source, changed)
    for node in graph_module.graph.nodes:
        node.target = _IN_PLACE.get(node.target, node.target)
    return graph_module


class _Proxy(fx.Proxy):
    """Notes that `y += x` changes y, which another name stands for too.

    To torch.fx it is `y = y + x`.
    """


def _changing(function: Callable[..., Any]) -> Callable[[_Proxy, Any], fx.Proxy]:
    def called(self: _Proxy, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return called


for _changed in _IN_PLACE:
    setattr(_Proxy, f"__{_changed.__name__}__", _changing(_changed))


class _Change(NamedTuple):
    """The last operator that has changed a tensor in place."""

    by: fx.Node
    result: Tensor


class _Run(ShapeProp):
    """Notes the shapes of tensors, the numbers that are read of them, and what changes in place."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.stale: list[tuple[fx.Node, fx.Node, fx.Node]] = []
        """Who reads what after it has been changed, and by whom."""
        self._versions: dict[fx.Node, int] = {}
        """Of each tensor, as it was made."""
        self._changes: dict[int, _Change] = {}
        """By the storage."""

    def run_node(self, n: fx.Node) -> Any:
        read = {x: v for x in n.all_input_nodes if isinstance(v := self.env[x], Tensor)}
        for source, value in read.items():
            if value._version != self._versions[source]:
                self.stale.append((n, source, self._changed(n, source, value)))
        before = {source: value._version for source, value in read.items()}
        result = super().run_node(n)
        for source, value in read.items():
            if value._version != before[source]:
                self._changes[_storage(value)] = _Change(n, result)
        if isinstance(result, Tensor):
            self._versions[n] = result._version
        elif n.op != "output" and isinstance(result, int | float | torch.Size):
            n.meta[VALUE] = result
        return result

    def _changed(self, reader: fx.Node, source: fx.Node, value: Tensor) -> fx.Node:
        """What a tensor was changed to. Raises UnknownOperation where a part of it was changed."""
        change = self._changes[_storage(value)]
        if change.result is not value:
            what = f"`{reader.name}` reads `{source.name}`"
            raise UnknownOperation(
                f"{what}, of which `{change.by.name}` has changed a view in place"
            )
        return change.by


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _defaults(module: nn.Module, inputs: int) -> dict[str, Any]:
    """What a module takes beyond its inputs, as it takes it where nobody says it."""
    parameters = list(inspect.signature(module.forward).parameters.values())[inputs:]
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for parameter in named:
        if parameter.default is parameter.empty:
            raise TypeError(f"`{parameter.name}` is one input too many")
    return {parameter.name: parameter.default for parameter in named}


class _Tracer(fx.Tracer):
    """Keeps the helpers of emitted files whole, and notes lines."""

    def __init__(self, leaves: set[type], functions: tuple[Callable[..., Any], ...]) -> None:
        super().__init__(autowrap_functions=functions)
        self._leaves = leaves

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in self._leaves or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta[LINE] = _caller()
        return node


def _caller() -> Line | None:
    """The innermost call that is neither torch's nor ours."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith(_PASSED):
            return None if file.endswith(_OWN) else Line(file, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None


_OWN: Final = str(Path("backends", "torch", "trace.py"))
"""Where a trace is begun: beyond it, nobody has called."""
