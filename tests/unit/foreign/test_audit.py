"""What an audit says of a file that was changed in one known place, and of files that are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from restated import attention_ports
from restated.table import PORTS
from tiny import tiny_spec
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils.fusion import fuse_conv_bn_eval

from archcompiler import shipped
from archcompiler.cli.program import group
from archcompiler.compiler import compile
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Source, Span
from archcompiler.foreign.audit import Audit, audit
from archcompiler.foreign.loading import Implementation, implementation_of
from archcompiler.foreign.report import notes, text

SPEC = tiny_spec(
    {"channels": 32, "modules": 1, "depth": 2},
    {"channels": 64, "stride": 2},
)
NETWORK = compile(SPEC)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(toml_text(SPEC), encoding="utf-8")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(group, ["audit", *words])


def found(source: str, folder: Path) -> dict[str, Any]:
    """The report on a file, as JSON has it."""
    (folder / "model.py").write_text(source, encoding="utf-8")
    result = run("model.py:tiny", "tiny.toml", "--format", "json")
    assert isinstance(result.exception, SystemExit | None), result.exception
    told: dict[str, Any] = json.loads(result.stdout)["networks"][0]
    assert result.exit_code == int(not told["isomorphic"])
    return told


def test_the_emitted_file_is_the_network(folder: Path) -> None:
    told = found(NETWORK.source, folder)
    assert told["isomorphic"]
    assert told["deviations"] == []
    assert told["costs"]["theirs"] == told["costs"]["ours"]
    said = run("model.py:tiny", "tiny.toml", "--input", "3,48,40")
    assert said.output.startswith("model.py:tiny is tiny at 3×48×40: ")
    assert said.exit_code == 0


# What is changed, and what is found of it at that line: kind, words, how often.
CHANGES = {
    "padded pools": (
        "F.max_pool2d(x, 3, 2, ceil_mode=True)",
        "F.max_pool2d(x, 3, 2, padding=1)",
        [("padding", "max_pool padding=1 ceil=False for padding=0 ceil=True", 2)],
    ),
    "a level added once more": (
        "y = self.up(self.inner(y) + self.skip(y))",
        "y = self.up(self.inner(y) + y + self.skip(y))",
        [("sum", "add", 1)],
    ),
    "naive for residual": (
        "torch.addcmul(trunk, trunk, self.mask(x))",
        "trunk * self.mask(x)",
        [("operator", "mul for gate", 1)],
    ),
    "corners": (
        "align_corners=True",
        "align_corners=False",
        [("option", "interpolate align_corners=False for align_corners=True", 2)],
    ),
    "another activation": (
        "return torch.sigmoid(",
        "return torch.tanh(",
        [("operator", "tanh for sigmoid", 1)],
    ),
    "a norm that is left out": (
        "self.norm2(self.conv1(activated))",
        "self.conv1(activated)",
        [("missing", "batch_norm", 1)],
    ),
    "one more activation": (
        "return self.conv3(y) + shortcut",
        "return F.relu(self.conv3(y)) + shortcut",
        [("extra", "relu", 1)],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_at_its_line_and_nothing_else(name: str, folder: Path) -> None:
    old, new, expected = CHANGES[name]
    assert old in NETWORK.source
    source = NETWORK.source.replace(old, new, 1)
    line = source[: source.index(new)].count("\n") + 1
    told = found(source, folder)
    assert not told["isomorphic"]
    assert told["not_compared"] == [0, 0]
    kinds = {(deviation["kind"], deviation["what"]) for deviation in told["deviations"]}
    assert kinds == {(kind, what) for kind, what, _ in expected}
    assert len(told["deviations"]) >= expected[0][2]
    places = [d["theirs"] for d in told["deviations"] if d["theirs"] is not None]
    assert {place["line"] for place in places} <= {line}
    assert {Path(place["file"]) for place in places} <= {folder / "model.py"}
    if places:
        assert told["first"]["theirs"]["line"] == line


def test_the_first_difference_has_both_sides(folder: Path) -> None:
    old = "self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)"
    assert old in NETWORK.source
    (folder / "model.py").write_text(
        NETWORK.source.replace(old, old.replace("3, stride, padding=1", "5, stride, padding=2")),
        encoding="utf-8",
    )
    result = run("model.py:tiny", "tiny.toml")
    lines = result.output.splitlines()
    assert lines[0] == "model.py:tiny is not tiny at 3×32×32"
    assert "(stage1.before.unit1.conv2): conv" in lines[2]
    assert "kernel=5 stride=1 padding=2" in lines[2]
    assert lines[3].startswith("  spec    stage1.before.unit1.conv2: conv")
    assert "kernel=3 stride=1 padding=1" in lines[3]
    page = folder / "report.md"
    assert run("model.py:tiny", "tiny.toml", "-o", str(page)).exit_code == 1
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# `model.py:tiny` and `tiny`\n")
    assert "| other options | " in text
    assert "| conv kernel=5 padding=2 for kernel=3 padding=1 |" in text


def _tied(module: nn.Module) -> None:
    """Two norms with one scale, which has two names."""
    first, second, *_ = (m for m in module.modules() if type(m).__name__ == "PreActBottleneck")
    first.norm2.weight = second.norm2.weight


def _buffered(module: nn.Module) -> None:
    """A kernel that is no parameter."""
    conv = next(m for m in module.modules() if isinstance(m, nn.Conv2d))
    kernel = conv.weight.data
    del conv.weight
    conv.register_buffer("weight", kernel)


@pytest.mark.parametrize(
    ("change", "why"), [(_tied, "shared by several operators"), (_buffered, "no parameters")]
)
def test_weights_are_parameters_of_one_layer_each(
    change: Callable[[nn.Module], None], why: str
) -> None:
    module = NETWORK.module()
    assert audit(NETWORK, implementation_of(module)).same
    change(module)
    found = audit(NETWORK, implementation_of(module))
    assert not found.same
    assert any(note.startswith(why) for note in notes(found))


def test_what_is_dead_shared_or_thrown_away(folder: Path) -> None:
    old = "self.project = None"
    dead = NETWORK.source.replace(old, "self.project = None; self.idle = nn.Linear(7, 11)")
    told = found(dead, folder)
    assert told["isomorphic"]
    units = len({name.rpartition(".")[0] for name in told["dead"]})
    assert units > 10
    assert sum(told["dead"].values()) == units * (7 * 11 + 11)
    assert told["costs"]["theirs"]["params"] - told["costs"]["ours"]["params"] == units * 88
    # A row of one and the same unit computes what a row of equal ones would.
    old = "self.pre = row(PreActBottleneck, p, channels, channels)"
    assert old in NETWORK.source
    shared = NETWORK.source.replace("return self.post(y)", "return self.pre(y)")
    told = found(shared, folder)
    assert not told["isomorphic"]
    assert any(name.endswith("pre.unit1.conv1.weight") for name in told["shared"])
    assert all(".post." in name for name in told["dead"])
    idle = NETWORK.source.replace("return self.post(y)", "F.relu(y)\n        return self.post(y)")
    told = found(idle, folder)
    assert (told["isomorphic"], told["first"], told["deviations"]) == (False, None, [])
    assert [known["operator"] for known in told["unread"]] == ["relu → 32×32×32"]
    thrown = NETWORK.source.replace("return self.post(y)", "self.post(y)\n        return y")
    told = found(thrown, folder)
    assert not told["isomorphic"]
    assert all(".post." in name for name in told["dead"])
    assert any(".post." in known["name"] for known in told["unread"])


def test_what_has_no_operator_is_named(folder: Path) -> None:
    odd = NETWORK.source.replace("return torch.sigmoid(", "return torch.special.bessel_j0(")
    told = found(odd, folder)
    assert not told["isomorphic"]
    assert len(told["unknown"]) == 1
    assert "bessel_j0" in told["unknown"][0]["operator"]


NONE = {
    "there is no file": ("gone.py:Net", ""),
    "file name too long": ("a" * 300 + ".py:Net", ""),
    "cannot be imported": ("model.py:Net", "import nothing_of_this_name\n"),
    "it has no `Net`": ("model.py:Net", "def Nett(): pass\n"),
    "`Net()` fails": ("model.py:Net", "def Net(depth): return None\n"),
    "`Net()` is a int, not a module": ("model.py:Net", "def Net(): return 3\n"),
    "it is none of FILE.py:NAME, FILE.pt2 and FILE.onnx": ("model.py", ""),
    "cannot be traced": (
        "model.py:Net",
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        return x if x.sum() > 0 else -x\n",
    ),
    "SystemExit: 3": (
        "model.py:Net",
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        raise SystemExit(3)\n",
    ),
    "`y` is one input too many": (
        "model.py:Net",
        "from torch import nn\nclass Net(nn.Module):\n    def forward(self, x, y):\n"
        "        return x + y\n",
    ),
    "torch.export says": ("model.pt2", "nothing"),
}


@pytest.mark.parametrize("why", NONE)
def test_what_is_no_network_is_one_diagnostic(why: str, folder: Path) -> None:
    said, source = NONE[why]
    file = "model.pt2" if said.endswith("pt2") else "model.py"
    (folder / file).write_text(source, encoding="utf-8")
    result = run(said, "tiny.toml")
    assert isinstance(result.exception, CompileError)  # which the program reports
    assert result.output == ""
    assert why in str(result.exception)
    assert str(result.exception).count("error[E901]") == 1


def test_an_option_is_at_its_default(folder: Path) -> None:
    wrapped = """

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = tiny()

    def forward(self, x, mask=None, scale=1.0, twice=False):
        if mask is not None:
            x = x * mask
        if twice:
            x = x + x
        return self.inner(x)
