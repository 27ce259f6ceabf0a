"""The ways to compute the same run faster or in less memory."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from unit.runner.jobs import Jobs

from archcompiler.diagnostics import CompileError, Diagnostic
from archcompiler.runner import training
from archcompiler.runner.recipe import keeping
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.system import hardware
from archcompiler.runner.system.hardware import Hardware, settle, unrepeatable
from archcompiler.runner.training import train


@pytest.mark.parametrize(
    ("setting", "tolerance"),
    [
        ("speed.deterministic=true", 1e-4),
        ("speed.checkpointing=true", 0.0),
        # BN as one multiply-add of the batch's statistics may round otherwise.
        ("speed.memory=20%", 1e-4),
        ("speed.channels_last=off", 1e-4),
        ("speed.precision=bfloat16", 0.05),
    ],
)
def test_the_run_stays_the_same(job: Jobs, tmp_path: Path, setting: str, tolerance: float) -> None:
    settings = ("iterations=4", "log_every=1", "optimizer.lr=0.01")
    train(job("plain", *settings))
    try:
        train(job("other", *settings, setting))
    finally:
        torch.use_deterministic_algorithms(False)
    plain, other = (
        [row["loss"] for row in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("plain", "other")
    )
    assert other == pytest.approx(plain, rel=tolerance, abs=0)
    if not tolerance:
        one, two = (
            read(tmp_path / name / "checkpoints" / "last.pt")["model"]
            for name in ("plain", "other")
        )
        # The statistics of BN too: a recomputed batch does not count twice.
        assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())


def test_what_a_run_keeps(job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default no convolution is computed twice; a size is for all of a step."""
    plans = []
    build_state = training.build_state
    monkeypatch.setattr(keeping, "LITTLE", 1e5)

    def look(network: Any, recipe: Any, plan: Any, *more: Any) -> Any:
        plans.append(plan)
        return build_state(network, recipe, plan, *more)

    monkeypatch.setattr(training, "build_state", look)
    settings = ("iterations=1", "log_every=1")
    for i, limit in enumerate(("auto", "40 %", "100%", "0.7MB", "4GiB")):
        train(job(f"run{i}", *settings, f"speed.memory={limit}"))
    auto, share, whole, small, large = plans
    usual = auto.image_bytes / 0.75
    assert auto.macs == 0 < auto.elements
    assert share.image_bytes <= 0.4 * usual * 1.01
    assert share.work > auto.work
    assert whole is large is None
    assert small.work > 0
    train(job("checkpointed", *settings, "speed.checkpointing=true"))
    assert plans[-1] is None
    monkeypatch.setattr(keeping, "LITTLE", 1e9)
    train(job("little", *settings))
    assert plans[-1] is None


