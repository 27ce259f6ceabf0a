"""The device, and how fast things are done on it."""

from __future__ import annotations

import ctypes
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch.utils._triton import has_triton

from archcompiler.analysis.roofline import Accelerator, accelerators
from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.ops.base import Autocast
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Speed
from archcompiler.runner.system.memory import Memory, machine_memory
from archcompiler.runner.system.place import ALONE, Place


@dataclass(frozen=True)
class Hardware:
    """Everything that `auto` stood for, settled."""

    device: torch.device
    precision: torch.dtype
    channels_last: bool
    compiled: str
    """As `speed.compile` says it."""
    tf32: bool = False
    """Whether float32 is rounded to TF32 on its way into a product."""
    threads: int = 0
    """Of a process that trains on the CPU; 0 leaves them to torch."""

    @property
    def compile(self) -> bool:
        return self.compiled != "off"

    @property
    def compile_mode(self) -> str | None:
        """Of `torch.compile`; None is its default."""
        return None if self.compiled in ("off", "on", "blocks") else self.compiled

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def take(self, module: Any, sharded: bool = False) -> Any:
        """An emitted module on this device, its maps and weights in the order of memory.

        fully_shard takes weights in the plain order only.
        """
        if hasattr(module.config, "channels_last"):
            module.config = replace(module.config, channels_last=self.channels_last)
        weights = torch.contiguous_format if sharded else self.memory_format
        return module.to(self.device, memory_format=weights)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """With as many threads as the recipe says: sums of torch on the CPU depend on them."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @property
    def casts(self) -> Autocast | None:
        """Whose autocast a run in 16 bits has."""
        if self.precision is torch.float32:
            return None
        return "cpu" if self.device.type == "cpu" else "cuda"

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass."""
        return torch.autocast(
            self.device.type, self.precision, enabled=self.precision is not torch.float32
        )

    def seed(self, value: int) -> None:
        """Of torch's own generators the two that a step may draw from; `torch.manual_seed` sets
        those of all devices, which takes a hundred times as long.
        """
        torch.default_generator.manual_seed(value)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(value)
        elif self.device.type == "mps":
            torch.mps.manual_seed(value)

    def wait(self) -> None:
        """Until all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def memory(self) -> int | None:
        """Bytes that tensors have taken at most so far; None where the device does not count."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None

    def room(self) -> tuple[Memory, str]:
        """Memory of the device, and what it is called."""
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            return Memory(total, free), f"`{self.device}`"
        return machine_memory(), "this machine"

    def peak(self) -> float | None:
        """Operations a second at best in this precision; None where that is not known."""
        if self.device.type != "cuda":
            return None
        found = _known(torch.cuda.get_device_name(self.device))
        if found is None:
            return None
        if self.precision is not torch.float32:
            return found.half
        return found.tf32 if self.tf32 and found.tf32 else found.single

    def unknown(self) -> list[Diagnostic]:
        """W721 for a GPU whose peak is not known: there will be no MFU."""
        if self.device.type != "cuda":
            return []
        name = torch.cuda.get_device_name(self.device)
        if _known(name) is not None:
            return []
        message = f"there is no MFU: `{name}` is not in the table of accelerators"
        return [warning("W721", message)]

    def emulated(self, loaded: LoadedRecipe) -> list[Diagnostic]:
        """W723 for a precision that the device does not compute in. Nothing says so of `mps`."""
        if self.precision is not torch.bfloat16 or self.device.type == "mps":
            return []
        if computes_bfloat16(self.device):
            return []
        message = f"`{self.device.type}` here emulates bfloat16, more slowly than float32"
        faster = "float16" if self.device.type == "cuda" else "float32"
        help = f"`--set speed.precision={faster}`"
        return [warning("W723", message, loaded.span(("speed", "precision")), help=help)]

    def speed(self, speed: Speed) -> Speed:
        """The recipe's settings with every `auto` replaced by what it came to."""
        return speed.model_copy(
            update={
                "precision": str(self.precision).removeprefix("torch."),
                "channels_last": "on" if self.channels_last else "off",
                "compile": self.compiled,
                "threads": self.threads,
            }
        )


def _known(name: str) -> Accelerator | None:
    return next((a for a in accelerators().values() if name in a.devices), None)


