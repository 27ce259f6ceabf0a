"""Specs of other implementations: isomorphic to them, short, and refused where none can be."""

from __future__ import annotations

import gc
import os
import re
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from click.testing import CliRunner, Result
from decompiled_spec import again, proved
from drawn_blocks import block_specs
from hypothesis import assume, given, settings
from operator_examples import APPLIED, Applied
from restated import resnet
from restated.table import BACKBONES, PORTS
from shipped import ALL_TOML_SPECS, EVERY_SPEC
from test_released import as_released, released
from tiny import tiny_spec
from torch import nn

from archcompiler.cli.program import group
from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Source, Span
from archcompiler.foreign.decompile import decompiling
from archcompiler.foreign.decompile.decompiling import Decompiled, decompiled
from archcompiler.foreign.decompile.found import Finder
from archcompiler.foreign.decompile.saying import arguments
from archcompiler.foreign.decompile.source import decompile, name_of
from archcompiler.foreign.decompile.writing import spec_of
from archcompiler.foreign.loading import Implementation, load_implementation
from archcompiler.ir import TensorType
from archcompiler.ops.registry import find_operator
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import isomorphism

ROOT = Path(__file__).parents[3]
SPEC = tiny_spec({"channels": 32, "before": 2}, {"channels": 64, "stride": 2})
QUICK = ("wrn28_10", "convnext_tiny")
SHIPPED = [path for path in ALL_TOML_SPECS if EVERY_SPEC or path.stem in QUICK]
DRAWN = 500 if "HYPOTHESIS_MAX_EXAMPLES" in os.environ else 3
LARGEST = 5_000_000 if "HYPOTHESIS_MAX_EXAMPLES" in os.environ else 40
"""Operators of a drawn network."""
nightly = pytest.mark.skipif(not EVERY_SPEC, reason="takes a minute, and runs every night")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def theirs(module: nn.Module, said: str = "model.py:Net") -> Implementation:
    return Implementation(said, Span(Source("<module>", said, "toml"), 0, len(said)), module.eval())


def found(implementation: Implementation, *input: int) -> Decompiled:
    made = decompile(implementation, TensorType(*input))
    return proved(made, implementation.traced(TensorType(*input)))


def emitted(network: CompiledNetwork) -> Implementation:
    with torch.device("meta"):
        return theirs(network.module())


def test_resnet50_is_told_as_it_is_shipped() -> None:
    with torch.device("meta"):
        module = resnet.resnet50()
    made = found(theirs(module), 3, 224, 224)
    assert made.values["unit"] == "bottleneck"
    assert made.values["stem"]["type"] == "conv_pool"
    shipped: dict[str, Any] = compile("resnet50").loaded.values.plain()
    assert made.values["stages"] == list(shipped["stages"])
    assert made.blocks == ()
    assert made.lines < 30


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_network_is_found_again_in_no_more_lines(path: Path) -> None:
    """Than it has with what it extends written out."""
    network = compile(path)
    view = dataflow(network.graph)
    made = proved(decompiled(view, network.name), view)
    written: dict[str, Any] = network.loaded.values.plain()
    assert made.lines <= toml_text(written).count("\n")
    if path.stem in ("attention56", "attention92", "attentionnext56"):
        keys = ("channels", "modules", "depth", "before", "stride")
        ours = [{k: s.get(k) for k in keys} for s in made.values["stages"]]
        theirs = [{k: s.get(k) for k in keys} for s in written["stages"]]
        assert ours == [s | {"before": None if s["before"] == 1 else s["before"]} for s in theirs]
        outer = {"p": 1, "t": 2, "r": 1}
        assert outer | made.values.get("attention", {}) == outer | {
            k: v for k, v in written["attention"].items() if k in outer
        }
        assert made.blocks == ()


def test_modules_have_their_numbers() -> None:
    """Units around the gate, in the trunk and in the mask are not taken for one another."""
    changed = tiny_spec(
        {"channels": 32, "modules": 2, "depth": 1, "before": 2},
        {"channels": 64, "stride": 2, "after": 1, "modules": 1, "depth": 0},
        attention={"p": 0, "t": 1, "r": 2, "post": 1},
    )
    made = found(emitted(compile(changed)), 3, 32, 32)
    assert made.blocks == ()
    network = made.network
    assert [s.modules for s in network.spec.stages] == [2, 1]
    assert [s.depth for s in network.spec.stages] == [1, 0]
    for stage in network.spec.stages:
        assert stage.attention.model_extra is not None
        own = stage.attention.model_extra
        assert (own["p"], own["t"], own["post"]) == (0, 1, 1)


@settings(max_examples=DRAWN)
@given(block_specs())
def test_drawn_networks_are_found_again(spec: dict[str, Any]) -> None:
    try:
        network = compile(spec)
    except CompileError:
        assume(False)
    assume(network.graph.root.operator_count <= LARGEST)
    view = dataflow(network.graph)
    proved(decompiled(view, "drawn"), view)


