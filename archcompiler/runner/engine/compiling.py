"""What `torch.compile` is given of a network: all of it at once, or each distinct block once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from torch import nn

from archcompiler.analysis.recompute import Recomputation
from archcompiler.ir import Block, Graph
from archcompiler.ir.kinds import STAGE, UNITS
from archcompiler.runner.engine.keeping import kept_share
from archcompiler.runner.system.hardware import Hardware

MANY: Final = 1_000
"""Operators that are worth another way to compile: one takes 20 ms, before kernels are written."""


def compile_module(
    module: nn.Module, graph: Graph, plan: Recomputation | None, hardware: Hardware
) -> None:
    """Have a module compiled when it is first called, as the hardware says."""
    # By name: on a CPU nothing else has imported them so far.
    from torch._dynamo import config as tracing
    from torch._functorch import config

    # The compiler has a plan of its own, for a share.
    config.activation_memory_budget = kept_share(graph, plan)
    if hardware.compiled != "blocks":
        module.compile(mode=hardware.compile_mode)
        return
    # One class is compiled for each of its widths and sizes, in training and in evaluation.
    tracing.recompile_limit = max(tracing.recompile_limit, 4 * MANY)
    tracing.accumulated_recompile_limit = max(tracing.accumulated_recompile_limit, 4 * MANY)
    for block in _blocks(module):
        # Sizes of other blocks of a class are not other sizes of this one.
        block.compile(dynamic=False)


def amount(graph: Graph, compiled: str) -> str:
    """How many operators are compiled, in words."""
    count = graph.root.operator_count
    if compiled == "blocks":
        return f"{distinct_operators(graph):,} of {count:,} operators, each distinct block once"
    return f"{count:,} operators"


def repeats_much(graph: Graph) -> bool:
    """Whether many operators need not be compiled if each distinct block is compiled once."""
    return graph.root.operator_count - distinct_operators(graph) > MANY


def distinct_operators(graph: Graph) -> int:
    """How many operators are compiled, each distinct block once."""
    return sum({block: block.operator_count for block in _parts(graph.root)}.values())


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Stem, units and attention modules of the stages, head."""
    for child in module.children():
        if isinstance(child, nn.Sequential):
            yield from _blocks(child)
        else:
            yield child


def _parts(block: Block) -> Iterator[Block]:
    """The same of a graph."""
    for step in block.steps:
        if isinstance(step.body, Block):
            if step.body.kind in (STAGE, UNITS):
                yield from _parts(step.body)
            else:
                yield step.body