def resolve_device(wanted: str, place: Place = ALONE) -> torch.device:
    """The device of this process. Raises CompileError E707 if it is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        wanted = next(name for name, there in available.items() if there)
    if not available[wanted]:
        raise CompileError(
            error(
                "E707",
                f"there is no device `{wanted}` here",
                notes=(f"torch {torch.__version__} sees: {_listed(available)}",),
                help="`--set device=auto` takes the fastest that is there",
            )
        )
    if wanted == "cuda":
        number, count = place.local_rank, torch.cuda.device_count()
        if place.by_slurm and count == 1:
            number = 0  # With `--gpus-per-task=1` a task sees no GPU but its own.
        if number >= count:
            raise CompileError(
                error("E707", f"process {number} of this machine has no GPU of its own")
            )
        torch.cuda.set_device(number)
        return torch.device("cuda", number)
    return torch.device(wanted)


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a device has products of bfloat16: others emulate them, more slowly than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # an old torch
        return False
    has = torch.cpu.get_capabilities()
    return any(bool(has.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def settle(
    loaded: LoadedRecipe,
    device: torch.device,
    processes: int = 1,
    *,
    repeats_much: bool = False,
    narrow: bool = False,
) -> Hardware:
    """Settle every `auto` and set torch's switches. Raises CompileError E707.

    A network that `repeats_much` is compiled block by block where the recipe leaves it open; a
    `narrow` one is trained in the plain order on a CPU, which crashes with channels last.
    """
    speed = loaded.recipe.speed
    cuda = device.type == "cuda"
    precision = speed.precision
    if precision == "auto":
        precision = "bfloat16" if computes_bfloat16(device) else "float32"
    compiled: str = speed.compile
    if compiled == "auto":
        compiles = cuda and not speed.deterministic and has_triton()
        compiled = "off" if not compiles else "blocks" if repeats_much else "on"
    _require(loaded, device, processes)
    tf32 = cuda and speed.tf32 and not speed.deterministic
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = cuda and not speed.deterministic
    if speed.deterministic:
        # cuBLAS reads it when it is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As errors they would stop max pooling as well. What else there is, `unrepeatable` tells.
    torch.use_deterministic_algorithms(speed.deterministic, warn_only=True)
    if device.type == "cpu":
        keep_memory()
    crashes = narrow and device.type == "cpu"
    if crashes and speed.channels_last == "on":
        raise CompileError(
            error(
                "E707",
                "a CPU crashes with channels last: the network has 1×1 convolutions with a stride "
                "that read few channels",
                loaded.span(("speed", "channels_last")),
                help='`"auto"` takes the plain order here',
            )
        )
    plain = device.type == "mps" or speed.deterministic or crashes
    return Hardware(
        device,
        getattr(torch, precision),
        speed.channels_last == "on" or (speed.channels_last == "auto" and not plain),
        compiled,
        tf32,
        speed.threads or int(speed.shards > 0),
    )


@contextmanager
def unrepeatable(tell: Callable[[Sequence[Diagnostic]], object] | None) -> Iterator[None]:
    """Tell W722, once, of each operator for which torch has no kernel that repeats to the bit."""
    told = set(REPEATABLE)
    show = warnings.showwarning

    def look(message: Warning | str, *where: Any, **more: Any) -> None:
        found = re.match(NOT_REPEATABLE, str(message))
        if found is None:
            show(message, *where, **more)
        elif found[1] not in told:
            told.add(found[1])
            if tell is not None:
                text = f"`{found[1]}` of torch does not repeat to the bit on this device"
                tell([warning("W722", text)])

    with warnings.catch_warnings():
        warnings.filterwarnings("default", NOT_REPEATABLE)
        warnings.showwarning = look
        yield


NOT_REPEATABLE: Final = r"(\S+) does not have a deterministic implementation"
REPEATABLE: Final = frozenset({"max_pool2d_with_indices_backward_cuda"})
"""What torch warns of in any case, though it does repeat in the plain memory order."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of <malloc.h>."""
MMAP_THRESHOLDS: Final = (64 << 20, 32 << 20)
"""Larger tensors go back to the system as before: to keep those too takes a sixth more memory, in
gaps between them. An older glibc refuses the first.
"""


def keep_memory() -> None:
    """Have glibc keep what a step frees for the next one.

    By default it gives activations back to the system, which has to clear the pages for every step
    anew. Other C libraries have no `mallopt`, or take it without effect.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    any(mallopt(M_MMAP_THRESHOLD, size) for size in MMAP_THRESHOLDS)
    mallopt(M_TRIM_THRESHOLD, 1 << 30)


def _require(loaded: LoadedRecipe, device: torch.device, processes: int) -> None:
    speed = loaded.recipe.speed
    found = []
    if processes > 1 and device.type == "mps":
        found.append(
            error(
                "E707",
                f"torch trains in one process on `mps`, not in {processes}",
                loaded.span(("device",)),
            )
        )
    if speed.compile not in ("auto", "off") and device.type == "cuda" and not has_triton():
        found.append(
            error(
                "E707",
                "`torch.compile` needs triton on CUDA, and it is not here or too new for this GPU",
                loaded.span(("speed", "compile")),
            )
        )
    if speed.sync_bn and device.type != "cuda":
        found.append(
            error(
                "E707",
                f"torch has no BN over processes on `{device.type}`",
                loaded.span(("speed", "sync_bn")),
            )
        )
    if speed.precision == "float16" and device.type == "cpu":
        found.append(
            error(
                "E707",
                "float16 is of no use on a CPU",
                loaded.span(("speed", "precision")),
                help="`bfloat16` is, where the processor has it",
            )
        )
    if found:
        raise CompileError(*found)


def _listed(available: dict[str, bool]) -> str:
    return ", ".join(name for name, there in available.items() if there)