def test_a_term_that_is_spread_over_its_product_is_no_gate() -> None:
    """M + M·x has the shape of x, which is not that of its `trunk` M."""
    steps = {
        "pool": {"op": "global_avg_pool"},
        "conv": {"op": "conv", "channels": "c", "kernel": 1},
        "mask": {"op": "sigmoid"},
        "mul": {"op": "mul", "from": ["x", "mask"]},
        "add": {"op": "add", "from": ["mul", "mask"]},
        "norm": {"op": "norm"},
        "act": {"op": "act"},
    }
    stage = {"channels": 16, "before": 2, "unit": "spread"}
    spec = tiny_spec(stage, blocks={"spread": {"steps": steps}})
    network = compile({**spec, "stem": {**spec["stem"], "channels": 16}})
    made = found(emitted(network), *network.spec.input)
    assert "gate" not in {op.kind for op in (node.op for node in made.network.graph.nodes())}


def test_a_file_of_torch_export(tmp_path: Path) -> None:
    network = compile(tiny_spec({"channels": 32, "stride": 2, "before": 2}))
    images = torch.randn(1, *network.spec.input)
    program = torch.export.export(network.module().eval(), (images,))
    torch.export.save(program, tmp_path / "tiny_net.pt2")
    made = found(load_implementation(str(tmp_path / "tiny_net.pt2"), "<module>"), 3, 32, 32)
    assert made.network.name == "tiny_net"
    assert made.values["stages"] == [{"channels": 32, "stride": 2, "before": 2}]


@nightly
def test_a_file_of_onnx(tmp_path: Path) -> None:
    module = resnet.resnet18().eval()
    path = tmp_path / "resnet18.onnx"
    images = torch.randn(1, 3, 64, 64)
    torch.onnx.export(module, (images,), path, optimize=False, verbose=False)
    made = found(load_implementation(str(path), "<module>"), 3, 64, 64)
    assert made.values["unit"] == "basic"
    assert [stage["before"] for stage in made.values["stages"]] == [2, 2, 2, 2]


def test_units_are_found_where_sizes_are_rounded_down() -> None:
    texts = []
    for side in (64, 68):  # pixels, of which the stem makes 16 and 17
        network = compile("convnext_tiny", [f"input=[3,{side},{side}]"])
        made = decompiled(dataflow(network.graph), network.name)
        texts.append(made.text.replace(f"{side}, {side}", "H, W"))
    assert texts[0] == texts[1]


@nightly
@pytest.mark.parametrize("name", [n for n in (*BACKBONES, *PORTS) if n != "convnext_tiny"])
def test_a_restated_network(name: str) -> None:
    """All but the one that computes in words of its own what is one operator here."""
    restated = {**BACKBONES, **PORTS}[name]
    with torch.device("meta"):
        module = restated.make()
    found(theirs(module), *restated.input)


@nightly
@pytest.mark.parametrize("name", ["attention56", "attentionnext56"])
def test_a_released_graph(name: str) -> None:
    """Its operators are made of what the authors' files state, and of nothing of ours."""
    graph, view = released(name), nx.MultiDiGraph()
    for node in nx.topological_sort(graph):
        kind, hyper, (channels, *size) = graph.nodes[node]["label"]
        type = TensorType(channels, *size)
        sources = list(graph.in_edges(node, data="role"))
        op = None
        if sources:
            cls = find_operator(kind)
            assert cls is not None
            known = {f: v for f, v in hyper if f in cls.__dataclass_fields__}
            if "channels" in cls.__dataclass_fields__:
                known["channels"] = channels
            op = cls(**known)
            view.add_node(node, label=(kind, op.attributes(), type), op=op)
        else:
            view.add_node(node, label=("input", (), type), op=None)
        for source, _, role in sources:
            view.add_edge(source, node, role=role)
    made = decompiled(view, name)
    assert isomorphism(as_released(dataflow(made.network.graph)), graph) is not None
    assert made.lines < 32


def test_nothing_of_a_network_stays() -> None:
    again(tiny_spec())
    gc.collect()
    assert not [known for known in gc.get_objects() if type(known) is Finder]


def test_the_page_shows_what_comes_of_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs/guides/decompile.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"```(python|console)\n(.*?)```", page, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(blocks["python"], encoding="utf-8")
    command, _, shown = blocks["console"].partition("\n")
    result = run(*command.removeprefix("$ archcompiler decompile ").split())
    assert result.stdout == shown


SAID_TWICE = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.fc = nn.Linear(3, 4)
    def forward(self, x):
        x = self.conv(x)
        x = {odd}
        return self.fc(x.mean((2, 3)))
