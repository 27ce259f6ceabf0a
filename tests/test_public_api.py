"""The public surface, pinned: a change here is a change for everybody who uses the package."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import tiny_spec

import archcompiler
from archcompiler.foreign.report import text

ROOT = Path(__file__).parents[1]
SPEC = "spec: 'SpecLike', settings: 'Sequence[str]' = (), *, root: 'str | Path | None' = None"
SIGNATURES = {
    "check": f"({SPEC}) -> 'list[Diagnostic]'",
    "compile": f"({SPEC}) -> 'Network'",
    "CompileError": "(*diagnostics: 'Diagnostic', more: 'float' = 0) -> 'None'",
}
TINY = tiny_spec()
MEMBERS = {
    "backend": "field",
    "batch_norms": "property",
    "classifiers": "property",
    "deployed": "property",
    "emitted": "property",
    "for_backend": "(self, name: 'str') -> 'CompiledNetwork'",
    "graph": "field",
    "loaded": "field",
    "module": "(self, **overrides: 'Any') -> 'nn.Module'",
    "name": "property",
    "options": "field",
    "path": "(self, directory: 'str | Path' = 'generated') -> 'Path'",
    "plan": "field",
    "recomputing": "(self, share: 'float') -> 'CompiledNetwork'",
    "source": "property",
    "spec": "property",
    "trained": "field",
    "warnings": "field",
    "write": "(self, directory: 'str | Path' = 'generated', *, force: 'bool' = False) -> 'Path'",
}
"""Of `CompiledNetwork`."""
METHODS = {
    "diagram": "(self, format: 'Format' = 'svg', *, level: 'Level' = 'auto', "
    "expand: 'Sequence[str]' = (), theme: 'ThemeName' = 'paper', width: 'float' = 504.0) "
    "-> 'bytes'",
    "audit": "(self, module: 'nn.Module') -> 'Audit'",
    "flops": "(self, by: 'View' = 'network', size: 'Sequence[int] | None' = None) "
    "-> 'dict[str, Any]'",
    "state_dict_keys": "(self) -> 'dict[str, tuple[int, ...]]'",
    "verify": "(self) -> 'Proof'",
    "weights_from": "(self, module: 'nn.Module', pairs: 'Mapping[str, str] | None' = None) "
    "-> 'dict[str, Tensor]'",
}
"""What `Network` has besides."""


def test_names() -> None:
    assert archcompiler.__all__ == [
        "CompileError",
        "CompiledNetwork",
        "Diagnostic",
        "Network",
        "check",
        "compile",
    ]
    for name in archcompiler.__all__:
        assert getattr(archcompiler, name).__name__ == name
        assert getattr(archcompiler, name).__doc__
    assert dir(archcompiler) == sorted([*archcompiler.__all__, "__version__"])
    with pytest.raises(AttributeError, match="no attribute 'compiel'"):
        archcompiler.compiel  # noqa: B018


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    assert str(inspect.signature(getattr(archcompiler, name))) == SIGNATURES[name]


def test_members_of_a_compiled_network() -> None:
    members = {f.name: "field" for f in dataclasses.fields(archcompiler.CompiledNetwork)}
    assert members | _members(archcompiler.CompiledNetwork, members) == MEMBERS
    assert _members(archcompiler.Network, members) == METHODS


def _members(cls: type, besides: dict[str, str]) -> dict[str, str]:
    found = {}
    for name, member in vars(cls).items():
        if not name.startswith("_") and name not in besides:
            function = inspect.isfunction(member)
            found[name] = str(inspect.signature(member)) if function else "property"
    return found


def test_another_implementation() -> None:
    network = archcompiler.compile("attention56_cifar_spatial", ["input=[3,16,16]"])
    torch.manual_seed(0)
    module = network.module().train()
    found = network.audit(module)
    assert found.same
    assert text(found).startswith("Attention56Spatial is attention56_cifar_spatial at 3×16×16")
    assert module.training, "it stays as it is"
    weights = network.weights_from(module)
    assert weights.keys() == module.state_dict().keys()
    assert all(torch.equal(weights[name], value) for name, value in module.state_dict().items())
    other = archcompiler.compile("attention56_cifar", ["input=[3,16,16]"])
    assert not other.audit(module).same
    with pytest.raises(archcompiler.CompileError, match="E902"):
        other.weights_from(module)
    with pytest.raises(archcompiler.CompileError, match="E901"):
        network.audit(3)  # type: ignore[arg-type]


def test_a_network_shows_itself() -> None:
    network = archcompiler.compile(ROOT / "specs/attention56.toml")
    assert repr(network).startswith("<Network attention56 · 31,810,728 parameters · 6,270,836,736")
    shown = network._repr_html_()
    assert "<b>Attention-56</b>" in shown
    assert shown.count("<svg") == shown.count("<table>") == 1
    assert '<th style="text-align: right">31.811</th>' in shown
    spec = {"title": "<script>alert(1)</script>", **json.loads(json.dumps(TINY))}
    assert "<script" not in archcompiler.compile(spec)._repr_html_()


def test_the_methods_are_the_commands() -> None:
    network = archcompiler.compile(TINY)
    costs = network.flops("stage")
    assert [row["name"] for row in costs["rows"]] == ["stem", "stage1", "head"]
    assert network.flops(size=(64, 64))["macs"] > costs["macs"]
    assert network.diagram("pdf").startswith(b"%PDF")
    assert network.verify().holds
    model = network.module()
    assert network.state_dict_keys() == {k: tuple(v.shape) for k, v in model.state_dict().items()}


def test_a_diagnostic_and_its_error() -> None:
    assert [f.name for f in dataclasses.fields(archcompiler.Diagnostic)] == [
        "code",
        "severity",
        "message",
        "span",
        "notes",
        "help",
    ]
    with pytest.raises(archcompiler.CompileError) as caught:
        archcompiler.compile({"name": "tiny"})
    assert list(caught.value.diagnostics) == archcompiler.check({"name": "tiny"})
    assert "error[E202]" in str(caught.value)


HEAVY = {"torch", "jinja2", "networkx", "pydantic", "fvcore", "numpy", "click"}
CLI = "from archcompiler.cli.program import group; group({}, standalone_mode=False)"
IMPORTS = {
    "import archcompiler": set(),
    "from archcompiler import Diagnostic": set(),
    CLI.format("['--help']"): {"click"},
    CLI.format("['build', '--help']"): {
        "click",
        "pydantic",
    },
    CLI.format("['check', SPEC]"): {
        "click",
        "pydantic",
    },
    CLI.format("['build', '-o', OUT, SPEC]"): {
        "click",
        "jinja2",
        "pydantic",
    },
}
"""What each statement may import of the heavy packages."""


@pytest.mark.parametrize(
    "statement", IMPORTS, ids=lambda s: s.partition("group(")[2].partition(", s")[0] or s
)
def test_imports_no_more_than_it_needs(statement: str, tmp_path: Path) -> None:
    spec, out = str(ROOT / "specs/attention56.toml"), str(tmp_path)
    script = f"import sys; SPEC, OUT = {spec!r}, {out!r}; {statement}; print('|', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.rpartition("|")[2].split()) & HEAVY <= IMPORTS[statement]


UNUSED = (
    "networkx",
    "tree_sitter",
    "importlib.metadata",
    *("archcompiler.config.settings", "archcompiler.language.checking", "archcompiler.spec.bounds"),
    *("archcompiler.diagnostics.render.text", "archcompiler.syntax.place"),
    *("archcompiler.ops.attend", "archcompiler.ops.blur"),
    *("archcompiler.ops.reduce", "archcompiler.ops.split"),
    *(f"archcompiler.backends.torch.ops.{name}" for name in ("attend", "blur", "reduce", "split")),
)
"""What has to say something of another spec than a sound one, or is an operator of another."""


def test_help_waits_for_nothing_but_click() -> None:
    imported = "import sys; before = set(sys.modules); {}; print('|', *set(sys.modules) - before)"
    names = []
    for statement in ("import click, click.shell_completion", CLI.format("['--help']")):
        result = subprocess.run(
            [sys.executable, "-c", imported.format(statement)],
            capture_output=True,
            text=True,
            check=True,
        )
        names.append(set(result.stdout.rpartition("|")[2].split()))
    ours = {name for name in names[1] if name.split(".")[0] == "archcompiler"}
    assert "archcompiler.cli.program" in ours
    assert not ours & {"archcompiler.diagnostics", "archcompiler.shipped", "archcompiler.compiler"}
    assert not (names[1] - names[0]) & {"dataclasses", "json", "pathlib", "typing_extensions"}


def test_a_sound_spec_waits_for_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    arguments = ["build", "-o", str(tmp_path), str(ROOT / "specs/attention452.toml")]
    names = tmp_path / "names.txt"
    statement = (
        f"from archcompiler.cli.program import run; code = run({arguments}); import sys; "
        f"open({str(names)!r}, 'w').write(' '.join(sys.modules)); sys.exit(code)"
    )
    result = subprocess.run(
        [sys.executable, "-c", statement], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "attention452.py").is_file()
    imported = set(names.read_text().split())
    assert "archcompiler.emit.render" in imported
    assert not imported.intersection(UNUSED)


def test_the_typing_marker_is_there() -> None:
    assert (ROOT / "archcompiler/py.typed").exists()


MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "archcompiler").rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried
    assert not failed


def test_a_network_is_written_and_built(tmp_path: Path) -> None:
    network = archcompiler.compile(ROOT / "specs/attention56_cifar.toml", ["classes=7"])
    assert network.name == network.graph.name == network.spec.name == "attention56_cifar"
    assert network.write(tmp_path) == network.path(tmp_path) == tmp_path / "attention56_cifar.py"
    assert network.path(tmp_path).read_text() == network.source
    assert network.module(in_channels=1).head.classifier.out_features == 7


def test_a_network_can_be_handed_to_another_process() -> None:
    network = archcompiler.compile(ROOT / "specs" / "attention56.toml")
    again = pickle.loads(pickle.dumps(network))
    assert again.source == network.source
    assert again.loaded.sha256 == network.loaded.sha256
