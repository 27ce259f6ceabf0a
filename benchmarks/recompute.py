"""Recomputation by plan against keeping all, and against torch's own plans.

Two things, at shares of what autograd keeps as usual: the time of an eager step over that of one
that keeps everything, and the multiply-accumulates that a backward pass does again, over those that
the partitioner of torch.compile does with its `activation_memory_budget`. Both are counted on what
runs: the calls of convolutions and matrix products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import torch
import torch._functorch.config as functorch
from torch import Tensor, fx, nn
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import archcompiler
from archcompiler.analysis.recompute import usual_bytes
from archcompiler.runner.system.hardware import computes_bfloat16, keep_memory
from benchmarks.timing import Comparison, Course, Measure, compared, in_turns, seconds

if TYPE_CHECKING:
    from archcompiler import CompiledNetwork

aten = torch.ops.aten


def measure(course: Course) -> Iterator[Comparison]:
    """Times of steps, and work done again, of two networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_memory()  # as the runner does: a step must not wait for what the one before has given back
    exact, half = torch.float32, torch.bfloat16
    cases = [("attention56_cifar", 2 if course.quick else 64, exact)]
    if not course.quick:
        cases.append(("attention56", 4, exact))
        if computes_bfloat16(torch.device("cpu")):
            cases.append(("attention56", 4, half))
    try:
        for spec, batch, dtype in cases:
            yield from _times(archcompiler.compile(spec), batch, dtype, min(course.rounds, 7))
    finally:
        torch.set_num_threads(threads)
    for spec in ("attention56_cifar",) if course.quick else ("attention56_cifar", "resnet50"):
        yield from _work(archcompiler.compile(spec), (0.25,) if course.quick else (0.25, 0.1))


def _times(
    network: CompiledNetwork, batch: int, dtype: torch.dtype, rounds: int
) -> Iterator[Comparison]:
    order = torch.channels_last
    x = torch.randn(batch, *network.spec.input).to(memory_format=order)
    shares = (0.75, 0.5, 0.25)
    models = {1.0: network.module()} | {s: network.recomputing(s).module() for s in shares}
    runs: dict[str, Measure] = {
        str(share): partial(
            seconds, partial(_step, model.to(memory_format=order).train(), x, dtype)
        )
        for share, model in models.items()
    }
    taken = in_turns(runs, rounds)
    for share in shares:
        half = " in bfloat16" if dtype is torch.bfloat16 else ""
        what = f"{network.name}, step of {batch} images{half} that keeps {share:.0%}"
        goal = 1.05 if share == 0.5 else None
        yield compared(what, taken[str(share)], "one that keeps all", taken["1.0"], goal=goal)


def _step(model: nn.Module, x: Tensor, dtype: torch.dtype) -> None:
    model.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        y = model(x)
    y.float().sum().backward()


def _work(network: CompiledNetwork, shares: Sequence[float]) -> Iterator[Comparison]:
    x = torch.randn(2, *network.spec.input)
    plain = network.module().train()
    usual, _ = eager(plain, x)
    growing = len(x) * usual_bytes(network.graph)
    for share in shares:
        others_kept, others = compiled(network.module().train(), x, share)
        # torch may keep more than it is asked to, and what it keeps ours may keep too; but for the
        # statistics of BN, which it computes again with all the rest.
        same = (others_kept + 1) / growing
        kept, ours = eager(network.recomputing(same).module().train(), x)
        kept -= usual - growing
        said = f"{kept / usual:.1%} of the maps kept"
        what = f"{network.name}, work done again, {said}"
        against = f"torch's partitioner, {others_kept / usual:.1%}"
        mega = 1e6 * len(x)
        yield compared(what, [ours / mega], against, [others / mega], unit="MMACs", goal=1.0)


def macs(function: Any, args: Sequence[Any], result: Any) -> int:
    """Multiply-accumulates of a convolution or a matrix product; nothing for what else there is."""
    if function is aten.convolution.default:
        return result.numel() * prod(args[1].shape[1:])
    if function in (aten.addmm.default, aten.mm.default):
        return result.numel() * args[-1].shape[0]
    return 0


class Watch(TorchDispatchMode):
    """Multiply-accumulates that are done, and storages that are alive."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        there = [*model.parameters(), *model.buffers()]
        self.there = {tensor.untyped_storage()._cdata for tensor in there}
        self.made: dict[int, tuple[StorageWeakRef, int]] = {}
        self.macs = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        self.macs += macs(function, args, result)
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                if storage._cdata not in self.there:
                    self.made[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return result

    @property
    def alive(self) -> int:
        return sum(size for storage, size in self.made.values() if not storage.expired())


def eager(model: nn.Module, x: Tensor) -> tuple[int, int]:
    """Bytes that are kept after a forward pass, and multiply-accumulates done again after it."""
    with Watch(model) as watch:
        y = model(x)
        kept, forward = watch.alive - y.nbytes, watch.macs
        # Of the derivative of a linear layer two matrix products are its own.
        y.sum().backward()
    own = sum(2 * m.weight.numel() * len(x) for m in model.modules() if isinstance(m, nn.Linear))
    return kept, watch.macs - forward - own


def compiled(model: nn.Module, x: Tensor, share: float) -> tuple[int, int]:
    """The same of the two graphs that torch.compile's partitioner makes."""
    found: list[tuple[int, int]] = []

    def partition(joint: fx.GraphModule, inputs: Any, **more: Any) -> Any:
        parts = min_cut_rematerialization_partition(joint, inputs, **more)
        found.append((_kept(parts[0], more["num_fwd_outputs"], x), _macs(parts[1])))
        return parts

    def as_it_is(module: fx.GraphModule, _: Any) -> Any:
        return make_boxed_func(module.forward)

    torch._dynamo.reset()
    backend = aot_autograd(fw_compiler=as_it_is, partition_fn=partition)
    with functorch.patch(activation_memory_budget=share):
        torch.compile(model, backend=backend)(x)
    ((kept, again),) = found
    own = sum(2 * m.weight.numel() * len(x) for m in model.modules() if isinstance(m, nn.Linear))
    return kept, again - own


def _kept(forward: fx.GraphModule, outputs: int, x: Tensor) -> int:
    """Bytes of the maps, and of the image, that a forward graph hands to the backward graph."""
    (returned,) = (node.args[0] for node in forward.graph.nodes if node.op == "output")
    saved = {node for node in returned[outputs:] if isinstance(node, fx.Node)}
    sizes = {}
    for node in saved:
        value = node.meta["val"]
        if isinstance(value, Tensor) and (node.op != "placeholder" or value.shape == x.shape):
            storage = value.untyped_storage()
            sizes[storage._cdata] = storage.nbytes()
    return sum(sizes.values())


def _macs(backward: fx.GraphModule) -> int:
    total = 0
    for node in backward.graph.nodes:
        if node.op == "call_function":
            args = [a.meta["val"] if isinstance(a, fx.Node) else a for a in node.args]
            total += macs(node.target, args, node.meta.get("val"))
    return total
