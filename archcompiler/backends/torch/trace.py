"""A module, traced by torch.fx and normalised to the operators of the graph."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import networkx as nx
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from archcompiler.backends.reading import Part, UnknownOperation
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.reading import Reading, Seen, arguments, is_size, map_type
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.backends.torch.table import records
from archcompiler.ir import TensorType

_GLOBALS = {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor}
"""What the source of a helper may use of the file around it."""


def trace(
    module: nn.Module, *inputs: TensorType, outside: Iterable[TorchOp] = ()
) -> nx.MultiDiGraph[str]:
    """The module's dataflow at one image of this shape, labelled as the graph's own view is.

    A module may have several inputs, of equal dimensions.
    Node names are those of torch.fx; a node that calls a submodule has its name as `module`, and
    `weights` says whether it has any.
    The names of what the module returns are the graph's `outputs`.
    `outside` are the records of operators that are not built in. Raises UnknownOperation for
    anything that has no operator, and for a module that cannot run.
    """
    dims = inputs[0].dims
    readers = _Readers([*records().values(), *outside], module, dims)
    traced = _traced(module, inputs, readers)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    alias: dict[fx.Node, fx.Node] = {}
    for node in traced.graph.nodes:
        if is_size(node):
            continue
        if node.op == "output":
            graph.graph["outputs"] = tuple(_outputs(node, graph, alias))
            continue
        if node.op == "placeholder":
            graph.add_node(node.name, label=("input", (), map_type(node, dims)))
            continue
        read = readers.read(Seen(node, dims), traced)
        if isinstance(read, Part):
            continue
        op, sources = (None, [read]) if isinstance(read, fx.Node) else (read[0].simplified, read[1])
        if op is None:
            alias[node] = alias.get(sources[0], sources[0])
            continue
        name = str(node.target) if node.op == "call_module" else None
        label = (op.kind, op.attributes(), map_type(node, dims))
        graph.add_node(node.name, label=label, module=name, weights=op.parameters > 0)
        for source, role in zip(sources, op.roles(len(sources)), strict=True):
            producer = alias.get(source, source).name
            if producer not in graph:
                raise UnknownOperation(f"`{node.name}` reads `{source.name}`, a part of another")
            graph.add_edge(producer, node.name, role=role)
    return graph


def _outputs(
    node: fx.Node, graph: nx.MultiDiGraph[str], alias: dict[fx.Node, fx.Node]
) -> Iterator[str]:
    for result in node.all_input_nodes:
        name = alias.get(result, result).name
        if name not in graph:
            raise UnknownOperation(f"returns `{result.name}`, a part of an operator")
        yield name


def _traced(module: nn.Module, inputs: tuple[TensorType, ...], readers: _Readers) -> fx.GraphModule:
    """The module as torch.fx sees it, with the shapes of all tensors."""
    tracer = _Tracer(readers.leaves, readers.functions)
    weight = next(module.parameters(), None)
    device = None if weight is None else weight.device
    try:
        traced = fx.GraphModule(module, tracer.trace(module))
        images = (torch.empty(1, x.channels, *x.size, device=device) for x in inputs)
        ShapeProp(traced).propagate(*images)
    except Exception as exc:
        # A module may be anybody's, and fail in any way.
        reason = (str(exc).splitlines() or [""])[0]
        raise UnknownOperation(f"cannot be traced: {type(exc).__name__}: {reason}") from exc
    return traced


class _Tracer(fx.Tracer):
    """Keeps the helpers of emitted files whole."""

    def __init__(self, leaves: set[type], functions: tuple[Callable[..., Any], ...]) -> None:
        super().__init__(autowrap_functions=functions)
        self._leaves = leaves

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in self._leaves or super().is_leaf_module(m, module_qualified_name)


class _Readers:
    """The readers of all operators by what they read, helpers of the module's file included."""

    def __init__(self, table: Iterable[TorchOp], module: nn.Module, dims: int) -> None:
        self._by_target: dict[object, list[Reader]] = defaultdict(list)
        helpers: dict[str, Helper] = {}
        for record in table:
            if record.helper is not None:
                helper = record.helper(dims)
                helpers[helper.name] = helper
            for reader in record.readers():
                self._by_target[reader.target].append(reader)
        found = list(_defined(helpers, module))
        for helper, value in found:
            self._by_target[value] = self._by_target[helper.name]
        self.leaves = {value for _, value in found if isinstance(value, type)}
        self.functions = tuple(value for _, value in found if not isinstance(value, type))

    def read(self, seen: Seen, traced: fx.GraphModule) -> Reading:
        """The operator of a call. Every argument must be one that the operator accounts for."""
        node = seen.node
        if node.op == "get_attr":
            raise UnknownOperation(f"reads `{node.target}` directly")
        target: object = node.target
        first: tuple[object, ...] = (seen,)
        given = node.kwargs
        if node.op == "call_module":
            module = traced.get_submodule(str(node.target))
            target, first = type(module), (seen, module)
        elif node.op == "call_function":
            given = arguments(node)
        for reader in self._by_target.get(target, ()):
            try:
                read = reader.read(*first, *node.args, **given)
            except TypeError as exc:
                raise UnknownOperation(f"`{node.name}`: {exc}") from None
            if read is not None:
                return read
        if node.op == "call_module":
            raise UnknownOperation(f"`{node.target}` is a {type(module).__name__}: {module}")
        raise UnknownOperation(f"`{node.name}` calls {node.target}")


def _defined(helpers: dict[str, Helper], module: nn.Module) -> Iterator[tuple[Helper, Any]]:
    """The helpers that the files of a module's classes define, each as its record has it."""
    files = {type(part).__module__ for part in module.modules()}
    for file in map(sys.modules.get, sorted(files)):
        if not isinstance(file, ModuleType):
            continue
        for name, helper in helpers.items():
            value = vars(file).get(name)
            if value is not None and _same(value, helper, vars(file)):
                yield helper, value


def _same(value: Any, helper: Helper, names: dict[str, Any]) -> bool:
    """Whether a class or function has the source of the helper, and torch is what that means."""
    try:
        source = textwrap.dedent(inspect.getsource(value))
        same = ast.dump(ast.parse(source)) == ast.dump(ast.parse(helper.source))
    except (OSError, TypeError, SyntaxError):
        return False
    return same and all(names.get(name, meant) is meant for name, meant in _GLOBALS.items())
