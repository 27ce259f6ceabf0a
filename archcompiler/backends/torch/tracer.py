"""A module as torch.fx sees it, with shapes, and the line of its file that each call stands on."""

from __future__ import annotations

import inspect
import io
import operator
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import Attribute, TraceError

from archcompiler.backends.reading import UnknownOperation, said_by
from archcompiler.backends.torch.running import Ahead, InPlace, Run
from archcompiler.ir import TensorType

LINE: Final = "line"
"""The `meta` of a node that has its `Line`."""
LEARNS: Final = "learns"
"""The `meta` of a node that says whether gradients go through it."""
_PACKAGE: Final = str(Path(__file__).parents[2])
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


class Submodule(str):
    """The name of a submodule, which is not that of a method: `norm`, `expand`."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Submodule) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((Submodule, str(self)))


def traced(
    module: nn.Module,
    inputs: tuple[TensorType, ...],
    leaves: set[type],
    functions: tuple[Callable[..., Any], ...],
    fixed: Callable[[fx.Node], bool] | None = None,
) -> fx.GraphModule:
    """The module as torch.fx sees it, with the shapes of all tensors.

    Calls of `leaves` and of `functions` are kept whole. Python may calculate with numbers that are
    `fixed`, and decide by them: as they are at this size. What is such a graph already is taken as
    it is, but that a map which is changed in place is read as what it was changed to. Raises
    UnknownOperation for a module that cannot be traced or cannot run.
    """
    own_call = type(module).__call__ is not nn.Module.__call__
    if _is_changed(module) or (own_call and not isinstance(module, fx.GraphModule)):
        raise UnknownOperation("a hook, a `__call__` or another `forward` stands before its own")
    weight = next(chain(module.parameters(), module.buffers()), None)
    device = None if weight is None else weight.device
    images = [torch.empty(1, x.channels, *x.size, device=device) for x in inputs]
    tracer = _Tracer(leaves, functions, images, fixed)
    run: Run | None = None
    try:
        if isinstance(module, fx.GraphModule):
            graph_module = module
        else:
            options = _defaults(module, len(inputs))
            graph_module = fx.GraphModule(module, tracer.trace(module, options or None))
        with redirect_stderr(io.StringIO()):  # where ShapeProp would print a traceback
            run = Run(graph_module)
            run.propagate(*images)
    except (KeyboardInterrupt, UnknownOperation):
        raise
    except BaseException as raised:
        # A module may be anybody's, and fail in any way.
        exc: BaseException = raised
        while exc.__cause__ is not None:
            exc = exc.__cause__  # which torch.fx says less clearly
        line = _line(raised, run or tracer.ahead)
        where = "" if line is None else f" at {Path(line.file).name}:{line.number}"
        raise UnknownOperation(f"cannot be traced{where}: {said_by(exc)}") from raised
    for reader, source, changed in run.stale:
        reader.replace_input_with(source, changed)
    for node in graph_module.graph.nodes:
        if node.op == "call_module":
            node.target = Submodule(node.target)
        if isinstance(node.target, InPlace):
            node.target = node.target.function
        node.target = _IN_PLACE.get(node.target, node.target)
    return graph_module


def calls(
    module: nn.Module,
    inputs: int,
    leaves: set[type],
    functions: tuple[Callable[..., Any], ...],
) -> fx.Graph:
    """What a module calls in the mode that it is in, without shapes. Raises as the module does."""
    tracer = _Tracer(leaves, functions, (), None)
    return tracer.trace(module, _defaults(module, inputs) or None)


def _line(raised: BaseException, run: Run | None) -> Line | None:
    """Where what runs was called, or the last line of whoever wrote the module."""
    if run is not None and run.at is not None:
        line: Line | None = run.at.meta.get(LINE)
        return line
    frames = traceback.extract_tb(raised.__traceback__)
    own = [f for f in frames if not f.filename.startswith((*_PASSED, _PACKAGE))]
    last = own[-1] if own else None
    return None if last is None or last.lineno is None else Line(last.filename, last.lineno)


class _Proxy(fx.Proxy):
    """A value of the trace.

    `y += x` changes y, which another name stands for too; to torch.fx it is `y = y + x`.
    """

    tracer: _Tracer

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What `isinstance` of others asks for: a tensor, a tuple, a number.

        Torch itself may take what is called a tensor for the bytes of one.
        """
        code = sys._getframe(1).f_code
        if code.co_filename.startswith(_PASSED) and code is not torch.is_tensor.__code__:
            return type(self)
        return self.tracer.class_of(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _OF_PROXIES:
            raise TraceError(f"`{name}` of a map is set")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> _Attribute:
        if not any(hasattr(kind, name) for kind in _KINDS):
            raise AttributeError(f"a tensor has no attribute `{name}`")
        return _Attribute(self, name)

    def __int__(self) -> int:
        return int(self.tracer.number(self))

    def __index__(self) -> int:
        return operator.index(self.tracer.number(self))

    def __float__(self) -> float:
        return float(self.tracer.number(self))

    def __len__(self) -> int:
        return len(self.tracer.several(self))


_KINDS: Final = (torch.Tensor, torch.Size, torch.device, torch.dtype, tuple, list, int, float)
"""What a value of a trace may be: what asks for another attribute is told that there is none."""
_OF_PROXIES: Final = frozenset({"tracer", "node", "_node", "root", "attr"})
"""What torch.fx itself keeps."""


class _Attribute(Attribute, _Proxy):
    """What a value of the trace has, such as its shape, or a method that is called."""


def _changing(function: Callable[..., Any]) -> Callable[[_Proxy, Any], fx.Proxy]:
    def called(self: _Proxy, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", function, (self, other), {})

    return called


for _changed in _IN_PLACE:
    setattr(_Proxy, f"__{_changed.__name__}__", _changing(_changed))


def _defaults(module: nn.Module, inputs: int) -> dict[str, Any]:
    """What a module takes beyond its inputs, as it takes it where nobody says it."""
    parameters = list(inspect.signature(module.forward).parameters.values())[inputs:]
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    for parameter in named:
        if parameter.default is parameter.empty:
            raise TypeError(f"`{parameter.name}` is one input too many")
    return {parameter.name: parameter.default for parameter in named}


class _Tracer(fx.Tracer):
    """Keeps the helpers of emitted files whole, notes lines, and knows sizes."""

    def __init__(
        self,
        leaves: set[type],
        functions: tuple[Callable[..., Any], ...],
        images: Sequence[Tensor],
        fixed: Callable[[fx.Node], bool] | None,
    ) -> None:
        super().__init__(autowrap_functions=functions)
        self._leaves = leaves
        self._images = images
        self._fixed = fixed
        self.ahead: Ahead | None = None
        self._is_running = False

    def _value(self, obj: fx.Proxy) -> Any:
        """What a proxy comes to; None if nobody may know."""
        if self._fixed is None:
            return None
        if self.ahead is None:
            self.ahead = Ahead(self.root, self.graph, self._images)
        self._is_running = True
        try:
            return self.ahead.value(obj.node)
        finally:
            self._is_running = False

    def _number(self, obj: fx.Proxy) -> Any:
        """A number that is the same for any images; None for anything else."""
        value = self._value(obj)
        if self._fixed is None or not isinstance(value, int | float):
            return None
        return value if self._fixed(obj.node) else None

    def number(self, obj: fx.Proxy) -> Any:
        """Such a number. Raises TraceError."""
        value = self._number(obj)
        if value is None:
            raise TraceError("a number is made of what is no size of a map")
        return value

    def several(self, obj: fx.Proxy) -> tuple[Any, ...] | list[Any]:
        """Parts or sizes, whose number is known. Raises TraceError."""
        value = self._value(obj)
        if not isinstance(value, tuple | list):
            raise TraceError("the length of what is no tuple")
        return value

    def class_of(self, obj: fx.Proxy) -> type:
        """The class of what a proxy comes to; its own where nobody may know."""
        return type(obj) if self._fixed is None or self._is_running else type(self._value(obj))

    def to_bool(self, obj: fx.Proxy) -> bool:
        value = self._number(obj)
        return super().to_bool(obj) if value is None else bool(value)

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        value = self._value(obj)
        if not isinstance(value, tuple | list):
            return super().iter(obj)
        return (obj[i] for i in range(len(value)))  # type: ignore[index]

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What a module has; a proxy of a parameter, but for what runs ahead."""
        if self._is_running:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A call of a submodule; one that is made for a call and has no tensors is its forward."""
        if self._is_running:
            return forward(*args, **kwargs)
        if self._fixed is None or m in (self.submodule_paths or ()):
            return super().call_module(m, forward, args, kwargs)
        if any(True for _ in chain(m.parameters(), m.buffers())):
            raise TraceError(f"a {type(m).__name__} is called that is no submodule")
        return forward(*args, **kwargs)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is kept whole; what changes one is followed."""
        known = type(m) in self._leaves or super().is_leaf_module(m, module_qualified_name)
        return known and not _is_changed(m)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        node.meta[LINE] = _caller()
        node.meta[LEARNS] = torch.is_grad_enabled()
        return node


def _is_changed(module: nn.Module) -> bool:
    """Whether a module computes what its class does not say."""
    hooks = module._forward_hooks or module._forward_pre_hooks
    return bool(hooks) or "forward" in vars(module)


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
