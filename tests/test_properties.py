"""What passes the checks works in torch; what does not is a diagnostic, never a traceback."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_specs, specs, to_toml, valid_specs
from tiny import tiny_spec
from torch import nn

import archcompiler
from archcompiler.analysis.parameters import parameter_count
from archcompiler.analysis.sizes import valid_sizes
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import Severity
from archcompiler.diagnostics.codes import all_codes
from archcompiler.diagnostics.render import render
from archcompiler.emit.header import without_source

NO_PLACE = "a spec holds only what JSON can say"
"""The one message about a spec as a whole, which was never text that could be pointed at."""


def images(network: CompiledNetwork, *size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, network.graph.input.channels, *size, generator=generator)


def gradients(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor | None]:
    """Gradients of a sum of squares, by parameter; None for a parameter that took no part."""
    model.zero_grad(set_to_none=True)
    model(x).square().sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@given(valid_specs())
def test_a_valid_network_runs_forward_and_backward(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    model = network.module()
    x = images(network, *network.graph.input.size)
    for training in (True, False):
        model.train(training)
        assert model(x).shape == (2, spec["classes"])
        for name, gradient in gradients(model, x).items():
            assert gradient is not None, f"{name} is dead"
            assert gradient.isfinite().all(), f"{name} has a gradient that is not finite"
    assert sum(p.numel() for p in model.parameters()) == parameter_count(network.graph)


@given(valid_specs())
def test_intermediate_shapes_are_the_graphs(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    model = network.module().eval()
    x = images(network, *network.graph.input.size)
    with torch.no_grad():
        features = model.stage_features(x)
    expected = {
        step.name: (2, step.type.channels, *step.type.size)
        for step in network.graph.root.steps
        if step.name.startswith("stage")
    }
    assert {name: tuple(feature.shape) for name, feature in features.items()} == expected


@given(valid_specs())
def test_the_valid_sizes_are_torchs(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    model = network.module().eval()
    sizes = valid_sizes(network.graph)
    claimed = {n for start, end in sizes.ranges for n in range(start, end + 1)}
    assert claimed
    edges = {near for start, end in sizes.ranges for near in (start - 1, start, end, end + 1)}
    for size in sorted(edges & set(range(1, sizes.tried + 1))):
        x = images(network, *[size] * network.graph.input.dims)
        with torch.no_grad():
            if size in claimed:
                assert model(x).shape == (2, spec["classes"])
            else:
                with pytest.raises((RuntimeError, ValueError)):
                    model(x)


@given(valid_specs())
def test_a_rectangle_of_valid_sides_is_valid(spec: dict[str, Any]) -> None:
    network = archcompiler.compile(spec)
    start, end = valid_sizes(network.graph).ranges[-1]
    model = network.module().eval()
    with torch.no_grad():
        sides = (start, min(end, start + 9))[-network.graph.input.dims :]
        assert model(images(network, *sides)).shape == (2, spec["classes"])


@given(valid_specs())
def test_the_source_is_free_of_lint_and_formatted(spec: dict[str, Any]) -> None:
    source = archcompiler.compile(spec).source
    for arguments in (["check"], ["format", "--check"]):
        command = [
            sys.executable,
            "-m",
            "ruff",
            *arguments,
            "--isolated",
            "--stdin-filename",
            "m.py",
            "-",
        ]
        result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
    assert "noqa" not in source or "noqa" in json.dumps(spec)


@given(valid_specs(), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(spec: dict[str, Any], random: random.Random) -> None:
    assert archcompiler.compile(shuffled(spec, random)).source == archcompiler.compile(spec).source


def shuffled(value: Any, random: random.Random) -> Any:
    if isinstance(value, list):
        return [shuffled(child, random) for child in value]
    if not isinstance(value, dict):
        return value
    items = [(key, shuffled(child, random)) for key, child in value.items()]
    random.shuffle(items)
    return dict(items)


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
@given(drawn=st.lists(valid_specs(), min_size=10, max_size=10))
@settings(max_examples=1)
def test_the_hash_seed_changes_nothing(seed: str, drawn: list[dict[str, Any]]) -> None:
    script = (
        "import hashlib, json, sys, archcompiler\n"
        "for line in sys.stdin:\n"
        "    source = archcompiler.compile(json.loads(line)).source\n"
        "    print(hashlib.sha256(source.encode()).hexdigest())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        input="".join(json.dumps(spec) + "\n" for spec in drawn),
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    sources = [archcompiler.compile(spec).source for spec in drawn]
    assert result.stdout.split() == [hashlib.sha256(s.encode()).hexdigest() for s in sources]


@given(spec=valid_specs())
def test_toml_and_json_mean_the_same(
    tmp_path_factory: pytest.TempPathFactory, spec: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("specs")
    toml, as_json = folder / "spec.toml", folder / "spec.json"
    toml.write_bytes(to_toml(spec).encode())
    as_json.write_bytes(json.dumps(spec).encode())
    one, other = archcompiler.compile(toml), archcompiler.compile(as_json)
    assert one.source != other.source, "the source line names the file"
    assert without_source(one.source) == without_source(other.source)
    assert one.loaded.sha256 == archcompiler.compile(spec).loaded.sha256


def assert_explained(found: list[archcompiler.Diagnostic]) -> None:
    """Each finding has a code with a page and a place in a text, and can be printed."""
    assert len(set(found)) == len(found), "one cause is reported twice"
    for diagnostic in found:
        assert diagnostic.code in all_codes()
        assert diagnostic.message
        assert diagnostic.message[0].isprintable()
        if not diagnostic.message.startswith(NO_PLACE):
            assert diagnostic.span is not None, diagnostic
    for format in ("text", "json", "github"):
        render(found, format)
    json.loads(render(found, "json"))


@given(any_specs())
@settings(max_examples=200)
def test_an_invalid_spec_is_a_diagnostic(spec: dict[str, Any]) -> None:
    found = archcompiler.check(spec)
    assert_explained(found)
    if all(d.severity is not Severity.ERROR for d in found):
        assert archcompiler.compile(spec).source


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
).filter(lambda value: isinstance(value, dict)))  # fmt: skip
def test_any_table_is_a_diagnostic(spec: dict[str, Any]) -> None:
    found = archcompiler.check(spec)
    assert found
    assert_explained(found)


@given(spec=specs(), cut=st.data())
def test_a_damaged_file_is_a_diagnostic(
    tmp_path_factory: pytest.TempPathFactory, spec: dict[str, Any], cut: st.DataObject
) -> None:
    suffix = cut.draw(st.sampled_from(["toml", "json"]))
    data = (to_toml(spec) if suffix == "toml" else json.dumps(spec)).encode()
    start = cut.draw(st.integers(0, len(data)))
    data = (
        data[:start] + cut.draw(st.binary(max_size=3)) + data[start + cut.draw(st.integers(0, 9)) :]
    )
    path = Path(tmp_path_factory.mktemp("damaged"), f"spec.{suffix}")
    path.write_bytes(data)
    assert_explained(archcompiler.check(path))


@given(st.lists(st.text(max_size=12).flatmap(
    lambda key: st.builds("{}={}".format, st.sampled_from(
        ["stages.0.modules", "stages.0", "stages", "attention.p", "name", "stem.pool", "unit", key]
    ), st.sampled_from(["1", "-1", "[]", "{}", "'a'", "a b", "1\nx=2", "nan", "0x", "true", ""]))),
    min_size=1, max_size=3))  # fmt: skip
def test_any_settings_are_a_diagnostic(settings: list[str]) -> None:
    spec = tiny_spec({"channels": 16, "modules": 1, "depth": 1})
    try:
        found = archcompiler.check(spec, settings)
    except archcompiler.CompileError:
        pytest.fail("check raised")
    assert_explained(found)


@pytest.mark.parametrize("data", [b"\xfe\xff", b"\xff\xfe", "name = 1".encode("utf-16")])
def test_a_file_in_utf_16_is_shown_where_it_starts(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(data)
    found = archcompiler.check(path)
    assert_explained(found)
    assert [d.code for d in found] == ["E102"]


def test_a_setting_that_is_wrong_twice_is_reported_once() -> None:
    spec = {"name": "net", "input": [3, 32, 32], "classes": 10,
            "stages": [{"channels": 16, "modules": 1}]}  # fmt: skip
    assert len(archcompiler.check(spec, ["=1", "=1"])) == 1
