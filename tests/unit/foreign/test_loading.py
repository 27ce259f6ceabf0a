"""Code of others that fails as it is run: one diagnostic, and streams that are still there."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from command_line import run
from torch import nn

from archcompiler.diagnostics import CompileError
from archcompiler.foreign.loading import implementation_of, load_implementation

MODEL = """
import io, sys
from torch import nn

class Silent(Exception):
    def __str__(self):
        raise ValueError("nothing to say")

class Number(Exception):
    def __str__(self):
        return 5

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 8, 3), nn.ReLU())

class Forgetful(nn.Module):
    def __init__(self):
        pass

def meta():
    return nn.Conv2d(3, 8, 3).to("meta")

class Fails(nn.Module):
    def forward(self, x):
        {0}

def fails():
    {0}

class Frozen(Net):
    def train(self, mode=True):
        super().train(mode)
"""
FAILURES = {
    "raise Silent()": "Silent",
    "raise Number()": "Number",
    "raise BaseException('x')": "BaseException: x",
    "raise GeneratorExit": "GeneratorExit",
    "sys.exit(3)": "SystemExit: 3",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(statement: str = "pass", imported: str = "") -> None:
    Path("model.py").write_text(MODEL.format(statement) + imported, encoding="utf-8")


def refused(name: str) -> str:
    with pytest.raises(CompileError) as caught:
        load_implementation(f"model.py:{name}", "<module>")
    text = str(caught.value)
    assert text.count("error[E901]") == 1
    return text


@pytest.mark.parametrize("statement", FAILURES)
def test_whatever_code_raises_is_one_diagnostic(statement: str) -> None:
    write(statement)
    assert "`fails()` fails" in refused("fails")
    assert f"model.py:29: {FAILURES[statement]}\n" in refused("fails")
    printed = run("decompile", "model.py:Fails", "--input", "3,8,8", code=2).stderr
    assert f"cannot be traced at model.py:26: {FAILURES[statement]}\n" in printed
    write(imported=statement)
    assert "`model.py` cannot be imported" in refused("Net")


def test_an_interrupt_in_code_is_an_interrupt() -> None:
    write("raise KeyboardInterrupt")
    for name in ("fails", "Fails"):
        printed = run("decompile", f"model.py:{name}", "--input", "3,8,8", code=130)
        assert printed.stderr == ""


def test_a_module_that_cannot_be_on_the_cpu() -> None:
    write()
    assert "Cannot copy out of meta tensor" in refused("meta")
    assert "= help: begin its `__init__` with `super().__init__()`" in refused("Forgetful")
    with pytest.raises(CompileError, match="E901"):
        implementation_of(nn.Linear(1, 1).to("meta"))


def test_a_module_whose_train_returns_nothing() -> None:
    write()
    module = load_implementation("model.py:Frozen", "<module>").module
    assert not module.training


def test_an_argument_too_few_is_only_of_what_is_called() -> None:
    write(imported="def net(depth):\n    pass\ndef other():\n    net()\n")
    assert "= help: name a function without arguments" in refused("net")
    assert "= help" not in refused("other")


def test_the_line_may_be_in_a_file_beside_it() -> None:
    Path("parts.py").write_text(
        "from torch import nn\ndef half(c):\n    return nn.Conv2d(c / 2, c, 1)\n", encoding="utf-8"
    )
    Path("model.py").write_text("import parts\ndef net():\n    return parts.half(8)\n", "utf-8")
    text = refused("net")
    assert "parts.py:3: TypeError" in text
    assert "= help: widths are whole numbers: divide by `//`" in text


def test_a_file_that_tidies_up_after_itself() -> None:
    write(imported="del sys.path[0]\nsys.modules.pop(__name__)\nraise ValueError\n")
    path = [*sys.path]
    assert "ValueError" in refused("Net")
    assert sys.path == path


def test_what_has_no_such_name() -> None:
    write(imported="x = 5\ndef __getattr__(name):\n    raise ValueError(name)\n")
    assert "it has no `y`" in refused("x.y")
    assert "ValueError: Nat" in refused("Nat")


STREAMS = {
    "none": "sys.stdout = None; sys.stderr = None",
    "closed": "sys.stdout.close(); sys.stderr.close()",
    "of parts": "sys.stdout.buffer.close(); sys.stderr.detach().close()",
    "in UTF-8": "sys.stdout = io.TextIOWrapper(sys.stdout.buffer); "
    "sys.stderr = io.TextIOWrapper(sys.stderr.detach())",
}


@pytest.mark.parametrize("done", STREAMS)
def test_streams_are_there_when_code_has_run(done: str) -> None:
    write(STREAMS[done], "def net():\n    fails()\n    print('hello')\n    return Net()\n")
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "ab")
    with redirect_stdout(out), redirect_stderr(err):
        load_implementation("model.py:net", "<module>")
        assert sys.stdout is out
        assert sys.stderr is err
        print("a spec")
        print("a summary", file=sys.stderr)
    assert out.buffer.getvalue() == b"a spec\n"  # type: ignore[attr-defined]
    assert err.buffer.getvalue().endswith(b"a summary\n")  # type: ignore[attr-defined]


def test_a_network_that_fails_with_numbers_alone(tmp_path: Path) -> None:
    write()
    Path("net.toml").write_text(
        'name = "net"\ninput = [3, 8, 8]\nclasses = 4\nstem = "conv"\n[[stages]]\nchannels = 16\n',
        encoding="utf-8",
    )
    run("build", "net.toml", "-o", "net.py")
    Path("odd.py").write_text(
        "import torch\nimport net\n"
        "class Odd(net.Net):\n"
        "    def forward(self, x):\n"
        "        if type(x) is torch.Tensor and x.is_cpu and x.dtype == torch.float64:\n"
        "            raise GeneratorExit\n"
        "        return super().forward(x)\n",
        encoding="utf-8",
    )
    printed = run("weights", "net.toml", "--from", "odd.py:Odd", code=2).stderr
    assert "it cannot be run in float64" in printed
