"""The analytic counts against fvcore, torch's own counter and the parameters of the module."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from archcompiler.analysis.costs import ROOT, CostModel, Place, total
from archcompiler.analysis.total import Cost
from archcompiler.backends.torch import torch_op
from archcompiler.compiler import CompiledNetwork
from archcompiler.ir import Block, Graph, TensorType

with warnings.catch_warnings():
    # fvcore scripts a function when it is imported, which torch calls deprecated, each as it will.
    warnings.simplefilter("ignore")
    from fvcore.nn import FlopCountAnalysis

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Counts:
    """What was measured, and where it is not what the graph says."""

    name: str
    input: TensorType
    fvcore: dict[str, int] = field(repr=False)
    """fvcore's count of every module, by its dotted name; "" is the network."""
    flop_counter: int
    """torch's FlopCounterMode: two for each multiply-accumulate."""
    differences: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.differences

    def __str__(self) -> str:
        place = f"{self.name} at {self.input.pixel_words}"
        if self.holds:
            return (
                f"{place}: fvcore counts {self.fvcore['']:,} and torch {self.flop_counter:,}, "
                "as the graph says"
            )
        lines = [f"{place}: the counts are NOT those of the graph"]
        return "\n".join(lines + [f"  - {difference}" for difference in self.differences])


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the graph says of one module."""

    cost: Cost
    leaf: bool

    @property
    def idle(self) -> bool:
        """Whether nothing is computed there in inference."""
        return self.cost.operators == 0 or (self.leaf and not self.cost.bytes_moved)


def verify_counts(network: CompiledNetwork, graph: Graph | None = None) -> Counts:
    """Count the emitted module three ways, at the spec's own input size or at that of `graph`."""
    with _NoRandomness():
        module = network.module()
    return count(graph or network.graph, module)


class _NoRandomness(TorchFunctionMode):
    """Leaves weights as they are allocated: drawing them takes longer than counting."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def count(graph: Graph, module: nn.Module) -> Counts:
    """Compare a module with what the graph says; counts are at batch 1, in inference.

    The module must be on the CPU, where fvcore has to run it; its weights are set to 0.
    """
    x = graph.input
    image = torch.zeros(1, x.channels, *x.size)
    expected = dict(_expected(CostModel(graph), graph.root, ROOT, ""))
    module.eval()
    differences = list(_parameters(expected, module))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        with FlopCounterMode(display=False, depth=999) as counter:
            module(image)
    flop_counter = counter.get_total_flops()
    if flop_counter != 2 * expected[""].cost.macs:
        by_module = {
            name.partition(".")[2]: sum(flops.values())
            for name, flops in counter.get_flop_counts().items()
            if name != "Global"
        }
        by_module[""] = flop_counter  # There is none where it has counted nothing at all.
        macs = {name: 2 * entry.cost.macs for name, entry in expected.items()}
        differences += _first(macs, by_module, expected, "torch's FlopCounterMode counts")
    fvcore, unsupported, uncalled = fvcore_counts(module, image)
    differences += [
        f"fvcore has no rule for {op}, and it is not on the list of those"
        for op in sorted(unsupported - _uncounted(graph))
    ]
    # A run of no units has nothing to call, and what does nothing in inference leaves no trace.
    empty = {name for name, entry in expected.items() if entry.idle}
    differences += [f"module {name} is never called" for name in sorted(uncalled - empty)]
    flops = {name: entry.cost.fvcore_flops for name, entry in expected.items()}
    if fvcore[""] != flops[""]:
        differences += _first(flops, fvcore, expected, "fvcore counts")
    return Counts(graph.name, x, fvcore, flop_counter, tuple(differences))


def _uncounted(graph: Graph) -> set[str]:
    """What fvcore has no rule for in the graph's operators. Anything else fails the gate."""
    operators = {
        step.body.kind: step.body
        for _, block in graph.blocks()
        for step in block.steps
        if not isinstance(step.body, Block)
    }
    return set().union(*(torch_op(op).uncounted for op in operators.values()))


def fvcore_counts(
    module: nn.Module, *images: torch.Tensor
) -> tuple[dict[str, int], set[str], set[str]]:
    """One trace: counts by module, operators without a rule, modules never called."""
    with warnings.catch_warnings():
        # The tracer warns of its own deprecated parts.
        warnings.simplefilter("ignore")
        with torch.no_grad():
            analysis: Any = FlopCountAnalysis(module, images)
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            analysis.tracer_warnings("none")
            by_module = analysis.by_module_and_operator()
            unsupported, uncalled = set(analysis.unsupported_ops()), analysis.uncalled_modules()
    # fvcore sums in float64, exact up to 2^53.
    flops = {name: int(sum(ops.values())) for name, ops in by_module.items()}
    return flops, unsupported, uncalled


def _expected(
    model: CostModel, block: Block, place: Place, name: str
) -> Iterator[tuple[str, _Expected]]:
    """What the graph says of every scope and operator, by the dotted name of its module."""
    yield name, _Expected(total(model.cells(block, place)), leaf=False)
    for step, inner, cells in model.steps(block, place):
        path = f"{name}.{step.name}" if name else step.name
        if isinstance(step.body, Block):
            yield from _expected(model, step.body, inner, path)
        else:
            yield path, _Expected(total(cells), leaf=True)


def _parameters(expected: dict[str, _Expected], module: nn.Module) -> Iterator[str]:
    """The first module whose own parameters or buffers are not those of its operator."""
    own = {name: (0, 0) for name, _ in module.named_modules()}
    for name, part in module.named_modules():
        own[name] = (
            sum(p.numel() for p in part.parameters(recurse=False)),
            sum(b.numel() for b in part.buffers(recurse=False)),
        )
    for name, entry in expected.items():
        wanted = (entry.cost.params, entry.cost.buffers) if entry.leaf else (0, 0)
        found = own.pop(name, (0, 0))
        if found != wanted:
            yield (
                f"{name or 'the network'} has {found[0]:,} parameters and {found[1]:,} buffer "
                f"elements, not {wanted[0]:,} and {wanted[1]:,}"
            )
            return
    for name, found in own.items():
        if found != (0, 0):
            yield f"{name} has {found[0]:,} parameters, and the graph has no such operator"
            return


def _first(
    ours: dict[str, int], theirs: dict[str, int], expected: dict[str, _Expected], who: str
) -> Iterator[str]:
    """The first module, in the order of the pass, that differs while nothing inside it does."""
    differing = [name for name in expected if name in theirs and theirs[name] != ours[name]]
    innermost = [
        name
        for name in differing
        if not any(other.startswith(f"{name}.") or not name for other in differing if other != name)
    ]
    for name in innermost[:1]:
        yield f"{who} {theirs[name]:,} in {name or 'the network'}, the graph {ours[name]:,}"