class Convolutions(TorchDispatchMode):
    """Counts them, forward ones and those that a backward pass makes again."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):  # type: ignore[no-untyped-def]
        self.count += function is torch.ops.aten.convolution.default
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("settings", "again"),
    [
        ((), False),
        (("speed.checkpointing=true",), True),
        (("speed.memory=20%",), True),
        # A compiler has a plan of its own.
        (("speed.memory=20%", "speed.compile=on"), False),
    ],
)
def test_a_step_makes_again_what_the_recipe_says(
    job: Jobs, monkeypatch: pytest.MonkeyPatch, settings: tuple[str, ...], again: bool
) -> None:
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: None)
    counts = []
    for name, said in (("plain", ("speed.memory=100%",)), ("other", settings)):
        with Convolutions() as convolutions:
            train(job(name, "iterations=1", *said))
        counts.append(convolutions.count)
    assert (counts[1] > counts[0]) == again


@pytest.mark.parametrize("has", ["avx512_bf16", "amx_bf16", "bf16", None])
def test_a_processor_with_bfloat16_computes_in_it(
    job: Jobs, monkeypatch: pytest.MonkeyPatch, has: str | None
) -> None:
    known = {"avx512_bf16": False, "avx2": True} | ({has: True} if has else {})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    auto = job("run", "speed.precision=auto").loaded
    wanted = torch.bfloat16 if has else torch.float32
    assert settle(auto, torch.device("cpu")).precision is wanted
    said = job("run", "speed.precision=float32").loaded
    assert settle(said, torch.device("cpu")).precision is torch.float32


@pytest.mark.parametrize(("order", "strides"), [("on", 1), ("off", 32 * 32), ("auto", 1)])
def test_maps_have_the_order_of_the_recipe(
    job: Jobs, monkeypatch: pytest.MonkeyPatch, order: str, strides: int
) -> None:
    """Whatever the emitted file has by default."""
    seen = set()
    conv = torch.nn.functional.conv2d

    def look(x: Tensor, *more: Any, **options: Any) -> Tensor:
        if x.shape[1:] == (3, 32, 32):
            seen.add(x.stride(1))
        return conv(x, *more, **options)

    monkeypatch.setattr(torch.nn.functional, "conv2d", look)
    train(job("run", "iterations=1", f"speed.channels_last={order}"))
    assert seen == {strides}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("speed.memory=0.001%",), r"E702.*`memory` of 0.001% is too little.*keeps at least"),
        (("speed.memory=0.1MB",), r"E702.*`memory` of 0.1MB is too little"),
        (("speed.memory=50%", "speed.checkpointing=true"), r"E702.*cannot be combined"),
        (("speed.memory=101%",), "`memory` must be a share"),
        (("speed.memory=40",), "`memory` must be a share"),
    ],
)
def test_a_limit_that_cannot_be_kept(job: Jobs, settings: tuple[str, ...], said: str) -> None:
    with pytest.raises(CompileError, match=f"(?s){said}"):
        train(job("run", *settings))


def test_a_batch_in_parts_has_the_gradient_of_the_parts(job: Jobs, tmp_path: Path) -> None:
    train(job("parts", "iterations=3", "speed.accumulate=4"))
    rows = read_metrics(tmp_path / "parts" / "metrics.jsonl")
    assert all(row["loss"] < 5 for row in rows)


def test_auto_is_what_the_gpu_does_fast(monkeypatch: pytest.MonkeyPatch, switches: None) -> None:
    loaded = load_recipe("smoke", ("speed.precision=auto", "speed.compile=auto"))
    # A GPU that emulates bfloat16, in a process without triton.
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    monkeypatch.setattr(hardware, "has_triton", lambda: False)
    found = settle(loaded, torch.device("cuda"))
    assert found.precision is torch.float32
    assert not found.compile
    with pytest.raises(CompileError, match=r"E707.*needs triton"):
        settle(load_recipe("smoke", ("speed.compile=on",)), torch.device("cuda"))
    monkeypatch.setattr(hardware, "has_triton", lambda: True)
    assert settle(loaded, torch.device("cuda")).compile


@pytest.mark.parametrize(
    ("device", "computes", "help"),
    [
        ("cuda", False, "`--set speed.precision=float16`"),
        ("cpu", False, "`--set speed.precision=float32`"),
        ("cuda", True, None),
        ("mps", False, None),
    ],
)
def test_a_precision_that_is_emulated_is_told(
    monkeypatch: pytest.MonkeyPatch, device: str, computes: bool, help: str | None
) -> None:
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda device: computes)
    loaded = load_recipe("smoke", ("speed.precision=bfloat16",))
    found = Hardware(torch.device(device), torch.bfloat16, True, "off").emulated(loaded)
    assert [(d.code, d.help) for d in found] == ([("W723", help)] if help else [])
    assert not Hardware(torch.device(device), torch.float32, True, "off").emulated(loaded)


def test_a_run_says_that_its_precision_is_emulated(
    job: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda device: False)
    made = job("run", "iterations=1", "speed.precision=bfloat16", "device=cpu")
    assert [d.code for d in train(made).warnings] == ["W723"]


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", torch.bfloat16, 312e12),
        ("NVIDIA A100-SXM4-80GB", torch.float32, 156e12),
        ("Tesla V100-SXM2-16GB", torch.float32, 15.7e12),
        ("NVIDIA H100 NVL", torch.float16, 835.5e12),
        ("NVIDIA GH200 480GB", torch.bfloat16, 990e12),
        ("NVIDIA B200", torch.float32, 1100e12),
        ("NVIDIA RTX A1000", torch.bfloat16, None),
        ("NVIDIA L40", torch.bfloat16, None),
        ("NVIDIA T400 4GB", torch.float16, None),
    ],
)
def test_peaks_are_of_exactly_this_gpu(
    monkeypatch: pytest.MonkeyPatch, name: str, precision: torch.dtype, peak: float | None
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    found = Hardware(torch.device("cuda"), precision, True, "on", tf32=True)
    assert found.peak() == peak
    assert [d.code for d in found.unknown()] == ([] if peak else ["W721"])
    assert all(name in d.message for d in found.unknown())


def test_what_does_not_repeat_is_told_once(recwarn: pytest.WarningsRecorder) -> None:
    told: list[Diagnostic] = []
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with unrepeatable(told.extend):
            for _ in range(2):
                # One that torch has no such kernel for even on the CPU.
                torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
                warnings.warn("max_pool2d_with_indices_backward_cuda does not have a "
                              "deterministic implementation", stacklevel=1)  # fmt: skip
    finally:
        torch.use_deterministic_algorithms(False)
    (only,) = told
    assert only.code == "W722"
    assert "`put_`" in only.message
    assert not recwarn.list


def test_a_run_sets_every_switch_of_the_one_before() -> None:
    """As the runs of a study follow each other in one process."""
    cpu = torch.device("cpu")
    for deterministic in ("true", "false"):
        settle(load_recipe("smoke", (f"speed.deterministic={deterministic}",)), cpu)
        assert torch.are_deterministic_algorithms_enabled() is (deterministic == "true")


@pytest.mark.parametrize("key", ["channels_last", "compile"])
def test_what_is_not_deterministic_is_refused(key: str) -> None:
    with pytest.raises(CompileError, match=f"E702.*`{key}` cannot be on") as caught:
        load_recipe("smoke", ("speed.deterministic=true", f"speed.{key}=on"))
    assert caught.value.diagnostics[0].span is not None


def test_several_processes_are_not_for_mps() -> None:
    with pytest.raises(CompileError, match=r"E707.*one process on `mps`, not in 2"):
        settle(load_recipe("smoke"), torch.device("mps"), 2)


def test_the_speed_is_measured_to_the_end_of_the_work(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of six checkpoints each waits a tenth of a second for what the device has still to do.
    monkeypatch.setattr(Hardware, "wait", lambda self: time.sleep(0.1))
    train(job("run", "checkpoint_every=2", "evaluate_every=12", "log_every=12"))
    (row,) = (r for r in read_metrics(tmp_path / "run" / "metrics.jsonl") if r["split"] == "train")
    assert row["images_per_second"] < 12 * 16 / 0.6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("device=cuda", "there is no device `cuda` here"),
        ("speed.sync_bn=true", "no BN over processes on `cpu`"),
        ("speed.precision=float16", "float16 is of no use on a CPU"),
    ],
)
def test_what_the_machine_cannot_do_is_said(job: Jobs, setting: str, message: str) -> None:
    if "cuda" in setting and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(CompileError, match="E707") as caught:
        train(job("run", setting))
    assert message in str(caught.value)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_memory_of_a_step_is_kept_for_the_next() -> None:
    """In a process of its own: what is set stays set."""
    code = """
import ctypes, resource, torch
from archcompiler.runner.system.hardware import MMAP_THRESHOLDS, M_MMAP_THRESHOLD, settle
from archcompiler.runner.recipe.loading import load_recipe

convs = [torch.nn.Conv2d(c, 32, 3, padding=1) for c in (3, 32, 32)]
network = torch.nn.Sequential(*convs)

def faults(steps, images=16):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        network(torch.ones(images, 3, 64, 64)).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(4)
print(faults(8))
settle(load_recipe("smoke", []), torch.device("cpu"))
faults(4)
print(faults(8))
# Maps of 42 MB, which an older glibc gives back all the same.
faults(4, 80)
print(faults(8, 80) if ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLDS[0]) else 0)
"""
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    before, settled, large = map(int, printed.split())
    assert settled < before / 10
    assert large < before / 10
