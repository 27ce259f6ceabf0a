"""`archcompiler search`: what it prints and refuses."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path

import pytest
from command_line import run
from shipped import ROOT
from tiny import tiny_spec
from unit.search.spaces import BUDGET, SPACE, write

import archcompiler
from archcompiler import shipped
from archcompiler.config.toml import toml_text
from archcompiler.search import front
from archcompiler.search.axes import MOST_VALUES
from archcompiler.search.loading import load_space


def test_every_format_has_the_same_specs(folder: Path) -> None:
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)
    assert found["specs"] == 36
    assert found["compiled"] + sum(each["specs"] for each in found["refused"]) == 36
    rows = list(csv.DictReader(io.StringIO(run("search", "space.toml", "--format", "csv").stdout)))
    assert [int(row["macs"]) for row in rows] == [each["macs"] for each in found["front"]]
    assert [row["name"] for row in rows] == [f"space_{i}" for i in range(1, len(rows) + 1)]
    assert [row["name"] for row in rows] == [each["name"] for each in found["front"]]
    assert [row["stages.1.before"] for row in rows] == [
        str(each["set"]["stages.1.before"]) for each in found["front"]
    ]
    run("search", "space.toml", "-o", "front.json")
    assert json.loads(Path("front.json").read_text(encoding="utf-8")) == found
    table = run("search", "space.toml").stdout
    markdown = run("search", "space.toml", "--format", "md").stdout
    assert f"{found['found']} are beaten by no other (more depth, fewer MACs)" in table
    for number in range(1, len(rows) + 1):
        assert f"\n{number} " in table
        assert f"\n| {number} |" in markdown
    assert r"\begin{tabular}" in run("search", "space.toml", "--format", "latex").stdout


def table(*words: str) -> tuple[list[dict[str, str]], list[str]]:
    """The rows of a table in Markdown by its headings, and the notes below it."""
    lines = run("search", "space.toml", "--format", "md", *words).stdout.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    assert len(set(cells[0])) == len(cells[0])
    notes = [line.removesuffix("<br>") for line in lines[len(cells) :] if line]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]], notes


def test_a_table_has_the_values_of_stages_beside_each_other(folder: Path) -> None:
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)
    (base, *rows), notes = table()
    assert base["spec"] == "tiny"
    assert (base["before"], base["channels"], base["unit"]) == ("1 1", "32", "basic")
    assert int(base["depth"]) == found["base"]["depth"]
    for row, each in zip(rows, found["front"], strict=True):
        values = each["set"]
        assert row["before"] == f"{values['stages.0.before']} {values['stages.1.before']}"
        assert (row["channels"], row["unit"]) == (str(values["stages.1.channels"]), values["unit"])
        assert float(row["MACs (M)"]) == pytest.approx(each["macs"] / 1e6, abs=6e-4)
        assert float(row["memory (MB)"]) == pytest.approx(each["memory"] / 1e6, abs=6e-4)
    beside = "before of stages 1 and 2; channels of stage 2"
    assert notes[-1] == f"Values of several stages stand beside each other: {beside}."
    refused = sum(each["specs"] for each in found["refused"])
    assert notes[0].startswith(f"36 specs like tiny: {refused} do not compile, because: ")
    assert "Here are the first 2." in table("--top", "2")[1]
    assert not any(note.startswith("Here are") for note in notes)


def test_a_value_of_stages_is_apart_from_that_of_the_whole(folder: Path) -> None:
    units = "unit = ['basic', 'plain']\nstages.0.unit = ['basic', 'preact_basic']\n"
    write(f'extends = "base.toml"\n[space]\n{units}[objective]\nmaximise = ["params"]\n')
    (base, *_), notes = table()
    assert (base["unit"], base["stages.unit"]) == ("basic", "–")
    assert notes[-1].endswith(": stages.unit of stage 1.")
    assert notes[0] == "4 specs like tiny: all compile."
    assert notes[1].endswith(" beaten by no other (more params).")


def test_values_that_make_no_difference_are_said_to(folder: Path) -> None:
    text = "stages.0.before = [1, 2]\nstages.0.depth = [1, 2, 3]\n"
    write(f'extends = "base.toml"\n[space]\n{text}')
    (base, *rows), notes = table()
    assert "They are 2 networks: some values make no difference to others." in notes
    # The layers of the trunk, and how often a mask would halve the resolution.
    assert (base["depth"], base["stages.depth"]) == ("6", "–")
    assert {row["stages.depth"] for row in rows} == {"1"}
    write(f'extends = "base.toml"\n[space]\n{text}stages.0.unit = ["basic", "resnext"]\n')
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)
    assert (found["compiled"], found["networks"]) == (6, 2)
    assert "The others are 2 networks: some values make no difference to others." in table()[1]


def test_each_stands_for_every_stage_as_a_whole(folder: Path) -> None:
    values = "[{}, { before = 2, after = 2 }]"
    fronts = []
    for keys in (["stages.each"], ["stages.0", "stages.1"]):
        lines = "".join(f"{key} = {values}\n" for key in keys)
        write(f'extends = "base.toml"\n[space]\n{lines}')
        fronts.append(json.loads(run("search", "space.toml", "--format", "json").stdout))
    assert fronts[0]["specs"] == 4
    assert fronts[0] == fronts[1]
    base, *rows = table()[0]
    assert len(rows) == fronts[0]["found"]
    assert {"stages.0", "stages.1"} < base.keys()


def test_the_objectives_are_in_the_order_of_the_text(folder: Path) -> None:
    def column(name: str) -> list[int]:
        out = run("search", "space.toml", "--format", "json").stdout
        return [each[name] for each in json.loads(out)["front"]]

    assert column("depth") == sorted(column("depth"), reverse=True)
    write(SPACE.replace('maximise = ["depth"]\n', "") + 'maximise = ["depth"]\n' + BUDGET)
    assert column("macs") == sorted(column("macs"))


def test_a_budget_that_nothing_keeps_to(folder: Path) -> None:
    write(SPACE + '[budget]\ndepth = ">= 400"\n')
    printed = run("search", "space.toml", "--write", "found", "--plot", "front.svg", code=1)
    assert "keeps to its budget: no plot is drawn and no spec is written\n" in printed.stderr
    assert "keeps to its budget\n" in run("search", "space.toml", code=1).stderr
    assert "depth: from 6 to 14, wanted at least 400" in printed.stderr
    assert not Path("found").exists()


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("[space]\nunit = []\n", "E801", "2:8"),
        ('[space]\nstages.0.before = "3..1"\n', "E801", "2:19"),
        ("[space]\nclasses = [10, 20, 10]\n", "E801", "2:20"),
        ("[space]\nclasses = 10\n", "E801", "2:11"),
        ("[space]\nstages = {}\n", "E801", "2:10"),
        ('[space]\n"stages..before" = [1]\n', "E801", "2:1"),
        ('[space]\nclasses = "1..99999"\n', "E801", "2:11"),
        ('[space]\nclasses = "1..99999999999"\n', "E801", "2:11"),
        ("[space]\nunit = ['basic']\n'unit.type' = ['basic']\n", "E802", "3:1"),
        ("[space]\nstages.each.before = [1]\n'stages.1' = [{}]\n", "E802", "2:13"),
        ("[space]\n'stages.each' = [{}]\nstages.each.before = [1]\n", "E802", "3:13"),
        ("[space]\nname = ['a', 'b']\n", "E804", "2:1"),
        ("[space]\nexpect.params = ['<= 3M']\n", "E804", "2:8"),
        ("[space]\nstages.7.before = [1]\n", "E210", "2:8"),
        ("[space]\nstages.7 = {before = [1]}\n", "E210", "2:8"),
        ("[space]\n'stages.7'.before = [1]\n", "E210", "2:1"),
        ("[space]\n'stages.7.before' = [1]\n", "E210", "2:1"),
        ("[space]\nstages.each.befor = [1]\n", "E201", "2:13"),
        ("[space]\nunit = ['basic']\nstages.each.after = [1, 'x']\nhead.dropuot = [0, 0.1]\n",
         "E201", "4:6"),
        # Some unit has such an option: only that none of the space has it can be told.
        ("[space]\nunit = [{ type = 'basic', groups = 2 }]\n", "E805", "2:27"),
        ("[space]\nclasses = [0]\n", "E805", "2:12"),
        ("[space]\nstages.each.before = [1]\n[budget]\nmac = 3\n", "E201", "4:1"),
        ("[space]\nstages.each.before = [1]\n[budget]\nmacs = '~3'\n", "E204", "4:8"),
        ("[space]\nstages.each.before = [1]\n[objective]\nminimise = ['time']\n", "E211", "4:13"),
        ("[space]\nstages.each.before = [1]\n[objective]\n", "E204", "3:"),
        ("[space]\nunit = ['basic']\n[objective]\nminimise = ['macs', 'macs']\n", "E204", "3:"),
        ("[space]\n", "E204", "1:1"),
        ("[space]\n" + "".join(f"stages.0.{k} = '1..99'\n" for k in ("before", "after", "modules")),
         "E803", "1:1"),
        ("[budget]\nmacs = 3\n[objective]\nminimise = ['macs']\n", "E202", ""),
    ],
)  # fmt: skip
def test_a_wrong_space_is_a_diagnostic(text: str, code: str, place: str, folder: Path) -> None:
    base = 'extends = "base.toml"\n'
    Path("wrong.toml").write_text(base + text, encoding="utf-8")
    stderr = run("search", "wrong.toml", code=2).stderr
    assert f"error[{code}]: " in stderr
    line, _, column = place.partition(":")
    if line:
        assert f"wrong.toml:{int(line) + 1}:{column}" in stderr
    assert stderr.count("error[") == 1
    # Only a search compiles; and without the table `[space]` a file looks like a spec.
    if code != "E805" and "[space]" in text:
        assert run("check", "wrong.toml", code=2).stderr == stderr


def test_a_range_has_both_of_its_ends(folder: Path) -> None:
    write('extends = "base.toml"\n[space]\nstages.0.before = "2..2"\nclasses = " 9 .. 11 "\n')
    space = load_space(folder / "space.toml")
    values = [[choice.value for choice in axis.choices] for axis in space.axes]
    assert (space.size, values) == (3, [[2], [9, 10, 11]])


@pytest.mark.parametrize("values", ['"1..{}"', "[{}]"])
def test_a_key_has_a_bounded_number_of_values(values: str, folder: Path) -> None:
    for count, code in ((MOST_VALUES, 0), (MOST_VALUES + 1, 2)):
        given = count if ".." in values else ", ".join(map(str, range(1, count + 1)))
        write(f'extends = "base.toml"\n[space]\nclasses = {values.format(given)}\n')
        said = run("check", "space.toml", code=code).stderr
        assert ("`classes` has more than 2,000 values" in said) == (code == 2)


def test_what_no_spec_has_a_key_for_says_what_was_meant(folder: Path) -> None:
    write('extends = "base.toml"\n[space]\nstages.each.befor = [1]\n')
    said = run("search", "space.toml", code=2).stderr
    assert "unknown key `befor` in stage 1" in said
    assert "= help: did you mean `before`?" in said
    assert run("check", "space.toml", code=2).stderr == said
    # In a value it is told by the search, of which every spec has it.
    write('extends = "base.toml"\n[space]\nunit = [{ type = "resnext", group = 2 }]\n')
    said = run("search", "space.toml", code=2).stderr
    assert "error[E805]" in said
    assert "= help: did you mean `groups`?" in said


@pytest.mark.parametrize(
    ("types", "key"), [(("basic", "resnext"), "groups"), (("basic", "wide"), "inner")]
)
def test_a_key_that_another_type_has_is_none_to_refuse(
    types: tuple[str, str], key: str, folder: Path
) -> None:
    block = (ROOT / "archcompiler/zoo/units/basic.toml").read_text(encoding="utf-8")
    block = block.replace("[options]", "[blocks.wide.options]\ninner = { default = 1 }")
    block = block.replace("[steps]", "[blocks.wide.steps]").replace("# The", "[blocks.wide]\n# The")
    block = block.replace("kernel = 3, stride", "kernel = '2 * inner + 1', stride")
    spec = tiny_spec({"channels": 32}, unit={"type": "basic"})
    (folder / "base.toml").write_text(f"{toml_text(spec)}\n{block}", encoding="utf-8")
    write(f'extends = "base.toml"\n[space]\n"unit.type" = {list(types)}\n"unit.{key}" = [1, 2]\n')
    assert run("check", "space.toml").stdout == "space.toml: a space without a mistake\n"
    found = json.loads(run("search", "space.toml", "--format", "json").stdout)
    assert found["compiled"] == 2
    assert {each["code"] for each in found["refused"]} == {"E201"}


@pytest.mark.parametrize(("name", "kind"), [("smoke", "recipe"), ("like92", "space")])
def test_a_space_extends_a_spec(name: str, kind: str, folder: Path) -> None:
    text = f'extends = "{name}"\n[space]\nstages.each.before = [1]\n'
    (folder / "space.toml").write_text(text, encoding="utf-8")
    said = run("search", "space.toml", code=2).stderr
    assert "error[E207]: this space extends a spec that cannot be read" in said
    assert f"= help: `{name}` is a shipped {kind}, not a spec" in said


def test_a_search_has_bounds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Either stage may be so long by itself, but no network has both.
    write(SPACE.replace('"1..3"', "[1, 11000]"))
    stderr = run("search", "space.toml", code=2).stderr
    assert "error[E803]: the space is too large: it has networks of up to 22," in stderr
    settings = [f"stages.{i}.before=11000" for i in (0, 1)]
    assert [d.code for d in archcompiler.check("base.toml", settings)] == ["E310"]
    write(SPACE)
    for name in ("MOST", "MOST_WAYS"):
        with monkeypatch.context() as patched:
            patched.setattr(front, name, 5)
            stderr = run("search", "space.toml", code=2).stderr
        assert "E803" in stderr
        assert "beginnings of networks that may lead to the best" in stderr
    run("search", "space.toml")


def test_what_is_no_space_is_said(folder: Path) -> None:
    assert "`base.toml` is a spec, not a space" in run("search", "base.toml", code=2).stderr
    assert "`smoke` is a recipe, not a space" in run("search", "smoke", code=2).stderr
    assert "`space.toml` is a space, not a spec" in run("build", "space.toml", code=2).stderr
    assert "there is no file" not in run("search", "nowhere.toml", code=2).stdout
    write('[space]\nunit = ["basic"]\n')
    assert "missing key `extends`" in run("search", "space.toml", code=2).stderr


def test_a_space_is_checked_and_shown(folder: Path) -> None:
    assert run("check", "space.toml").stdout == "space.toml: a space without a mistake\n"
    shown = run("show", "space.toml").stdout
    Path("shown.toml").write_text(shown, encoding="utf-8")
    assert tomllib.loads(shown)["name"] == "space"
    one = json.loads(run("search", "space.toml", "--format", "json").stdout)
    assert json.loads(run("search", "shown.toml", "--format", "json").stdout) == one


def test_the_shipped_spaces_are_without_a_mistake() -> None:
    for name in shipped.spaces():
        assert run("check", name).stdout == f"{name}: a space without a mistake\n"
