"""A module as torch.fx sees it, with shapes, and the line of its file that each call stands on."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from archcompiler.backends.reading import UnknownOperation, said_by
from archcompiler.ir import TensorType

LINE: Final = "line"
"""The `meta` of a node that has its `Line`."""
VALUE: Final = "value"
"""The `meta` of a node that is a number or several, and no tensor: what it comes to."""
_PASSED: Final = tuple(str(Path(module.__file__ or "").parent) for module in (torch, fx))
"""Folders of frames that are never whom a call is by."""


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
    is. Raises UnknownOperation for a module that
    cannot be traced or cannot run.
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
            _Shapes(graph_module).propagate(*images)
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        # A module may be anybody's, and fail in any way.
        exc: BaseException = raised
        while exc.__cause__ is not None:
            exc = exc.__cause__  # which torch.fx says less clearly
        raise UnknownOperation(f"cannot be traced: {said_by(exc)}") from raised
    return graph_module


class _Shapes(ShapeProp):
    """Notes the shapes of tensors, and the numbers that are read of them."""

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op != "output" and isinstance(result, int | float | torch.Size):
            n.meta[VALUE] = result
        return result


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
