"""Whatever a spec or a setting holds, the answer is a report, never a traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archcompiler
from archcompiler.diagnostics.render import render

NET: dict[str, Any] = {
    "name": "net",
    "title": "Net",
    "input": [3, 32, 32],
    "classes": 10,
    "unit": {"type": "resnext", "groups": 4},
    "stem": {"type": "conv_pool", "pool": {"kernel": 3}},
    "attention": {"p": 1, "trunk": "bottleneck", "mask": {"pool": {"padding": 1}}},
    "head": {"dropout": 0.5},
    "stages": [
        {"channels": 64, "modules": 1, "depth": 1, "attention": {"t": 1}},
        {"channels": 32, "stride": 2, "unit": {"type": "own", "ratio": 2, "gate": "sigmoid"}},
    ],
    "blocks": {
        "own": {
            "title": "A block",
            "preactivation": True,
            "options": {
                "ratio": {"default": 4, "least": 1, "most": 16},
                "depth": 2,
                "mode": {"default": "hard", "choices": ["hard", "soft"]},
                "gate": {"slot": "block", "default": "none"},
                "norm": {"type": "bool", "default": "c > 2"},
            },
            "let": {"width": "c / ratio", "less": "width / 2"},
            "steps": {
                "conv": {"op": "conv", "channels": "width", "kernel": 3, "stride": "stride"},
                "norm": {"op": "norm", "when": "norm and mode == 'hard'", "else": "conv"},
                "inner": {"op": "own", "depth": "depth - 1", "when": "depth > 1"},
                "units": {"op": "bottleneck", "channels": "c", "repeat": "ratio - 1"},
                "gate": {"op": "gate", "ratio": "less"},
                "back": {"op": "conv", "channels": "c", "kernel": [1, "3 / 3"], "bias": "norm"},
                "project": {
                    "op": "conv",
                    "from": "x",
                    "channels": "c",
                    "kernel": 1,
                    "stride": "stride",
                },
                "add": {"op": "add", "from": ["back", "project"]},
            },
        }
    },
}
WORDS = [
    *("resnext", "conv", "class", "mixed", "local", "\x00", '"""\\N{x}', "own", "none", "x", "act"),
    *("c / 0", "c - 64", "-c", "c * 9007199254740993", "log2(0)", "width", "depth + 1", "1e400"),
    *("c ** 2", "a.b.c", "lambda: 0", "'", "(" * 99, "not" * 66, "max(c)", "ratio.x", "é"),
    *("1 < c < 3", "mode", "mode == 3", "gate", "gate.preactivation", "c if norm else 0.5", "f(c)"),
]


def test_the_network_is_sound() -> None:
    assert archcompiler.check(NET) == []


KEYS = ["type", "0", "groups", "mask", "channels", "\x00", "x", "op", "from", "default", "slot"]

junk = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 70_000),
        st.sampled_from([10**9, 10**19, 1 << 63, -1, 0.0, 0.5, 1e308]),
        st.sampled_from(WORDS),
        st.text(max_size=4),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner),
    ),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values below a value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        found
        for step, inner in steps
        for found in [
            (*path, step),
            *(places(inner, (*path, step)) if isinstance(inner, dict | list) else []),
        ]
    ]


@given(changes=st.dictionaries(st.sampled_from(places(NET)), junk, min_size=1, max_size=3))
def test_junk_anywhere_in_a_spec(changes: dict[tuple[Any, ...], Any]) -> None:
    spec = json.loads(json.dumps(NET))
    for path, value in changes.items():
        node = spec
        try:
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = value
        except (IndexError, KeyError, TypeError):
            continue
    for format in ("text", "json", "github"):
        render(archcompiler.check(spec), format).encode()


@given(key=st.sampled_from(places(NET)), text=st.text(max_size=12))
def test_junk_in_a_setting(key: tuple[Any, ...], text: str) -> None:
    settings = [f"{'.'.join(map(str, key))}={text}", text]
    render(archcompiler.check(NET, settings), "text").encode()


@given(st.binary(max_size=200))
def test_any_bytes_for_a_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for name in ("spec.toml", "spec.json"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(data)
        assert archcompiler.check(path) != []


@pytest.mark.parametrize("command", ["check", "build", "show", "verify"])
def test_the_command_line_exits_with_2(command: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "a"\nextends = 3\n')
    (tmp_path / "binary.toml").write_bytes(b"\x00\xff\xfe")
    names = ["bad.toml", "binary.toml", ".", "/dev/null", "gone.toml", "a\nb.json"]
    if command != "show":
        assert _run(command, names, tmp_path).count("error[") == len(names)
    for name in names[:1]:
        assert _run(command, [name], tmp_path).count("error[") == 1


def _run(command: str, names: list[str], folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "archcompiler", command, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr
