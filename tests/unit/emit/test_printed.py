"""What is printed of a class is what a person would have written; and it is the graph still."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from operator_examples import APPLIED
from shipped import ROOT
from tiny import tiny_spec

import archcompiler
from archcompiler.backends import NAMES
from archcompiler.backends.backend import backend
from archcompiler.emit.format import format_source
from archcompiler.verify import verify

SHUFFLE = {
    "left": {"op": "part", "index": 0, "when": "stride == 1"},
    "right": {"op": "part", "from": "x", "index": 1, "when": "stride == 1"},
    "depthwise": {
        "op": "conv",
        "from": "left",
        "channels": "cin",
        "kernel": 3,
        "stride": "stride",
        "groups": "cin",
        "when": "stride != 1",
    },
    "norm1": {"op": "norm", "when": "stride != 1"},
    "conv1": {"op": "conv", "channels": "c / 2", "kernel": 1, "when": "stride != 1"},
    "conv2": {
        "op": "conv",
        "from": "right",
        "channels": "c / 2",
        "kernel": 3,
        "stride": "stride",
    },
    "concat": {"op": "concat", "from": ["conv1", "conv2"]},
    "norm2": {"op": "norm"},
}
"""A unit as ShuffleNet V2 has: Ma et al., ECCV 2018, figure 3."""


def printed(steps: dict[str, Any], **block: Any) -> str:
    """The class `Own` of a unit with these steps, used with and without a stride."""
    network = archcompiler.compile(
        {
            "name": "net",
            "input": [3, 16, 16],
            "classes": 4,
            "unit": "own",
            "stem": {"type": "conv", "channels": 8},
            "stages": [{"channels": 8, "before": 2}, {"channels": 16, "stride": 2, "before": 2}],
            "blocks": {"own": {"steps": steps, **block}},
        }
    )
    proof = verify(network)
    assert proof.holds, str(proof)
    return network.source.partition("class Own(nn.Module):")[2].partition("\n\n\n")[0]


def test_a_width_is_not_asked_again_what_is_known_of_it() -> None:
    text = printed(SHUFFLE)
    assert "            self.norm1 = nn.BatchNorm2d(in_channels)\n" in text
    assert "self.norm2 = nn.BatchNorm2d(channels)\n" in text
    assert text.count("stride == 1 else in_channels") == 1  # what the last convolution reads


def test_sums_of_widths_are_products() -> None:
    text = printed(
        {
            "both": {"op": "concat", "from": ["x", "x"]},
            "conv": {"op": "conv", "channels": "width", "kernel": 1, "stride": "stride"},
            "out": {"op": "conv", "channels": "c", "kernel": 1},
        },
        let={"width": "2 * c / 2"},
    )
    assert "self.conv = nn.Conv2d(2 * in_channels, channels, 1, stride, bias=False)" in text


def test_the_parts_of_a_map_are_taken_at_once() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}
    steps = {
        "conv": conv,
        "second": {"op": "part", "index": 1},
        "first": {"op": "part", "from": "conv", "index": 0},
        "gate": {"op": "mul", "from": ["first", "second"]},
        "concat": {"op": "concat", "from": ["gate", "first"]},
    }
    assert "        first, second = y.chunk(2, dim=1)\n" in printed(steps)
    del steps["second"]
    steps["gate"]["from"] = ["first", "first"]
    assert "self.conv(x).chunk(2, dim=1)[0]" in printed(steps)


def test_so_are_parts_of_several_sizes() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}
    steps = {
        "conv": conv,
        "rest": {"op": "part", "index": 1, "of": 4, "count": 3},
        "first": {"op": "part", "from": "conv", "index": 0, "of": 4},
        "relu": {"op": "relu"},
        "concat": {"op": "concat", "from": ["rest", "relu"]},
    }
    assert "        first, rest = channel_parts(y, 1, 3)\n" in printed(steps)
    steps["rest"]["count"] = 2
    steps["out"] = conv | {"stride": 1}
    text = printed(steps)
    assert "channel_parts(x, 1, 2, 1)[1]" in text
    assert "x.chunk(4, dim=1)[0]" in text


@pytest.mark.parametrize("framework", NAMES)
def test_parts_whose_numbers_are_options_are_the_graph(framework: str) -> None:
    """Two stages have one class, whose numbers `forward` reads."""
    if framework == "jax":
        pytest.importorskip("flax")
    steps = {
        "conv": {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"},
        "first": {"op": "part", "index": 0, "of": 4, "count": "n"},
        "rest": {"op": "part", "from": "conv", "index": "n", "of": 4, "count": "4 - n"},
        "relu": {"op": "relu", "from": "first"},
        "concat": {"op": "concat", "from": ["rest", "relu"]},
    }
    options = {"n": {"default": 1, "least": 1}}
    stages = [{"channels": 16, "unit": {"type": "own", "n": n}} for n in (1, 3)]
    spec = tiny_spec(*stages, blocks={"own": {"steps": steps, "options": options}})
    network = archcompiler.compile(spec).for_backend(framework)
    proof = verify(network)
    assert proof.holds, str(proof)
    assert network.source.count("class Own(") == 1


def test_so_are_those_under_a_condition() -> None:
    text = printed(SHUFFLE)
    assert "left, right = x.chunk(2, dim=1) if self.has_left else (x, x)\n" in text
    assert text.count("= stride == 1\n") == 1
    conv = {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}
    parts = {
        "conv": conv,
        "first": {"op": "part", "index": 0, "when": "stride == 1"},
        "second": {"op": "part", "from": "conv", "index": 1, "when": "stride == 1"},
        "gate": {
            "op": "concat",
            "from": ["second", "first"],
            "when": "stride == 1",
            "else": "conv",
        },
        "relu": {"op": "relu"},
    }
    text = printed(parts)
    assert "            first, second = x.chunk(2, dim=1)\n" in text


def test_a_condition_is_asked_of_what_is_there_by_it() -> None:
    one = {"op": "conv", "channels": "c", "kernel": 1}
    text = printed(
        {
            "conv": {**one, "stride": "stride"},
            "wide": {**one, "from": "x", "kernel": 3, "stride": "stride", "when": "cin != c"},
            "skip": {**one, "from": "conv", "when": "cin != c"},
            "add": {"op": "add", "from": ["wide", "skip"], "when": "cin != c", "else": "conv"},
            "both": {"op": "add", "from": ["add", "conv"]},
            "more": {"op": "add", "from": ["both", "wide"], "when": "cin != c"},
        }
    )
    assert text.count("if in_channels != channels") == 1
    assert "has_" not in text


def test_no_statement_of_forward_is_broken_over_lines() -> None:
    average = {"op": "avg_pool", "kernel": 2, "stride": 2, "ceil": True}
    text = printed(
        {
            "conv": {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"},
            "resize": {"op": "interpolate", "from": ["conv", "conv"], "align_corners": False},
            "pool": {"op": "max_pool", "kernel": 3, "stride": 1, "padding": 1},
            "mixed": {"op": "conv", "channels": "c", "kernel": 1},
            "mixed_norm": {"op": "norm"},
            "average": {**average, "from": "x", "count_include_pad": False, "when": "stride != 1"},
            "project": {"op": "conv", "channels": "c", "kernel": 1, "when": "cin != c"},
            "gate": {"op": "gate", "from": ["mixed_norm", "project"]},
        }
    )
    lines = text.partition("def forward")[2].splitlines()[1:]
    assert all(line.count("(") == line.count(")") for line in lines), text


GOLDEN = (ROOT / "tests" / "golden").glob("*/spec.toml")


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Files of all kinds, for every unit and for every mask, by their names."""
    found = {}
    for spec in GOLDEN:
        network = archcompiler.compile(spec)
        for name in NAMES:
            found[f"{network.name}_{name}"] = network.for_backend(name).source
        found[f"{network.name}_deploy"] = network.deployed.source
        found[f"{network.name}_memory"] = network.recomputing(0.4).source
    return found


def test_no_line_is_longer_than_those_of_the_formatter(sources: dict[str, str]) -> None:
    helpers = (
        backend(name).helper(applied.op, applied.dims) for name in NAMES for applied in APPLIED
    )
    texts = {helper.source for helper in helpers if helper is not None}
    lines = "\n\n\n".join([*sources.values(), format_source("\n\n\n".join(texts))]).splitlines()
    assert [line for line in lines if len(line) > 88] == []


def test_a_long_title_is_broken_between_words() -> None:
    title = "A convolution " + "and one more " * 12
    text = printed(
        {"conv": {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}}, title=title
    )
    first, second, *_ = text.splitlines()[1:]
    assert len(first) <= 88
    assert f"{first.strip()} {second.strip()}".startswith(f'"""{title[:120]}')


def test_shapes_are_said_of_what_a_stride_is_used_for() -> None:
    def shapes(**conv: Any) -> str:
        steps = {"conv": {"op": "conv", "channels": "c", "kernel": 3, **conv}}
        network = archcompiler.compile(
            {
                "name": "net",
                "input": [3, 16, 16],
                "classes": 4,
                "unit": "own",
                "stem": {"type": "conv", "channels": 4},
                "stages": [{"channels": 8, "before": 1, "stride": conv.get("stride", 1)}],
                "blocks": {"own": {"steps": steps}},
            }
        )
        return network.source.partition("class Own(nn.Module):")[2].splitlines()[3].strip()

    before = "(N, in_channels, H, W) to (N, channels, "
    assert shapes() == f"{before}H, W)."
    assert shapes(stride=2) == f"{before}H / 2, W / 2), sizes rounded."


def test_files_pass_a_type_checker(sources: dict[str, str], tmp_path: Path) -> None:
    api = pytest.importorskip("mypy.api")
    for name, source in sources.items():
        if not name.endswith("_memory"):  # hooks into autograd have no types
            (tmp_path / f"{name}.py").write_text(source)
    # A call of a module is `Any` in PyTorch, and mypy has no types for lambdas with defaults.
    options = ["--strict", "--disable-error-code=no-any-return", "--disable-error-code=misc"]
    said, _, code = api.run([*options, "--cache-dir", str(tmp_path / "cache"), str(tmp_path)])
    assert code == 0, said


@pytest.mark.parametrize("name", NAMES)
def test_a_long_word_of_a_title_is_not_torn_apart(name: str) -> None:
    """Where it is escaped, half of an escape at the end of a line is no Python."""
    for count in range(60, 64):
        title = "0" * 27 + "\\" * count + "x"
        network = archcompiler.compile("attention56_cifar", [f"title={json.dumps(title)}"])
        document = ast.get_docstring(ast.parse(network.for_backend(name).source))
        assert title in (document or "")
