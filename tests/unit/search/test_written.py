"""Specs, tables and plots that `archcompiler search` writes."""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import run
from PIL import Image
from unit.search.spaces import SPACE

import archcompiler


def test_specs_that_are_written_cost_what_was_said(folder: Path) -> None:
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)["front"]
    printed = run("search", "space.toml", "--write", "found", "--top", "2").stdout
    assert printed.splitlines()[-2:] == ["found/space_1.toml", "found/space_2.toml"]
    for each in found[:2]:
        network = archcompiler.compile(f"found/{each['name']}.toml")
        assert network.name == each["name"]
        assert network.flops()["macs"] == each["macs"]
        assert network.flops()["params"] == each["params"]
        assert network.flops()["train_saved_bytes"] == each["memory"]
        assert network.flops()["trunk_depth"] == each["depth"]
    # It is a promise: what is changed by hand does not keep it.
    path = Path("found/space_1.toml")
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text)["extends"] == "../base.toml"
    path.write_text(text.replace("before = 3", "before = 4"), encoding="utf-8")
    assert "E320" in run("check", str(path), code=2).stderr
    # Another file of that name is left alone, and so is everything beside it.
    Path("found/space_2.toml").unlink()
    words = ("search", "space.toml", "--write", "found", "--top", "2", "-o", "front.csv")
    assert "E407" in run(*words, code=2).stderr
    assert not Path("front.csv").exists()
    assert [file.name for file in Path("found").iterdir()] == ["space_1.toml"]


def test_specs_that_are_written_say_that_they_are_variants(folder: Path) -> None:
    run("search", "space.toml", "--write", "plain", "--top", "1")
    plain = tomllib.loads(Path("plain/space_1.toml").read_text(encoding="utf-8"))
    assert plain.keys().isdisjoint({"title", "description", "class_name"})
    spec = Path("base.toml").read_text(encoding="utf-8")
    said = 'title = "A net"\ndescription = "For tests."\nclass_name = "Tiny"\n'
    Path("base.toml").write_text(said + spec, encoding="utf-8")
    # What is there already and the same is no hindrance.
    for _ in range(2):
        run("search", "space.toml", "--write", "found", "--top", "2")
    for number in (1, 2):
        text = Path(f"found/space_{number}.toml").read_text(encoding="utf-8")
        assert text.startswith(f"# Number {number} of ")
        found = tomllib.loads(text)
        assert found["title"] == f"A net, variant {number}"
        assert found["description"] == "A variant of tiny."
        network = archcompiler.compile(f"found/space_{number}.toml")
        assert f"class {found['class_name']}(nn.Module):" in network.source
        assert found["class_name"] != "Tiny"


def test_where_no_folder_can_be_nothing_is_written(folder: Path) -> None:
    said = run("search", "space.toml", "--write", "base.toml/found", code=2).stderr
    assert "error[E403]: cannot write `base.toml" in said


def test_a_plot_has_a_point_for_each_cost(folder: Path) -> None:
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)["front"]
    names = ("front.svg", "front.pdf", "front.png")
    for name in names:
        # Whatever is printed, the plot has the whole front.
        run("search", "space.toml", "--plot", name, "--top", "1")
    root = ElementTree.fromstring(Path("front.svg").read_bytes())
    groups = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("role") == "img"]
    costs = {(each["params"], each["macs"], each["memory"], each["depth"]) for each in found}
    assert len(groups) == len(costs) + 1  # and the spec that is changed
    rects = [next(iter(g.iter("{http://www.w3.org/2000/svg}rect"))) for g in groups]
    # More MACs are further right, more depth is further up.
    places = {g.get("id"): (float(r.get("x", 0)), float(r.get("y", 0))) for g, r in zip(
        groups, rects, strict=True)}  # fmt: skip
    shown = [each for each in found if each["name"] in places]
    for one, other in pairwise(shown):
        right = places[one["name"]][0] - places[other["name"]][0]
        down = places[one["name"]][1] - places[other["name"]][1]
        assert (right > 0) == (one["macs"] > other["macs"])
        assert (down < 0) == (one["depth"] > other["depth"])
    assert Path("front.pdf").read_bytes().startswith(b"%PDF")
    with Image.open("front.png") as image:
        assert image.width > 1000


def test_a_space_is_not_written_over(folder: Path) -> None:
    space = '{"extends": "base.toml", "space": {"stages.0.before": [1, 2]}}'
    Path("space.json").write_text(space, encoding="utf-8")
    for path in ("space.json", "./space.json"):
        assert "E407" in run("search", "space.json", "-o", path, code=2).stderr
    assert Path("space.json").read_text(encoding="utf-8") == space


@pytest.mark.parametrize(
    ("file", "name"),
    [("my space.toml", "my_space"), ("9 nets.toml", "found_9_nets"), ("日本.toml", "found")],
)
def test_specs_are_called_as_the_file_as_far_as_that_is_a_name(
    file: str, name: str, folder: Path
) -> None:
    Path(file).write_text(SPACE, encoding="utf-8")
    found = json.loads(run("search", file, "--format", "json", "--top", "1").stdout)
    assert found["front"][0]["name"] == f"{name}_1"
    run("search", file, "--write", "found", "--top", "1")
    assert archcompiler.compile(f"found/{name}_1.toml").name == f"{name}_1"


def test_a_table_and_a_plot_are_two_files(folder: Path) -> None:
    words = ("-o", "front.svg", "--format", "csv", "--plot", "./front.svg")
    assert "written twice" in run("search", "space.toml", *words, code=2).stderr
    assert not Path("front.svg").exists()


def test_specs_that_could_not_be_read_where_they_would_be_are_not_written(folder: Path) -> None:
    (folder / "pyproject.toml").unlink()
    said = run("search", "space.toml", "--write", "inner/found", "--top", "1", code=2).stderr
    assert "E208" in said
    assert "nothing is written: `inner/found/space_1.toml` is only what it would be" in said
    assert not Path("inner").exists()
