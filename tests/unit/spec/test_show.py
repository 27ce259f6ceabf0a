import tomllib
from pathlib import Path

import pytest
from shipped import ROOT, SPECS

from archcompiler.spec.loader import load
from archcompiler.spec.show import show


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_what_is_shown_is_the_same_spec(path: Path) -> None:
    loaded = load(path)
    text = show(loaded)
    assert load(tomllib.loads(text)).sha256 == loaded.sha256
    assert show(load(tomllib.loads(text))).count("\n") == text.count("\n")


def origins(text: str) -> dict[str, str]:
    """What each line of the first table is said to come from."""
    rows = (line.partition("  # ") for line in text.split("\n\n")[0].splitlines())
    return {row[0].partition(" =")[0]: row[2] for row in rows}


def test_every_value_says_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'name = "net"\ninput = [3, 32, 32]\nclasses = 10\nstem = { type = "conv" }\n'
        "[[stages]]\nchannels = 64\nmodules = 1\ndepth = 1\n"
    )
    (tmp_path / "top.toml").write_text(
        'extends = "base.toml"\nname = "top"\n[stages.0]\ndepth = 2\n'
    )
    text = show(load(tmp_path / "top.toml", ["classes=5", "unit=resnext"]))
    folder = tmp_path.as_posix()
    assert origins(text) == {
        "name": f"{folder}/top.toml:2",
        "input": f"{folder}/base.toml:2",
        "classes": "--set classes=5",
    }
    lines = text.splitlines()

    def origin(start: str) -> str:
        (line,) = (line for line in lines if line.startswith(start))
        return line.partition("  # ")[2]

    assert origin("channels = 64") == f"{folder}/base.toml:6"
    assert origin("depth") == f"{folder}/top.toml:4"
    assert origin("groups") == "default"
    assert origin("before") == "default"
    assert origin('type = "resnext"') == "--set unit=resnext"


def test_text_that_toml_has_to_escape() -> None:
    title = 'a"""\\N{x} \x00\x1f\x7f\u2028\n\t"b'
    spec = {
        "name": "net",
        "title": title,
        "input": [3, 32, 32],
        "classes": 10,
        "stem": {"type": "conv"},
        "stages": [{"channels": 64}],
    }
    assert tomllib.loads(show(load(spec)))["title"] == title


def test_a_setting_with_a_line_break_stays_a_comment() -> None:
    loaded = load(ROOT / "specs/attention56.toml", ["title=a\nname = 'x'"])
    assert tomllib.loads(show(loaded))["name"] == "attention56"


BLOCKS = """
[blocks.own]
title = "A convolution"

[blocks.own.options]
kernel = 3
gate = { slot = "block", default = "none" }

[blocks.own.steps]
conv = { op = "conv", channels = "c", kernel = "kernel", stride = "stride" }
norm = { op = "norm" }
gate = { op = "gate" }
"""


def test_blocks_are_shown_as_they_are_written(tmp_path: Path) -> None:
    net = 'name = "net"\ninput = [3, 32, 32]\nclasses = 10\nstem = "conv"\nunit = "own"\n'
    (tmp_path / "net.toml").write_text(net + "[[stages]]\nchannels = 64\n" + BLOCKS)
    loaded = load(tmp_path / "net.toml")
    text = show(loaded)
    path = (tmp_path / "net.toml").as_posix()
    (norm,) = (line for line in text.splitlines() if line.startswith('norm = { op = "norm" } '))
    assert norm.endswith(f"# {path}:18")
    again = load(tomllib.loads(text))
    assert again.sha256 == loaded.sha256
    own = again.library.find("own")
    assert own is not None
    assert own.steps[0].arguments == {
        "channels": "c",
        "kernel": "kernel",
        "stride": "stride",
    }


def test_a_changed_step_is_shown_value_by_value_in_the_order_of_the_steps(tmp_path: Path) -> None:
    net = 'name = "net"\ninput = [3, 32, 32]\nclasses = 10\nstem = "conv"\nunit = "own"\n'
    (tmp_path / "net.toml").write_text(net + "[[stages]]\nchannels = 64\n" + BLOCKS)
    loaded = load(tmp_path / "net.toml", ["blocks.own.steps.conv.kernel=5"])
    text = show(loaded)
    (kernel,) = (line for line in text.splitlines() if line.startswith("kernel = 5"))
    assert kernel.endswith("# --set blocks.own.steps.conv.kernel=5")
    again = load(tomllib.loads(text))
    assert list(again.spec.blocks["own"]["steps"]) == ["conv", "norm", "gate"]
    assert again.sha256 == loaded.sha256
