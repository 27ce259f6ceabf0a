"""A module, traced by torch.fx and normalised to the operators of the graph."""

from __future__ import annotations

import ast
import inspect
import operator
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, Final

import networkx as nx
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from archcompiler.backends.reading import Part, UnknownOperation, differs, said_by
from archcompiler.backends.record import Helper, helpers
from archcompiler.backends.torch.idioms.numbers import is_fixed
from archcompiler.backends.torch.idioms.wording import reword
from archcompiler.backends.torch.reading import Reading, Seen, arguments, is_size, map_type
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.backends.torch.running import VALUE
from archcompiler.backends.torch.stored import TENSORS, Stored, stored
from archcompiler.backends.torch.table import records
from archcompiler.backends.torch.tracer import LEARNS, LINE, calls, traced
from archcompiler.ir import TensorType
from archcompiler.ops.base import Operator

_GLOBALS = {"torch": torch, "F": F, "nn": nn, "Tensor": Tensor}
"""What the source of a helper may use of the file around it."""


_LONGEST: Final = 80
"""Characters of a call as a message has it."""
UNKNOWN = "unknown"
"""The kind of a node that has no operator, in a trace that keeps such nodes."""


def trace(
    module: nn.Module,
    *inputs: TensorType,
    outside: Iterable[TorchOp] = (),
    idioms: Iterable[TorchOp] = (),
    keeps_unknown: bool = False,
) -> nx.MultiDiGraph[str]:
    """The module's dataflow at one image of this shape, labelled as the graph's own view is.

    A module may have several inputs, of equal dimensions.
    Node names are those of torch.fx. A node has its operator as `op`, its `line` in the file of
    the module's author, and, by the names of torch's own module for it, the `tensors` that it
    reads of the `state_dict`; one that calls a submodule has its name as `module`, and `weights`
    says whether it has any. The names of what the module returns are the graph's `outputs`.
    `outside` are the records of operators that are not built in, and `idioms` have readers that
    come before all others. Raises UnknownOperation for a module that cannot run or returns no map
    and, unless it `keeps_unknown`, for anything that has no operator: such a node is of the kind
    `UNKNOWN` then.
    """
    dims = inputs[0].dims
    idioms = tuple(idioms)
    readers = _Readers([*idioms, *records().values(), *outside], module, dims)
    known = is_fixed if idioms else None
    run = traced(module, inputs, readers.leaves, readers.functions, known)
    if idioms:
        reword(run.graph, dims)
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    alias: dict[fx.Node, fx.Node] = {}
    for node in run.graph.nodes:
        if is_size(node) or VALUE in node.meta or stored(node) is not None:
            continue
        if node.op == "output":
            outputs = graph.graph["outputs"] = tuple(_outputs(node, graph, alias))
            if not outputs:
                raise UnknownOperation("it returns nothing that is computed")
            continue
        if node.op == "placeholder" and "tensor_meta" not in node.meta:
            continue  # An option, at its default.
        if node.op == "placeholder":
            graph.add_node(node.name, label=("input", (), map_type(node, dims)), op=None)
            continue
        try:
            read = readers.read(Seen(node, dims), run)
            if isinstance(read, Part):
                continue
            if isinstance(read, fx.Node):
                alias[node] = alias.get(read, read)
                continue
            _add(graph, node, read, run, alias, dims)
        except UnknownOperation as unknown:
            if not keeps_unknown:
                raise
            _add_unknown(graph, node, str(unknown), run, alias, dims)
    return graph


def unlike_in_training(
    module: nn.Module, input: TensorType, outside: Iterable[TorchOp] = ()
) -> Iterator[str]:
    """What a module does otherwise in training than in evaluation, which it is in afterwards."""
    readers = _Readers([*records().values(), *outside], module, input.dims)
    try:
        with torch.enable_grad():
            before = calls(module.eval(), 1, readers.leaves, readers.functions)
        module.train()
        left = [name for name, part in module.named_modules() if not part.training]
        with torch.no_grad():
            after = calls(module, 1, readers.leaves, readers.functions)
    except Exception as raised:  # whatever a changed file may raise
        yield f"it cannot be traced in training: {said_by(raised)}"
        return
    finally:
        module.eval()
    if str(before) != str(after):
        yield "other operators are called in training"
    yield from (f"`{name}` stays in evaluation in training" for name in left)
    kept = (name for name, parameter in module.named_parameters() if not parameter.requires_grad)
    yield from (f"`{name}` is not learnt" for name in kept)
    cut = next((node.name for node in before.nodes if not node.meta[LEARNS]), None)
    if cut is not None:
        yield f"no gradients go through `{cut}`"


def _add(
    graph: nx.MultiDiGraph[str],
    node: fx.Node,
    read: tuple[Operator, list[fx.Node]],
    run: fx.GraphModule,
    alias: dict[fx.Node, fx.Node],
    dims: int,
) -> None:
    """An operator of the trace as a node, unless it does nothing."""
    op, sources = read[0].simplified, read[1]
    if op is None:
        alias[node] = alias.get(sources[0], sources[0])
        return
    producers = [alias.get(source, source).name for source in sources]
    for source, producer in zip(sources, producers, strict=True):
        if producer not in graph:
            raise UnknownOperation(_unread(node, source))
    ranks = {len(source.meta["tensor_meta"].shape) for source in sources}
    if len(ranks) > 1:
        # A vector beside a map has its channels along the last axis, where the map has pixels.
        what = "(N, C) vectors" if ranks == {2, dims + 2} else "tensors of other ranks"
        raise UnknownOperation(f"`{node.name}` reads {what} beside maps")
    name = str(node.target) if node.op == "call_module" else None
    graph.add_node(
        node.name,
        label=(op.kind, op.attributes(), map_type(node, dims)),
        op=op,
        module=name,
        weights=op.parameters > 0,
        tensors=_tensors(node, run),
        line=node.meta.get(LINE),
    )
    for producer, role in zip(producers, op.roles(len(sources)), strict=True):
        graph.add_edge(producer, node.name, role=role)


