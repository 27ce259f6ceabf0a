"""A module of Flax NNX, traced by JAX and normalised to the operators of the graph.

JAX itself says what a module does: every array of its jaxpr is read. Calls that an operator is read
from whole, of modules with weights, of helpers and of functions of JAX, are bound as one primitive
each while the module is traced, so that the jaxpr has them as equations; anything else stands in it
as what JAX makes of it, and has to be read as an operator too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
from flax import nnx
from jax.extend.core import Jaxpr, Literal
from networkx.utils import graphs_equal

from archcompiler.backends.jax.ops.reduce import merged
from archcompiler.backends.jax.reading import BATCH, Node, Reading, Seen, map_type
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.table import records
from archcompiler.backends.jax.watching import Bound, Watch, bound
from archcompiler.backends.reading import Part, UnknownOperation, differs, said_by
from archcompiler.ir import TensorType


def trace(
    module: nnx.Module,
    *inputs: TensorType,
    outside: Iterable[JaxOp] = (),
    training: bool = False,
    found: dict[Any, Any] | None = None,
) -> nx.MultiDiGraph[str]:
    """The module's dataflow at images of this shape, labelled as the graph's own view is.

    A module may be abstract, and have several inputs of equal dimensions. A node that calls a
    module has its name as `module`, and `weights` says whether it has any. The names of what the
    module returns are the graph's `outputs`. `outside` are the records of operators that are not
    built in, and `found` shapes of calls from earlier traces of the module, which saves time.

    Raises UnknownOperation for anything that has no operator, for a module that cannot run or sets
    statistics of its parts, as none but these may, and for an operator that is another one in
    training and is not in the mode that is asked for.
    """
    dims = inputs[0].dims
    table = [*records().values(), *outside]
    readers: dict[object, list[Reader]] = {}
    for record in table:
        for reader in record.readers():
            readers.setdefault(reader.target, []).append(reader)
    known = {} if found is None else found
    jaxpr = _traced(module, inputs, Watch(module, table, readers, dims, known))
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    alias: dict[Node, Node] = {}
    arrays: dict[Any, Node] = {}
    for i, variable in enumerate(jaxpr.invars, 1):
        node = arrays[variable] = Node(f"x{i}", variable.aval.shape)
        graph.add_node(node.name, label=("input", (), map_type(node, dims)))
    for call in _calls(jaxpr, arrays):
        node = call.node
        read = _read(readers.get(call.target, ()), Seen(node, dims, call.index), call)
        if isinstance(read, Part):
            continue
        if isinstance(read, Node):
            alias[node] = alias.get(read, read)
            continue
        op, sources = merged(read[0]).simplified, read[1]
        if call.path is not None and differs(op):
            _require_mode(call, training)
        if op is None:
            alias[node] = alias.get(sources[0], sources[0])
            continue
        label = (op.kind, op.attributes(), map_type(node, dims))
        graph.add_node(node.name, label=label, module=call.path, weights=op.parameters > 0)
        for source, role in zip(sources, op.roles(len(sources)), strict=True):
            graph.add_edge(_producer(node, source, graph, alias), node.name, role=role)
    results = [_argument(variable, arrays) for variable in jaxpr.outvars]
    names = [_producer(None, result, graph, alias) for result in results]
    graph.graph["outputs"] = tuple(names)
    return graph


def unlike_in_training(
    module: nnx.Module,
    evaluated: nx.MultiDiGraph[str],
    *inputs: TensorType,
    outside: Iterable[JaxOp] = (),
    found: dict[Any, Any] | None = None,
) -> Iterator[str]:
    """What a module does otherwise in training than in evaluation, which it is in afterwards.

    `evaluated` is its trace in evaluation. A model of an emitted file that can make maps again is
    traced so, too: `nnx.remat` is taken to compute what it is given.
    """
    config: Any = getattr(module, "config", None)
    ways = {"in training": config}
    if getattr(config, "checkpointing", None) is False:
        ways["with `checkpointing`"] = replace(config, checkpointing=True)
    module.train()
    try:
        for when, way in ways.items():
            if way is not config:
                module.config = way
            trained = trace(module, *inputs, outside=outside, training=True, found=found)
            if not graphs_equal(evaluated, trained):
                yield f"other operators are called {when}"
    except UnknownOperation as unknown:
        yield f"unknown operation {when}: {unknown}"
    finally:
        module.eval()
        if config is not None:
            module.config = config


def _producer(
    reader: Node | None, source: Any, graph: nx.MultiDiGraph[str], alias: dict[Node, Node]
) -> str:
    """The operator that an array comes of. Raises UnknownOperation."""
    who = "the module returns" if reader is None else f"`{reader.name}` reads"
    if not isinstance(source, Node):
        raise UnknownOperation(f"{who} {source}, which is no array of it")
    name = alias.get(source, source).name
    if name not in graph:
        raise UnknownOperation(f"{who} `{source.name}`, a part of another")
    return name


def _traced(module: nnx.Module, inputs: tuple[TensorType, ...], watch: Watch) -> Jaxpr:
    """What JAX makes of the module for images; numbers are those of Python, not rounded."""
    # Of a single one, a batch norm of vectors has no variance in training.
    images = [jax.ShapeDtypeStruct((BATCH, *x.size, x.channels), jnp.float64) for x in inputs]
    try:
        with jax.enable_x64(True), watch.on():
            return jax.make_jaxpr(lambda *x: module(*x))(*images).jaxpr
    except Exception as exc:
        # A module may be anybody's, and fail in any way.
        reason = f"cannot be traced: {said_by(exc)}"
        if watch.changed:
            names = ", ".join(f"`{name}`" for name in sorted(watch.changed))
            reason = f"{names} is not what is emitted by that name, and {reason}"
        raise UnknownOperation(reason) from exc


def _require_mode(call: _Call, training: bool) -> None:
    """Raise UnknownOperation unless a module is in training, or in evaluation, as others are."""
    if call.training is training:
        return
    if call.training is None:
        raise UnknownOperation(f"`{call.path}` is in training and in evaluation alike")
    own, all_ = ("evaluation", "training") if training else ("training", "evaluation")
    raise UnknownOperation(f"`{call.path}` stays in {own} in {all_}")


@dataclass(frozen=True)
class _Call:
    """What makes one array of a traced module."""

    node: Node
    target: object
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    index: int = 0
    path: str | None = None
    training: bool | None = None


def _calls(jaxpr: Jaxpr, arrays: dict[Any, Node]) -> Iterator[_Call]:
    """Every array of a jaxpr in order, with what makes it."""
    reading = [*(x for equation in jaxpr.eqns for x in equation.invars), *jaxpr.outvars]
    read = {id(x) for x in reading}
    for number, equation in enumerate(jaxpr.eqns):
        given = [_argument(variable, arrays) for variable in equation.invars]
        call: Bound | None = bound(equation)
        several = len(equation.outvars) > 1
        for index, variable in enumerate(equation.outvars):
            if several and id(variable) not in read:
                continue  # one of several parts
            name = f"{equation.primitive if call is None else call.name}_{number}"
            primitive = "" if call is not None else equation.primitive.name
            node = Node(
                f"{name}_{index}" if several else name,
                variable.aval.shape,
                primitive,
                tuple(given),
            )
            arrays[variable] = node
            if call is None:
                options = {k: v for k, v in equation.params.items() if v is not None}
                yield _Call(node, primitive, tuple(given), options, index)
            else:
                arguments, options = call.arguments(given)
                yield _Call(node, call.target, arguments, options, index, call.path, call.training)


def _argument(variable: Any, arrays: dict[Any, Node]) -> Any:
    """A node, or a number; what is neither has no operator."""
    if isinstance(variable, Literal):
        return variable.val.item() if hasattr(variable.val, "item") else variable.val
    if variable not in arrays:
        raise UnknownOperation(f"reads a constant of shape {variable.aval.shape}")
    return arrays[variable]


def _read(readers: Iterable[Reader], seen: Seen, call: _Call) -> Reading:
    """The operator of a call. Every argument must be one that the operator accounts for."""
    for reader in readers:
        try:
            read = reader.read(seen, *call.arguments, **call.options)
        except TypeError as exc:
            raise UnknownOperation(f"`{seen.node.name}`: {exc}") from None
        if read is not None:
            return read
    raise UnknownOperation(f"`{seen.node.name}` calls {call.target}")
