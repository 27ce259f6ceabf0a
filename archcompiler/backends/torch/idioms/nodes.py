"""Nodes of a trace that is reworded: new calls, which may stand for operators, and old ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn

from archcompiler.backends.torch.reading import Reading, Seen
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.tracer import LINE
from archcompiler.ops.base import Operator


def submodule(node: fx.Node) -> nn.Module | None:
    """The module that a node calls."""
    graph = node.graph.owning_module
    return graph.get_submodule(str(node.target)) if node.op == "call_module" and graph else None


def put(
    node: fx.Node,
    target: Any,
    *args: Any,
    sides: Sequence[int],
    kwargs: Mapping[str, Any] | None = None,
) -> fx.Node:
    """A new call before a node, which may be of what that calls, with a result of this shape."""
    op = "call_method" if isinstance(target, str) else "call_function"
    with node.graph.inserting_before(node):
        made = node.graph.create_node(
            node.op if target is node.target else op, target, args, dict(kwargs or {})
        )
    meta = node.meta["tensor_meta"]._replace(shape=torch.Size(sides))
    made.meta = {LINE: node.meta.get(LINE), "tensor_meta": meta}
    return made


def drop(*nodes: fx.Node) -> None:
    """Leave out those that nothing reads any more."""
    for node in sorted({*nodes}, reverse=True):
        if not node.users:
            node.graph.erase_node(node)


def stands_for(op: Operator, *inputs: Any) -> Any:
    """Stands for an operator of maps in a trace, where torch has no call of it."""
    raise NotImplementedError


def read_stands_for(seen: Seen, op: Operator, *inputs: fx.Node) -> Reading:
    return op, list(inputs)


def readers() -> Iterable[Reader]:
    yield Reader(stands_for, read_stands_for)
