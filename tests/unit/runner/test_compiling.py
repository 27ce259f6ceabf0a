"""Which parts of a network are compiled, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from shipped import EVERY_SPEC
from tiny import tiny_spec
from torch import nn
from torch._dynamo.testing import CompileCounter
from unit.runner.jobs import Jobs
from unit.runner.processes import run_alone

import archcompiler
from archcompiler.diagnostics import CompileError
from archcompiler.runner.engine import preparing
from archcompiler.runner.engine.compiling import amount, compile_module, repeats_much
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.checkpoint import read
from archcompiler.runner.system import hardware
from archcompiler.runner.system.failures import explained
from archcompiler.runner.system.hardware import settle
from archcompiler.runner.system.place import ALONE
from archcompiler.runner.training import train

STAGE = {"channels": 32, "modules": 3, "after": 4, "depth": 1}


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # Dynamo looks at it
def test_each_distinct_block_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = archcompiler.compile(tiny_spec(STAGE, input=[3, 8, 8], attention={"t": 1}))
    counter = CompileCounter()
    compile = nn.Module.compile

    def counted(self: nn.Module, mode: str | None = None, **options: Any) -> None:
        assert mode is None
        compile(self, backend=counter, **options)

    monkeypatch.setattr(nn.Module, "compile", counted)
    torch.compiler.reset()
    module, x = network.module().train(), torch.randn(2, *network.spec.input)
    expected = module(x)
    found = settle(load_recipe("smoke", ["speed.compile=blocks"]), torch.device("cpu"))
    compile_module(module, network.graph, None, found)
    torch.testing.assert_close(module(x), expected)
    # Stem, first unit, attention module, the units after them, head.
    assert counter.frame_count == 5
    torch.compiler.reset()


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")
def test_sizes_of_other_blocks_are_not_other_sizes_of_a_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kernels for any size are slower than those for the one that there is."""
    network = archcompiler.compile(tiny_spec(*[{"channels": 16, "stride": 2}] * 3))
    sizes: list[int | torch.SymInt] = []
    compile = nn.Module.compile

    def look(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        for x in inputs:
            sizes.extend(x.shape if isinstance(x, torch.Tensor) else [x])
        return graph.forward

    monkeypatch.setattr(
        nn.Module, "compile", lambda self, **options: compile(self, backend=look, **options)
    )
    torch.compiler.reset()
    module = network.module().train()
    found = settle(load_recipe("smoke", ["speed.compile=blocks"]), torch.device("cpu"))
    compile_module(module, network.graph, None, found)
    module(torch.randn(2, *network.spec.input))
    assert {type(size) for size in sizes} == {int}
    torch.compiler.reset()


def test_what_repeats_much_is_compiled_block_by_block() -> None:
    graph = archcompiler.compile("attention452").graph
    assert repeats_much(graph)
    assert amount(graph, "blocks") == "737 of 4,082 operators, each distinct block once"
    assert amount(graph, "on") == "4,082 operators"
    assert not repeats_much(archcompiler.compile("attention56").graph)


@pytest.mark.parametrize(("much", "compiled"), [(True, "blocks"), (False, "on")])
def test_auto_on_cuda(
    monkeypatch: pytest.MonkeyPatch, switches: None, much: bool, compiled: str
) -> None:
    monkeypatch.setattr(hardware, "has_triton", lambda: True)
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda device: True)
    loaded, device = load_recipe("smoke", ["speed.compile=auto"]), torch.device("cuda")
    assert settle(loaded, device, repeats_much=much).compiled == compiled
    assert settle(loaded, torch.device("cpu"), repeats_much=much).compiled == "off"


def test_a_run_asks_whether_its_network_repeats_much(
    monkeypatch: pytest.MonkeyPatch, switches: None
) -> None:
    monkeypatch.setattr(hardware, "has_triton", lambda: True)
    monkeypatch.setattr(hardware, "computes_bfloat16", lambda device: True)
    monkeypatch.setattr(preparing, "resolve_device", lambda *_: torch.device("cuda"))
    loaded = load_recipe("smoke", ["speed.compile=auto"])
    for spec, compiled in (("attention452", "blocks"), ("attention56", "on")):
        found = preparing.hardware_for(archcompiler.compile(spec), loaded, ALONE, "ddp")
        assert found.compiled == compiled


