"""One process or many: whatever has started them, the same code.

BN: each process normalises its own part of a batch with its own statistics and keeps running
averages of its own. What is evaluated and saved has their mean over the processes; for an exact
resume a checkpoint also has each process's own. With virtual shards (`engine.sharded`) all have the
same averages.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from typing import Any, Final, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.system.place import Place
from archcompiler.runner.system.signals import StopSignals

T = TypeVar("T")

TIMEOUT: Final = timedelta(minutes=10)
"""How long a process waits for the others, in any exchange."""


@dataclass(frozen=True)
class World:
    """This process and the others."""

    rank: int = 0
    size: int = 1
    control: Any = None
    """A group over the CPU for flags and small things: no device has to wait for it."""
    shards: int = 0
    """Virtual shards of a batch, a multiple of the processes; 0 if there are none."""

    @property
    def replicas(self) -> int:
        """Parts of a batch that are normalised each by itself: shards, or else processes."""
        return self.shards or self.size

    @property
    def own(self) -> range:
        """Those of them that this process computes."""
        count = self.replicas // self.size
        return range(self.rank * count, (self.rank + 1) * count)

    @property
    def apart(self) -> bool:
        """Whether processes have losses and statistics of BN of their own."""
        return self.size > 1 and not self.shards

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process; all of them must ask."""
        if self.size == 1:
            return flag
        flags = torch.tensor([flag], dtype=torch.int32)
        dist.all_reduce(flags, dist.ReduceOp.MAX, group=self.control)
        return bool(flags.item())

    def sum(self, values: Tensor) -> Tensor:
        """The sum over processes, on the CPU."""
        values = values.detach().cpu()
        if self.size > 1:
            dist.all_reduce(values, group=self.control)
        return values

    def mean(self, values: Tensor) -> Tensor:
        """The mean over processes, on the CPU, of what may be each one's own."""
        return self.sum(values) / self.size if self.apart else values.detach().cpu()

    def total(self, own: Tensor) -> Tensor:
        """The sum over replicas of what each has, (own, …) here, in their order and not in that of
        the processes: (…) float64 on the CPU.
        """
        rows = torch.zeros(self.replicas, *own.shape[1:], dtype=torch.float64)
        rows[self.own.start : self.own.stop] = own.detach().cpu()
        # Of each row all processes but one have zeros, which round nothing.
        return self.sum(rows).sum(0)

    def gather(self, value: Any) -> list[Any]:
        """The value of each process, in the first one; an empty list in the others."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size if self.first else []
        dist.gather_object(value, found if self.first else None, group=self.control)
        return found

    def share(self, value: Any) -> Any:
        """The value of the first process, in every process."""
        if self.size == 1:
            return value
        found = [value]
        dist.broadcast_object_list(found, 0, group=self.control)
        return found[0]

    def by_first(self, act: Callable[[], T]) -> T:
        """Do something in the first process alone; all get what it returns, or raise the
        CompileError that it raises.
        """
        value: T | None = None
        problem: CompileError | None = None
        if self.first:
            try:
                value = act()
            except CompileError as exc:
                problem = exc
        value, problem = self.share((value, problem))
        if problem is not None:
            raise problem
        return cast("T", value)


@contextmanager
def joined(place: Place, device: torch.device, shards: int = 0) -> Iterator[World]:
    """Join the other processes, if there are any."""
    if place.size == 1:
        yield World(shards=shards)
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(
        backend,
        init_method=place.meeting,
        rank=place.rank,
        world_size=place.size,
        timeout=TIMEOUT,
        device_id=device if device.type == "cuda" else None,
    )
    control = dist.new_group(backend="gloo", timeout=TIMEOUT)
    yield World(place.rank, place.size, control, shards)
    # Not after an error: it would wait for processes that wait for this one.
    dist.destroy_process_group()


def distribute(
    network: nn.Module, world: World, strategy: Strategy, device: torch.device
) -> nn.Module:
    """The module to call in training steps; `network` stays the one whose weights are saved."""
    if strategy == "fully_shard":
        _shard(network, world, device)
        return network
    if not world.apart:
        return network
    # BN's statistics are each process's own; see above. torch 2.13 has renamed the argument.
    arguments = signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in arguments else "broadcast_buffers"
    options: dict[str, Any] = {name: False, "gradient_as_bucket_view": True}
    if device.type == "cuda":
        options["device_ids"] = [device]
    return DistributedDataParallel(network, **options)


def _shard(network: nn.Module, world: World, device: torch.device) -> None:
    from torch.distributed.device_mesh import init_device_mesh

    if world.size == 1:
        return
    # Logits may be a view, of a map that the head has flattened: nothing changes them in place.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
    mesh = init_device_mesh(device.type, (world.size,))
    for child in network.children():
        for block in child.children():
            if any(block.children()):
                fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)


@contextmanager
def synchronised(model: nn.Module, last: bool) -> Iterator[None]:
    """Exchange gradients after the last accumulated part only."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(last)
    waits = isinstance(model, DistributedDataParallel) and not last
    with model.no_sync() if waits else nullcontext():  # type: ignore[operator]
        yield