"""
UNSAYABLE = {
    "torch.special.bessel_j0(x)": ("E907", "model.py:11", "bessel_j0"),
    "self.conv(x)": ("E907", "model.py:11", "which `conv` has too"),
    "x + x.sum()": ("E907", "model.py:11", ""),
    "x if x.sum() > 0 else -x": ("E901", "", "cannot be traced"),
}


@pytest.mark.parametrize("odd", UNSAYABLE)
def test_what_no_spec_can_say_is_told_at_its_line(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(SAID_TWICE.format(odd=odd), encoding="utf-8")
    result = run("model.py:Net", "--input", "3,8,8", "-o", "net.toml")
    code, place, why = UNSAYABLE[odd]
    assert isinstance(result.exception, CompileError)  # which the program reports, and exits with 2
    text = str(result.exception)
    assert text.count("error[") == 1
    assert f"error[{code}]" in text
    assert place in text
    assert why in text
    assert not Path("net.toml").exists()


EMPTY = """
from torch import nn
class Nothing(nn.Module):
    def forward(self, x):
        x + 1
class Constant(nn.Module):
    def forward(self, x):
        return 5
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 0)
    def forward(self, x):
        return self.fc(x.mean((2, 3)))
"""
EMPTIES = {
    "zero.onnx": ("E901", "the file is empty"),
    "zero.pt2": ("E901", "the file is empty"),
    "model.py:Nothing": ("E901", "it returns nothing that is computed"),
    "model.py:Constant": ("E901", "it returns nothing that is computed"),
    "model.py:Net": ("E907", "model.py:14 (fc): gives a map without a number in it"),
}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("said", EMPTIES)
def test_what_computes_nothing_is_no_network(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(said.partition(":")[0]).write_text(EMPTY if ".py" in said else "", encoding="utf-8")
    result = run(said, "--input", "3,8,8")
    code, why = EMPTIES[said]
    assert isinstance(result.exception, CompileError)
    assert f"error[{code}]" in str(result.exception)
    assert why in str(result.exception)


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "why"),
    [
        ("MaxPool", ["x"], ["y"], "a MaxPool of ONNX: KeyError: 'kernel_shape'"),
        ("Conv", ["x"], ["y"], "what gives `y` lacks input 2"),
        ("Constant", [], ["y"], "a Constant of ONNX: ValueError"),
    ],
)
def test_an_onnx_file_of_unsound_nodes(
    kind: str, inputs: list[str], outputs: list[str], why: str, tmp_path: Path
) -> None:
    from onnx import TensorProto, helper, save

    maps = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    node = helper.make_node(kind, inputs, outputs)
    path = tmp_path / "odd.onnx"
    save(helper.make_model(helper.make_graph([node], "odd", maps[:1], maps[1:])), path)
    with pytest.raises(CompileError, match=f"E901.*{re.escape(why)}"):
        load_implementation(str(path), "<module>")


def test_an_onnx_file_whose_graph_has_no_output(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "none.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "none", [], [])), path)
    with pytest.raises(CompileError, match=r"E901.*its graph has no output"):
        load_implementation(str(path), "<module>")


def run(*words: str) -> Result:
    return CliRunner().invoke(group, ["decompile", *words])


def test_the_command_writes_what_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(compile(SPEC).source, encoding="utf-8")
    result = run("model.py:tiny", "--input", "3,32,32", "-o", "again.toml", "--name", "again")
    assert result.exit_code == 0, result.output
    network = compile(Path("again.toml"))
    assert network.name == "again"
    assert isomorphism(dataflow(network.graph), dataflow(compile(SPEC).graph)) is not None
    printed = run("model.py:tiny", "--input", "3,32,32", "--name", "again")
    assert printed.stdout == Path("again.toml").read_text(encoding="utf-8")
    assert "with no block of its own" in printed.stderr
    assert run("model.py:tiny", "--name", "List").exit_code == 2
    assert run("model.py:tiny", "--name", "list").exit_code == 2


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("model.py:ResNet50", "res_net50"),
        ("a/b.py:resnet50", "resnet50"),
        ("a/My-Net.onnx", "my_net"),
        ("model.py:List", "list_network"),
        ("2.pt2", "network_2"),
    ],
)
def test_names(said: str, name: str) -> None:
    assert name_of(said) == name


def test_what_is_not_proved_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a spec another network, as one with other strides is, it would be seen and refused."""
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(compile(tiny_spec()).source, encoding="utf-8")

    def changed(*given: Any) -> dict[str, Any]:
        spec = spec_of(*given)
        return spec | {"stages": [stage | {"stride": 2} for stage in spec["stages"]]}

    monkeypatch.setattr(decompiling, "spec_of", changed)
    result = run("model.py:tiny", "--input", "3,32,32", "-o", "again.toml")
    assert isinstance(result.exception, CompileError)
    assert "error[E908]" in str(result.exception)
    assert "a spec that was made is another network" in str(result.exception)
    assert not Path("again.toml").exists()


@pytest.mark.parametrize("applied", [a for a in APPLIED if a.op.simplified is not None], ids=str)
def test_every_operator_has_words(applied: Applied) -> None:
    op = applied.op.simplified
    assert op is not None
    channels = tuple(type.channels for type in applied.inputs)
    table = arguments(op, channels, applied.dims)
    assert table is not None
    assert type(op).make(channels, applied.dims, **table).simplified == op