"""
    (folder / "model.py").write_text(NETWORK.source + wrapped, encoding="utf-8")
    assert run("model.py:Wrapped", "tiny.toml").exit_code == 0


def test_what_a_file_prints_is_not_in_the_report(folder: Path) -> None:
    told = found(f"{NETWORK.source}\nprint('hello')\n", folder)
    assert told["isomorphic"]


def test_the_line_of_a_module_that_fails(folder: Path) -> None:
    (folder / "model.py").write_text(
        "def Net():\n    x = 1\n    return x.depth\n", encoding="utf-8"
    )
    text = str(run("model.py:Net", "tiny.toml").exception)
    assert "model.py:3: AttributeError" in text


def of(name: str, module: nn.Module, spec: str, *settings: str) -> Audit:
    place = Span(Source("<module>", name, "toml"), 0, len(name))
    network = compile(shipped.specs()[spec], settings)
    return audit(network, Implementation(name, place, module.eval()))


def test_the_idle_projections_of_a_port() -> None:
    """Their number is known: registered parameters less those that are called."""
    with torch.device("meta"):
        module = attention_ports.with_idle_projections(attention_ports.tengshaofeng("92_32input"))
    found = of("tengshaofeng92_32", module, "tengshaofeng92_32")
    assert found.same
    assert sum(found.dead.values()) == attention_ports.idle_projections(module)
    known = PORTS["tengshaofeng92_32"]
    assert found.theirs.parameters - sum(found.dead.values()) == known.parameters
    assert found.theirs.macs == known.macs


@pytest.mark.parametrize("unit", ["basic", "preact_basic"])
def test_batch_norms_that_are_folded(unit: str) -> None:
    """As torch.fx does it, and exporters to ONNX: those after a convolution, and no others."""
    network = compile(tiny_spec({"channels": 32, "stride": 2, "before": 2}, unit=unit))
    module = fuse(network.module().eval())
    left = any(isinstance(m, nn.BatchNorm2d) for m in module.modules())
    assert left == (unit != "basic")
    place = Span(Source("<module>", "fused", "toml"), 0, 5)
    assert not audit(network, Implementation("fused", place, module)).same, "it may be trained"
    found = audit(network, Implementation("fused", place, module, for_inference=True))
    assert found.same
    assert found.folded
    assert "with batch norms folded" in text(found)
    other = compile(tiny_spec({"channels": 32, "before": 2}, unit=unit))
    found = audit(other, Implementation("fused", place, module, for_inference=True))
    assert not found.same
    assert not found.folded


def test_what_is_otherwise_in_a_file_of_folded_batch_norms() -> None:
    """Is told alone, and not each batch norm that is not there; one of zeros is a bias too few."""
    network = compile(tiny_spec({"channels": 32, "stride": 2, "before": 2}, unit="basic"))
    module = fuse(network.module().eval())
    unit = module.stage1.before.unit2
    unit.conv1.bias = None
    place = Span(Source("<module>", "fused", "toml"), 0, 5)
    found = audit(network, Implementation("fused", place, module, for_inference=True))
    assert not found.same
    assert found.alignment is not None
    (deviation,) = found.alignment.deviations
    assert deviation.said == "conv bias=False for bias=True"
    # Where others are left, one that is not there is missed itself.
    module = network.module().eval()
    module.stage1.before.unit2.norm1 = nn.Identity()
    found = audit(network, Implementation("fused", place, module, for_inference=True))
    assert found.alignment is not None
    assert [(d.kind, d.said) for d in found.alignment.deviations] == [("missing", "batch_norm")]


def test_a_bias_before_a_batch_norm_that_is_there_is_not_a_folded_one() -> None:
    network = compile(tiny_spec(unit="basic"))
    module = network.module().eval()
    conv = module.stage1.before.unit1.conv1
    conv.bias = nn.Parameter(torch.zeros(conv.out_channels))
    place = Span(Source("<module>", "biased", "toml"), 0, 6)
    found = audit(network, Implementation("biased", place, module, for_inference=True))
    assert not found.same
    assert not found.folded
    assert found.first is not None


def test_a_batch_norm_that_is_left_may_be_the_last() -> None:
    steps = {
        "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
        "norm": {"op": "norm"},
    }
    own = {"unit": "last", "head": {"type": "none"}, "blocks": {"last": {"steps": steps}}}
    network = compile(tiny_spec({"channels": 16, "before": 2}, **own))
    place = Span(Source("<module>", "fused", "toml"), 0, 5)
    module = network.module().eval()
    unit = module.stage1.before.unit1
    unit.conv, unit.norm = fuse_conv_bn_eval(unit.conv, unit.norm), nn.Identity()
    assert audit(network, Implementation("fused", place, module, for_inference=True)).folded
