"""The peak of a training step against what torch's MemTracker sees of one."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from cuda_autocast import CudaAutocast
from drawn_blocks import block_specs
from hypothesis import assume, event, given
from saved_tensors import in_order
from shipped import EVERY_SPEC
from strategies import small_specs
from tiny import tiny_spec
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.analysis.held import Amount
from archcompiler.analysis.peak import step_memory
from archcompiler.diagnostics import Severity
from archcompiler.ops.base import Autocast
from archcompiler.shipped import specs

FEW = ("attention56_cifar", "resnet50")
"""MemTracker takes seconds of each; EVERY_SPEC=1 has all that are shipped."""


class Tracker(TorchDispatchMode):
    """The most bytes of storages that were made and are alive: MemTracker's, and much quicker."""

    def __init__(self, *there: torch.Tensor) -> None:
        super().__init__()
        # What is there already may be looked at by another name.
        self.there = {tensor.untyped_storage()._cdata for tensor in there}
        self.alive: dict[int, int] = {}
        self.peak = 0
        self.now = 0

    def gone(self, storage: int) -> None:
        self.now -= self.alive.pop(storage)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        result = function(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                if storage._cdata not in self.alive and storage._cdata not in self.there:
                    self.alive[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self.gone, storage._cdata)
        self.peak = max(self.peak, self.now)
        return result


class Measured:
    """A step of a network. On `meta` nothing is computed: tensors have no data."""

    def __init__(
        self,
        network: CompiledNetwork,
        images: int,
        *,
        autocast: Autocast | None = None,
        checkpointing: bool | None = None,
        device: str | None = None,
    ) -> None:
        # What computes as CUDA does needs no CUDA, and some kernels no CPU has.
        device = device or ("cpu" if autocast == "cpu" else "meta")
        self.autocast = {
            "cpu": lambda: torch.autocast("cpu", torch.bfloat16),
            "cuda": CudaAutocast,
            None: nullcontext,
        }[autocast]
        options = {} if checkpointing is None else {"checkpointing": checkpointing}
        self.model = network.module(**options).to(device).train()
        x = torch.randn(images, *network.spec.input, device=device)
        self.x = in_order(x, self.model)
        self.labels = torch.zeros(images, dtype=torch.long, device=device)

    def step(self) -> None:
        with self.autocast():
            logits = self.model(self.x)
        F.cross_entropy(logits.float().reshape(len(self.x), -1), self.labels).backward()

    @property
    def state(self) -> int:
        """Bytes of what is there before and after."""
        return sum(tensor.nbytes for tensor in self.there)

    @property
    def there(self) -> list[torch.Tensor]:
        return [*self.model.parameters(), *self.model.buffers(), self.x, self.labels]

    def by_torch(self) -> int:
        tracker = MemTracker()
        tracker.track_external(self.model, self.x, self.labels)
        with tracker:
            self.step()
        (found,) = tracker.get_tracker_snapshot("peak").values()
        return found["Total"]

    def by_us(self) -> int:
        with Tracker(*self.there) as tracker:
            self.step()
        return self.state + tracker.peak


def predicted(network: CompiledNetwork, images: int, **options: Any) -> int:
    return step_memory(network.graph, in_place=False, **options).peak(images)


@pytest.mark.parametrize(
    ("name", "checkpointing"),
    [("attention56_cifar", True), *((name, False) for name in (specs() if EVERY_SPEC else FEW))],
)
def test_the_peak_that_torch_sees(name: str, checkpointing: bool) -> None:
    network = archcompiler.compile(name)
    measured = Measured(network, 3, checkpointing=checkpointing)
    found = measured.by_torch()
    foreseen = measured.state + predicted(network, 3, checkpointing=checkpointing)
    assert foreseen == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize(
    "name",
    ["attention56_cifar", "attention56_cifar_spatial", "attention56_cifar_channel"]
    + ["attention56", "attentionnext56", "densenet121"] * EVERY_SPEC,
)
def test_the_peak_of_autocast(name: str) -> None:
    network = archcompiler.compile(name)
    measured = Measured(network, 4, autocast="cpu")
    found = measured.by_us()
    assert measured.state + predicted(network, 4, autocast="cpu") == pytest.approx(found, rel=0.005)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("attention56_cifar", ()),
        ("attention56_cifar_channel", ()),
        ("attention56_cifar", ("norm=layer", "attention.mask=attention_gate")),
        ("attention56_cifar", ("norm.type=group", "norm.groups=8", "activation=softplus")),
        *((name, ()) for name in specs() if EVERY_SPEC),
    ],
)
def test_the_peak_of_the_autocast_of_cuda(name: str, settings: tuple[str, ...]) -> None:
    """It has maps in float32 that a CPU has in 16 bits, of masks and of norms."""
    network = archcompiler.compile(name, settings)
    measured = Measured(network, 4, autocast="cuda")
    foreseen = measured.state + predicted(network, 4, autocast="cuda")
    assert foreseen == pytest.approx(measured.by_us(), rel=0.01)


def test_both_trackers_see_the_same() -> None:
    network = archcompiler.compile("attention56_cifar")
    ours, theirs = Measured(network, 2).by_us(), Measured(network, 2).by_torch()
    assert ours == pytest.approx(theirs, rel=1e-3)


def assert_foreseen(spec: dict[str, Any], within: float, autocast: Autocast | None = None) -> None:
    assume(not any(d.severity is Severity.ERROR for d in archcompiler.check(spec)))
    network = archcompiler.compile(spec)
    assume(network.graph.root.output_type.pixels == 1)
    # Of maps of a few numbers the loss, which is the trainer's, is a part that shows.
    measured = Measured(network, 64, autocast=autocast)
    foreseen = measured.state + predicted(network, 64, autocast=autocast)
    assert foreseen == pytest.approx(measured.by_us(), rel=within)
    event("compiles")


@given(small_specs())
def test_the_peak_of_drawn_networks(spec: dict[str, Any]) -> None:
    assert_foreseen(spec, 0.01)


@given(small_specs())
def test_the_peak_of_drawn_networks_by_autocast(spec: dict[str, Any]) -> None:
    assert_foreseen(spec, 0.01, "cuda")


@given(block_specs())
def test_the_peak_of_drawn_blocks(spec: dict[str, Any]) -> None:
    """Some name what is read once, and a name holds a map until its function returns."""
    assert_foreseen(spec, 0.2)


def test_how_many_images_fit() -> None:
    step = step_memory(archcompiler.compile("attention56_cifar").graph)
    for room in (step.peak(1), step.peak(100) + 1000, 2**30):
        most = step.most(room)
        assert step.peak(most) <= room < step.peak(most + 1)
    assert step.most(step.peak(1) - 1) == 0
    # Images that are there as well take their part.
    assert step.most(100 * 5000 + step.peak(100), image=5000) == 100


def test_gradients_that_stay() -> None:
    graph = archcompiler.compile(tiny_spec({"channels": 64, "before": 3})).graph
    plain, added = step_memory(graph), step_memory(graph, accumulated=True)
    parameters = 4 * sum(node.op.parameters for node in graph.nodes())
    assert added.highest(1).gradients == parameters
    assert added.peak(1) > plain.peak(1)
    assert max(m.gradients for m in plain.moments) == parameters
    assert added.forward == plain.forward
    assert Amount(3, 5).of(7) == 26
