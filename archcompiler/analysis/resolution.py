"""The same network at another input size."""

from __future__ import annotations

from dataclasses import replace

from archcompiler.compiler import CompiledNetwork, diagnose
from archcompiler.diagnostics import CompileError, Severity
from archcompiler.ir import Graph
from archcompiler.lower import lower


def at_size(network: CompiledNetwork, *size: int) -> Graph:
    """The checked graph for another input. Raises CompileError that says which operator refuses."""
    graph = lower(network.loaded, size)
    errors = [d for d in diagnose(network.loaded, graph) if d.severity is Severity.ERROR]
    if errors:
        place = f"for an input of {graph.input.pixel_words} pixels"
        raise CompileError(*(replace(d, notes=(place, *d.notes)) for d in errors))
    return graph
