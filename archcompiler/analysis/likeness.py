"""Whether two graphs are one network, with layers of the same names, at any size."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from archcompiler.ir import INPUT, Graph
from archcompiler.ops.norm import BatchNorm


def likeness(graph: Graph, classifiers: Collection[str] = ()) -> str:
    """A digest of a network's operators, of how they are joined, and of its layers' names.

    Graphs have the same one if a `state_dict` of either is one of the other, name by name and
    layer by layer. The size of the input, the width of `classifiers`, which are dotted names, and
    what training alone reads make no difference.
    """
    digests = {INPUT: "input"}
    for node in graph.nodes():
        inputs = [digests[source] for source in node.inputs]
        op = node.op.simplified
        if op is None or op.inference is None:
            digests[node.path] = inputs[0]
            continue
        name = node.path.replace("/", ".")
        said = dict(op.attributes())
        if isinstance(op, BatchNorm):
            del said["momentum"]
        if name in classifiers:
            said = {key: value for key, value in said.items() if not key.startswith("out_")}
        roles = zip(op.roles(len(inputs)), inputs, strict=True)
        named = name if op.parameters else ""
        text = repr((op.kind, sorted(said.items()), named, sorted(roles)))
        digests[node.path] = hashlib.sha256(text.encode()).hexdigest()
    return digests[node.path]
