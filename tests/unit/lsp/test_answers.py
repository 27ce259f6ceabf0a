"""What is said of a place in a spec, without an editor."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.lsp.editing import ROOT

import archcompiler
from archcompiler.diagnostics import Source
from archcompiler.lsp.answers import definition, hover
from archcompiler.lsp.opened import Opened, OpenFiles

ZOO = ROOT / "archcompiler" / "zoo"
SPEC = """\
name = "se"
title = "basic"
input = [3, 32, 32]
classes = 10
stem = "conv"
unit = { type = "mine", gate = "se" }
attention = { mask = "eca" }
[head]
type = "conv"
[[stages]]
channels = 16
modules = 1
depth = 1
unit = { type = "basic" }
[[stages]]
channels = 16
attention.type = "attention"
[blocks.mine]
title = "bottleneck"
[blocks.mine.options]
gate = { slot = "mask", default = "none", help = "A mask." }
other = { slot = "mask", default = "cbam", help = "A mask." }
[blocks.mine.steps]
conv = { op = "conv", channels = "c", kernel = 3 }
se = { op = "gate" }
weighed = { op = "mul", from = ["conv", "se"] }
soft = { op = "sigmoid", from = "se" }
halved = { op = "mul", from = ["weighed", "soft"] }
simam = { op = "simam" }
last = { op = "mul", from = ["halved", "simam"] }
mask = { op = "other" }
masked = { op = "mul", from = ["last", "mask"] }
"""


def opened(text: str) -> Opened:
    return Opened(Source("net.toml", text, "toml", Path("net.toml")), OpenFiles(lambda path: None))


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ('name = "se"', None),
        ('title = "basic"', None),
        ('stem = "conv"', "stems/conv"),
        ('gate = "se"', "masks/se"),
        ('mask = "eca"', "masks/eca"),
        ('type = "conv"', "heads/conv"),
        ('type = "basic"', "units/basic"),
        ('type = "attention"', "modules/attention"),
        ('title = "bottleneck"', None),
        ('default = "cbam"', "masks/cbam"),
        ('op = "conv"', None),
        ('from = "se"', None),
        ('op = "simam"', "masks/simam"),
    ],
)
def test_a_definition_is_of_the_block_that_is_meant(line: str, file: str | None) -> None:
    found = opened(SPEC)
    assert found.diagnostics == ()
    span = definition(found, SPEC.index(line))
    expected = None if file is None else str(ZOO / f"{file}.toml")
    assert (None if span is None else str(span.source.path)) == expected


def test_a_block_of_ones_own_is_where_it_is_written() -> None:
    span = definition(opened(SPEC), SPEC.index('type = "mine"'))
    assert span is not None
    assert span.source.text[span.start :].startswith("mine]\ntitle")


def test_costs_are_those_of_the_network_and_its_stages() -> None:
    costs = archcompiler.compile("attention56").flops(by="stage")
    text = (
        'extends = "attention56"\nname = "net"\ntitle = "T"\nclasses = 1000\n'
        "[stages.1]\nmodules = 1\n"
    )
    found = opened(text)
    whole = f"**T**: {costs['params']:,} parameters, {costs['macs']:,} MACs at 224×224×3"
    for word, told in (("extends", True), ("name", True), ("title", True), ("classes", False)):
        assert (whole in (hover(found, text.index(word)) or "")) == told
    (row,) = (row for row in costs["rows"] if row["name"] == "stage2")
    said = hover(found, text.index("modules")) or ""
    assert f"{row['params']:,} parameters, {row['macs']:,} MACs" in said
    assert f"({100 * row['macs'] / costs['macs']:.1f} %)" in said


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("[3", ("input",)),
        ("# of the file", ()),
        ("# of the valid", ()),
        ("# of the first", ("stages", 0)),
        ("# of the second", ("stages", 1)),
        ("# of its unit", ("stages", 1, "unit")),
        ("# of the head", ("head",)),
    ],
)
def test_a_comment_is_of_the_header_above(word: str, path: tuple[str | int, ...]) -> None:
    """And of no value, were it an array: that ends where it ends."""
    text = (
        'name = "net"\ninput = [3, 32, 32]\n# of the file\nclasses = 10\nstem = "conv"\n'
        "expect.valid = [32, [64, 32]]\n# of the valid\n"
        "[[stages]]\nchannels = 16\n# of the first\n[[stages]]\nchannels = 16\n"
        '# of the second\n[stages.unit]\n# of its unit\ntype = "basic"\n'
        "[head]\n# of the head\nbias = true\n"
    )
    found = opened(text)
    assert found.diagnostics == ()
    assert found.path_at(text.index(word)) == path


def test_what_is_between_values_of_json_is_of_the_table() -> None:
    text = '{"head": {"bias": true  },  "stages": [{"channels": 16  }],  "name": "a"}'
    found = Opened(Source("net.json", text, "json"), OpenFiles(lambda path: None))
    for word, path in (("  }", ("head",)), ("  }]", ("stages", 0)), ('  "name', ())):
        assert found.path_at(text.index(word) + 1) == path
