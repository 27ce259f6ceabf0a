"""The module of somebody else as a spec, and what of it no spec can say, at its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from archcompiler.diagnostics import CompileError, error
from archcompiler.foreign.decompile.decompiling import Decompiled, NotProved, decompiled
from archcompiler.foreign.decompile.flow import Unsayable
from archcompiler.foreign.difference import operation
from archcompiler.foreign.loading import Implementation
from archcompiler.ir import TensorType
from archcompiler.spec.names import taken, taken_file
from archcompiler.verify.isomorphism import Dataflow


def decompile(theirs: Implementation, input: TensorType, name: str | None = None) -> Decompiled:
    """The spec of an implementation at one image, called `name`, by default after its source.

    Raises CompileError: E901 for a module that cannot be traced, E907 for an operator that no spec
    can say, E908 if no spec that was made is proved to be it.
    """
    view = theirs.traced(input)
    try:
        for node, why in _shared(view):
            raise Unsayable(node, why)
        return decompiled(view, name or name_of(theirs.said))
    except Unsayable as unsayable:
        known = operation(view, unsayable.node)
        problem = f"no spec can say all of `{theirs.said}`: {known.place}: {unsayable.why}"
        notes = () if unsayable.why in known.said else (f"that is {known.said}",)
        raise CompileError(error("E907", problem, theirs.place, notes=notes)) from None
    except NotProved as failed:
        raise CompileError(
            error(
                "E908",
                f"no spec was found that is `{theirs.said}` at {input}",
                theirs.place,
                notes=failed.why,
            )
        ) from None


def _shared(view: Dataflow) -> Iterator[tuple[str, str]]:
    """Operators that have a tensor of one before them: a spec has weights for each."""
    owners: dict[str, str] = {}
    for node, data in view.nodes(data=True):
        if data["op"] is None:
            continue
        for tensor in (data.get("tensors") or {}).values():
            if tensor.name in owners:
                yield node, f"has `{tensor.name}`, which `{owners[tensor.name]}` has too"
            called = data.get("called")
            owners[tensor.name] = node if called in (None, "", tensor.name) else called


def name_of(said: str) -> str:
    """A name for the network of `FILE.py:NAME` or of a file, which it may have."""
    path, _, factory = said.rpartition(":")
    word = factory if path.lower().endswith(".py") else Path(said).stem
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", word)
    name = "_".join(re.findall(r"[a-z0-9]+", word.lower()))[:50]
    if not re.match(r"[a-z]", name):
        name = f"network_{name}".rstrip("_")
    return f"{name}_network" if taken(name) or taken_file(name) else name