def _unread(node: fx.Node, source: fx.Node) -> str:
    tensor = stored(source)
    if tensor is not None:
        return f"`{node.name}` reads `{tensor.name}` directly"
    return f"`{node.name}` reads `{source.name}`, which is no map of its own"


def _tensors(node: fx.Node, run: fx.GraphModule) -> dict[str, Stored]:
    """What an operator reads of the `state_dict`, by the names in torch's own module for it."""
    if node.op != "call_module":
        read = {source.name: stored(source) for source in node.all_input_nodes}
        known = {name: tensor for name, tensor in read.items() if tensor is not None}
        return dict(node.meta.get(TENSORS, known))
    own = run.get_submodule(str(node.target)).state_dict()
    return {name: Stored(f"{node.target}.{name}") for name in own}


def _add_unknown(
    graph: nx.MultiDiGraph[str],
    node: fx.Node,
    why: str,
    run: fx.GraphModule,
    alias: dict[fx.Node, fx.Node],
    dims: int,
) -> None:
    """What has no operator, as a node that is like no other; one without a tensor is a part."""
    if "tensor_meta" not in node.meta:
        return
    try:
        type = map_type(node, dims)
    except UnknownOperation:
        type = None
    sources = dict.fromkeys(_computed(node, graph, alias))
    graph.add_node(
        node.name,
        label=(UNKNOWN, (("what", why),), type),
        op=None,
        module=str(node.target) if node.op == "call_module" else None,
        weights=False,
        tensors=_tensors(node, run),
        line=node.meta.get(LINE),
    )
    graph.add_edges_from((source, node.name, {"role": "data"}) for source in sources)


def _computed(
    node: fx.Node, graph: nx.MultiDiGraph[str], alias: dict[fx.Node, fx.Node]
) -> Iterator[str]:
    """What a node reads, or what the parts that it reads are parts of."""
    for source in node.all_input_nodes:
        known = alias.get(source, source)
        if known.name in graph:
            yield known.name
        elif VALUE not in source.meta and not is_size(source):
            yield from _computed(known, graph, alias)


def _outputs(
    node: fx.Node, graph: nx.MultiDiGraph[str], alias: dict[fx.Node, fx.Node]
) -> Iterator[str]:
    for result in node.all_input_nodes:
        name = alias.get(result, result).name
        if name not in graph:
            raise UnknownOperation(f"returns `{result.name}`, a part of an operator")
        yield name


class _Readers:
    """The readers of all operators by what they read, helpers of the module's file included."""

    def __init__(self, table: Iterable[TorchOp], module: nn.Module, dims: int) -> None:
        self._by_target: dict[object, list[Reader]] = defaultdict(list)
        known: dict[str, Helper] = {}
        for record in table:
            known |= {helper.name: helper for helper in helpers(record, dims)}
            for reader in record.readers():
                self._by_target[reader.target].append(reader)
        found = list(_defined(known, module))
        for helper, value in found:
            self._by_target[value] = self._by_target[helper.name]
        self.leaves = {value for _, value in found if isinstance(value, type)}
        self.functions = tuple(value for _, value in found if not isinstance(value, type))

    def read(self, seen: Seen, run: fx.GraphModule) -> Reading:
        """The operator of a call. Every argument must be one that the operator accounts for."""
        node = seen.node
        target: object = node.target
        first: tuple[object, ...] = (seen,)
        given = node.kwargs
        if node.op == "call_module":
            module = run.get_submodule(str(node.target))
            target, first = type(module), (seen, module)
        elif node.op == "call_function":
            given = arguments(node)
        for reader in self._by_target.get(target, ()):
            try:
                read = reader.read(*first, *node.args, **given)
            except TypeError:
                raise UnknownOperation(f"`{_written(node)}` has other arguments") from None
            if read is None:
                continue
            op = read[0] if isinstance(read, tuple) else None
            if node.op == "call_module" and module.training and differs(op):
                raise UnknownOperation(f"`{node.target}` is in training, where others are not")
            return read
        if node.op == "call_module":
            raise UnknownOperation(f"`{node.target}` is a {type(module).__name__}: {module}")
        raise UnknownOperation(f"`{_written(node)}` is no operator")


def _written(node: fx.Node) -> str:
    """A call in short."""
    if node.target is operator.getitem:
        return f"{node.args[0]}[{_index(node.args[1])}]"
    called = getattr(node.target, "__name__", node.target)
    named = (f"{name}={value}" for name, value in node.kwargs.items())
    said = f"{called}({', '.join([*map(str, node.args), *named])})"
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"


def _index(index: Any) -> str:
    """A subscript as Python writes it."""
    if isinstance(index, tuple) and index:
        return ", ".join(map(_index, index))
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop, index.step)]
        return ":".join(ends[: 3 if ends[2] else 2])
    return "..." if index is Ellipsis else str(index)


def _defined(known: dict[str, Helper], module: nn.Module) -> Iterator[tuple[Helper, Any]]:
    """The helpers that the files of a module's classes define, each as its record has it."""
    files = {type(part).__module__ for part in module.modules()}
    for file in map(sys.modules.get, sorted(files)):
        if not isinstance(file, ModuleType):
            continue
        for name, helper in known.items():
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
