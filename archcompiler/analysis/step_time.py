"""The least time of a training step: its operators one after the other, each at its roofline."""

from __future__ import annotations

from collections.abc import Callable

from archcompiler.analysis.costs import ROOT, Place, cost_model, total
from archcompiler.analysis.recompute import Recomputation
from archcompiler.analysis.roofline import PRECISIONS, Accelerator, Precision
from archcompiler.analysis.total import Cost
from archcompiler.ir import Block, Graph, fold
from archcompiler.ops.cost import BYTES


def training_seconds(
    graph: Graph, accelerator: Accelerator, precision: Precision, images: int
) -> float:
    """Of the forward and the backward pass of a batch, without the optimiser's step.

    Each operator takes what its arithmetic or its traffic takes, whichever is more, at the
    accelerator's peaks. The sum is at least the roofline of the whole network.
    """

    def of(cost: Cost) -> tuple[int, int]:
        moved = cost.train_map_bytes * images + (cost.train_bytes_moved - cost.train_map_bytes)
        return cost.train_macs * images, moved

    return _seconds(graph, accelerator, precision, of)


def forward_seconds(
    graph: Graph, accelerator: Accelerator, precision: Precision, images: int
) -> float:
    """The same of a forward pass alone."""
    return _seconds(
        graph,
        accelerator,
        precision,
        lambda cost: (cost.macs * images, cost.map_bytes * images + cost.param_bytes),
    )


def again_seconds(
    plan: Recomputation, accelerator: Accelerator, precision: Precision, images: int
) -> float:
    """Of what is made again in a backward pass: a cheap operator reads one map and writes one."""
    moved = 2 * PRECISIONS[precision] * plan.elements
    return images * (2 * plan.macs / accelerator.peak(precision) + moved / accelerator.bandwidth)


def _seconds(
    graph: Graph,
    accelerator: Accelerator,
    precision: Precision,
    of: Callable[[Cost], tuple[int, int]],
) -> float:
    model = cost_model(graph)
    arithmetic = 2 / accelerator.peak(precision)
    traffic = PRECISIONS[precision] / BYTES / accelerator.bandwidth

    def seconds(below: Callable[[Block, Place], float], block: Block, place: Place) -> float:
        taken = 0.0
        for step, inner, cells in model.steps(block, place):
            if isinstance(step.body, Block):
                taken += below(step.body, inner)
            else:
                macs, moved = of(total(cells))
                taken += max(macs * arithmetic, moved * traffic)
        return taken

    return fold(seconds)(graph.root, ROOT)
