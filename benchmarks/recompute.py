"""Recomputation by plan against torch's own: `python benchmarks/recompute.py [SPEC …]`.

For shares of what autograd keeps as usual, the multiply-accumulates that a backward pass does
again: by `archcompiler build --memory`, by the partitioner of torch.compile with its
`activation_memory_budget`, and by checkpointing every block of a stage. All three are counted on
what runs: the calls of convolutions and matrix products, and the bytes of what is kept. Times are
of the emitted model, eager, in alternating pairs with the plain one. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from math import prod
from typing import Any

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
from archcompiler import CompiledNetwork

SHARES = (1.0, 0.75, 0.5, 0.25, 0.1)
aten = torch.ops.aten


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


def seconds(models: Sequence[nn.Module], x: Tensor, rounds: int) -> list[float]:
    """Times of a training step over those of the first model: medians of alternating pairs."""
    times: list[list[float]] = [[] for _ in models]
    for _ in range(rounds + 1):
        for model, found in zip(models, times, strict=True):
            start = time.perf_counter()
            model(x).sum().backward()
            found.append(time.perf_counter() - start)
            model.zero_grad()
    pairs = [zip(found[1:], times[0][1:], strict=True) for found in times]
    return [statistics.median(a / b for a, b in pair) for pair in pairs]


def row(network: CompiledNetwork, batch: int, rounds: int) -> None:
    x = torch.randn(batch, *network.spec.input)
    plain = network.module().train()
    usual, _ = eager(plain, x)
    macs = Watch(plain)
    with macs:
        plain(x)
    planned = [network.recomputing(share).module().train() for share in SHARES[1:]]
    times = seconds([plain, *planned], x, rounds) if rounds else []
    checkpointed = eager(network.module(checkpointing=True).train(), x)
    print(f"\n{network.name}, batch {batch}: {usual / 1e6:,.1f} MB are kept as usual.\n")
    print("| share | kept | again | time | torch's kept | again | checkpointing's kept | again |")
    print("| --: | --: | --: | --: | --: | --: | --: | --: |")

    def cells(kept: int, again: int) -> list[str]:
        return [f"{kept / usual:.1%}", f"{again / macs.macs:.1%}"]

    for i, share in enumerate(SHARES[1:]):
        ours, theirs = eager(planned[i], x), compiled(network.module().train(), x, share)
        time = [f"{times[i + 1]:.2f}"] if times else ["-"]
        other = cells(*checkpointed) if not i else ["", ""]
        words = [f"{share:.0%}", *cells(*ours), *time, *cells(*theirs), *other]
        print(f"| {' | '.join(words)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "specs", nargs="*", default=["attention56_cifar", "resnet50", "attention56"]
    )
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="alternating pairs; 0 times nothing")
    arguments = parser.parse_args()
    for spec in arguments.specs:
        row(archcompiler.compile(spec), arguments.batch, arguments.rounds)


if __name__ == "__main__":
    main()