def test_a_compiler_is_told_the_share(job: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._functorch import config

    budgets = []

    def plain(self: nn.Module, mode: str | None = None) -> None:
        budgets.append(config.activation_memory_budget)

    monkeypatch.setattr(nn.Module, "compile", plain)
    for limit in ("30%", "auto"):
        train(job(f"run{limit[0]}", "iterations=1", "speed.compile=on", f"speed.memory={limit}"))
    assert budgets == [pytest.approx(0.3, abs=0.02), 1.0]


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # Dynamo looks at it
@pytest.mark.parametrize("checkpointing", ["true", "false"])
@pytest.mark.parametrize(("said", "calls"), [("reduce-overhead", 1), ("blocks", 4)])
def test_a_compiled_run_is_the_plain_one(
    job: Jobs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
    calls: int,
    checkpointing: str,
) -> None:
    """With the graphs that Dynamo and AOTAutograd make, run operator by operator: the kernels that
    Inductor would write for them are its own affair, and take half a minute.
    """
    compile = nn.Module.compile
    modes: list[str | None] = []

    def by_operators(self: nn.Module, mode: str | None = None, **options: Any) -> None:
        modes.append(mode)
        compile(self, backend="aot_eager", **options)

    monkeypatch.setattr(nn.Module, "compile", by_operators)
    settings = (
        *("iterations=3", "log_every=1", "optimizer.lr=0.01", "ema=0.9"),
        f"speed.checkpointing={checkpointing}",
    )
    train(job("plain", *settings, quiet=False))
    assert "compiling" not in capsys.readouterr().out
    train(job("compiled", *settings, f"speed.compile={said}", quiet=False))
    assert "compiling " in capsys.readouterr().out
    assert modes == [None if said == "blocks" else said] * calls
    plain, compiled = (
        [row["loss"] for row in read_metrics(tmp_path / name / "metrics.jsonl")]
        for name in ("plain", "compiled")
    )
    assert compiled == pytest.approx(plain, rel=1e-3)
    one, two = (
        read(tmp_path / name / "checkpoints" / "last.pt")["model"] for name in ("plain", "compiled")
    )
    assert list(one) == list(two)
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=0.01, atol=0.01, msg=name)


@pytest.mark.parametrize(
    ("said", "compiled", "mode"),
    [
        ("off", False, None),
        ("on", True, None),
        ("blocks", True, None),
        ("max-autotune", True, "max-autotune"),
    ],
)
def test_the_modes_of_compile(switches: None, said: str, compiled: bool, mode: str | None) -> None:
    settled = settle(load_recipe("smoke", [f"speed.compile={said}"]), torch.device("cpu"))
    assert (settled.compile, settled.compile_mode) == (compiled, mode)
    assert settled.speed(load_recipe("smoke").recipe.speed).compile == said


@pytest.mark.skipif(not EVERY_SPEC, reason="compiles for seconds: EVERY_SPEC=1, as every night")
def test_a_fresh_process_compiles(job: Jobs, tmp_path: Path) -> None:
    """Which has imported no more than training does."""
    run_alone(job("run", "iterations=1", "evaluation_images=1", "speed.compile=on"))
    assert read(tmp_path / "run" / "checkpoints" / "last.pt")["iteration"] == 1


def test_a_compiler_that_fails_is_told(job: Jobs) -> None:
    from torch._inductor import config

    torch.compiler.reset()
    # Put back by PyTorch itself: what is set, even to what it was, counts as asked for.
    failing = config.patch({"cpp.cxx": ("/nowhere/c++",), "force_disable_caches": True})
    with failing, pytest.raises(CompileError) as failed:
        train(job("run", "iterations=1", "speed.compile=on"))
    (problem,) = failed.value.diagnostics
    assert problem.code == "E715"
    assert "speed.compile=off" in str(problem.help)


def test_what_a_compiler_has_written_wrongly_is_told() -> None:
    recipe = load_recipe("smoke").recipe
    written: dict[str, Any] = {}
    code = "def call():\n    return buf\n    buf = 0\n"
    exec(compile(code, "/tmp/torchinductor_me/ab/abc.py", "exec"), written)
    with pytest.raises(CompileError, match=r"(?s)E715.*UnboundLocalError"), explained(recipe):
        written["call"]()
    # A mistake of ours is one.
    with pytest.raises(ZeroDivisionError), explained(recipe):
        _ = 1 / 0
