"""What a framework cannot print of a network that is sound: operators without a record, names."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.backends.backend import Backend
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.emit.plan import ClassPlans
from archcompiler.ir import Block, Graph
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.names import class_name


def require_fit(loaded: LoadedSpec, graph: Graph, backend: Backend) -> None:
    """Raise CompileError unless a back end can print a network.

    That is E315 for an operator of another package that has no record for it, and E205 for a name
    that its files use themselves.
    """
    found = [*_operators(loaded, graph, backend), *_names(loaded, graph, backend)]
    if found:
        raise CompileError(*found)


def _operators(loaded: LoadedSpec, graph: Graph, backend: Backend) -> Iterator[Diagnostic]:
    seen = set()
    for _, block in graph.blocks():
        for step in block.steps:
            if isinstance(step.body, Block) or step.body.kind in seen:
                continue
            seen.add(step.body.kind)
            try:
                backend.record(step.body)
            except CompileError as missing:
                for found in missing.diagnostics:
                    span = loaded.written((*step.origin, "op")) or loaded.span(step.origin)
                    yield error(found.code, found.message, span, help=found.help)


def _names(loaded: LoadedSpec, graph: Graph, backend: Backend) -> Iterator[Diagnostic]:
    spec = loaded.spec
    cls = class_name(spec)
    whose = ("class_name",) if spec.class_name is not None else ("name",)
    own = {spec.name: loaded.span(("name",)), cls: loaded.span(whose)}
    plans = list(ClassPlans(graph))
    for plan in plans:
        own[plan.name] = _class_span(loaded, plan.definition.place("class_name"))
    for name, span in own.items():
        if name in backend.frame.names:
            message = f"`{name}` is used by emitted files for {backend.title} themselves"
            yield error("E205", message, span, help="give it another name, or a `class_name`")
    for block in dict.fromkeys(plan.definition for plan in plans):
        paths = {block.place("steps", rule.name): backend.frame.attributes for rule in block.steps}
        paths |= {block.place("options", name): backend.frame.names for name in block.options}
        paths |= {block.place("let", name): backend.frame.names for name in block.lets}
        for path, taken in paths.items():
            if path and path[-1] in taken:
                message = f"{backend.title} has a use of its own for the name `{path[-1]}`"
                yield error("E205", message, loaded.written(path, "key") or loaded.span(path))


def _class_span(loaded: LoadedSpec, path: SpecPath) -> Span:
    """Where the class of a block is named; the block itself where that is not said."""
    block = path[:-1]
    return loaded.written(path) or loaded.written(block, "key") or loaded.span(block)