def whole(tensor: Tensor) -> Tensor:
    """A copy of a tensor on the CPU, with all its shards; every process must ask."""
    if isinstance(tensor, DTensor):
        tensor = tensor.full_tensor()
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def load_whole(target: Tensor, values: Tensor) -> None:
    """Set a tensor, of which this process may hold a shard, from all its values."""
    with torch.no_grad():
        if isinstance(target, DTensor):
            values = values.to(target.device)
            target.copy_(distribute_tensor(values, target.device_mesh, target.placements))
        else:
            target.copy_(values)


def mean_buffers(own: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean over processes of BN's running averages; its counters agree anyway."""
    if len(own) == 1:
        return dict(own[0])
    return {
        name: torch.stack([buffers[name] for buffers in own]).mean(0)
        if first.is_floating_point()
        else first
        for name, first in own[0].items()
    }


class StopVote:
    """Whether any process wants to stop, one step late and without waiting for the answer."""

    def __init__(self, world: World, signals: StopSignals) -> None:
        self.world = world
        self._signals = signals
        self._flags: Tensor | None = None
        self._work: Any = None

    def stopped(self) -> bool:
        """Cast this step's vote and count the last step's; all processes get the same answer."""
        if self.world.size == 1:
            return self._wanted
        answer = self.finish()
        self._flags = torch.tensor([self._wanted], dtype=torch.int32)
        self._work = dist.all_reduce(
            self._flags, dist.ReduceOp.MAX, group=self.world.control, async_op=True
        )
        return answer

    def alone(self) -> bool:
        """Whether to give up what may never come: a process alone may, one of several has a vote
        and its grace.
        """
        return self.world.size == 1 and self._wanted

    @property
    def _wanted(self) -> bool:
        return self._signals.received is not None

    def finish(self) -> bool:
        """Count the last votes."""
        if self._work is None or self._flags is None:
            return False
        self._work.wait()
        self._work = None
        return bool(self._flags.item())


@contextmanager
def averaged_buffers(network: nn.Module, world: World) -> Iterator[None]:
    """The mean of BN's running averages over the processes, in place of each one's own."""
    if not world.apart:
        yield
        return
    own = {name: b.detach().clone() for name, b in network.named_buffers()}
    gathered = world.gather({name: b.cpu() for name, b in own.items()})
    mean = world.share(mean_buffers(gathered) if world.first else None)
    for name, b in network.named_buffers():
        b.copy_(mean[name])
    try:
        yield
    finally:
        for name, b in network.named_buffers():
            b.copy_(own[name])


def reshard(network: nn.Module) -> None:
    """Let go of gathered parameters; nothing to do where there are no shards."""
    for module in network.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def warm_up(model: nn.Module, forward: Callable[[], Tensor]) -> None:
    """One backward pass without a step, for DDP.

    It orders its buckets anew after the first one, and with them its sums: a resumed process has
    to start where the others are. Leaves parameters and buffers as they were.
    """
    if not isinstance(model, DistributedDataParallel):
        return
    kept = [b.detach().clone() for b in model.buffers()]
    forward().backward()  # type: ignore[no-untyped-call]
    model.zero_grad(set_to_none=True)
    with torch.no_grad():
        for buffer, value in zip(model.buffers(), kept, strict=True):
            buffer.copy_(value)
