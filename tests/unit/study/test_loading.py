"""What a study is made of, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import run
from tiny import tiny_toml

from archcompiler import shipped
from archcompiler.analysis.costs import network_cost
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Source, error
from archcompiler.study.keeping import State, begin, folder_of, state_of
from archcompiler.study.loading import load_study

STUDY = """\
recipe = "smoke"
seeds = [3, 4]
[[specs]]
spec = "tiny.toml"
[[specs]]
spec = "tiny.toml"
title = "Wide net"
set.stages.0.channels = 32
[grid]
augment.label_noise = [0.1, 0.3]
"optimizer.lr" = [0.07]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "pyproject.toml").touch()
    (inside / "tiny.toml").write_text(tiny_toml(), encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(tiny_toml(), encoding="utf-8")
    monkeypatch.chdir(inside)
    return inside


def write(text: str) -> None:
    Path("study.toml").write_text(text, encoding="utf-8")


def test_a_study_is_every_combination() -> None:
    write(STUDY)
    study = load_study("study.toml")
    assert study.axes == ("augment.label_noise",)
    found = [
        (
            cell.name,
            cell.loaded.recipe.augment.label_noise,
            cell.network.compiled.spec.stages[0].channels,
            cell.loaded.recipe.seed,
        )
        for cell in study.cells
    ]
    assert found == [
        ("tiny-label_noise_0.1-seed_3", 0.1, 16, 3),
        ("tiny-label_noise_0.1-seed_4", 0.1, 16, 4),
        ("wide_net-label_noise_0.1-seed_3", 0.1, 32, 3),
        ("wide_net-label_noise_0.1-seed_4", 0.1, 32, 4),
        ("tiny-label_noise_0.3-seed_3", 0.3, 16, 3),
        ("tiny-label_noise_0.3-seed_4", 0.3, 16, 4),
        ("wide_net-label_noise_0.3-seed_3", 0.3, 32, 3),
        ("wide_net-label_noise_0.3-seed_4", 0.3, 32, 4),
    ]
    assert all(cell.loaded.recipe.optimizer.lr == 0.07 for cell in study.cells)
    hashes = {(cell.spec_sha256, cell.recipe_sha256) for cell in study.cells}
    assert len(hashes) == len(study.cells)


def test_a_text_of_no_file_is_read_from_here() -> None:
    study = load_study(Source("-", STUDY, "toml"))
    assert len(study.cells) == 8


def test_all_files_are_asked_for_in_one_way() -> None:
    """By which `--watch` knows them."""
    Path("short.toml").write_text('extends = "smoke"\n', encoding="utf-8")
    write(STUDY.replace('"smoke"', '"short.toml"'))
    files = Files()
    load_study("study.toml", files=files)
    assert {path.name for path in files.asked} >= {"study.toml", "tiny.toml", "short.toml"}


def test_seeds_are_three_unless_they_are_said() -> None:
    write(STUDY.replace("seeds = [3, 4]\n", ""))
    assert [cell.seed for cell in load_study("study.toml").cells] == [0, 1, 2] * 4


def test_a_key_of_one_value_may_have_a_list() -> None:
    write(STUDY.replace('"optimizer.lr" = [0.07]', "data.mean = [[0.5, 0.25, 0.125]]"))
    study = load_study("study.toml")
    assert study.axes == ("augment.label_noise",)
    assert {cell.loaded.recipe.data.mean for cell in study.cells} == {(0.5, 0.25, 0.125)}


def test_what_is_wrong_with_a_run_says_which_it_is() -> None:
    write(STUDY)
    cell = load_study("study.toml").cells[2]
    with pytest.raises(CompileError) as caught, cell.located():
        raise CompileError(error("E709", "too little memory", notes=("so much",)))
    (said,) = caught.value.diagnostics
    assert said.span is None
    assert said.notes == ("so much", "in the run `wide_net-label_noise_0.1-seed_3`")


def test_paths_are_from_the_file_that_says_them() -> None:
    Path("studies").mkdir()
    text = STUDY.replace('"tiny.toml"', '"../tiny.toml"')
    Path("studies/mine.toml").write_text(text, encoding="utf-8")
    write('extends = "studies/mine.toml"\nseeds = [9]\n')
    assert [cell.seed for cell in load_study("study.toml").cells] == [9] * 4


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("seeds =", "seed =", "E201", "2:1"),
        ("title =", "titel =", "E201", "7:1"),
        ('recipe = "smoke"', "", "E202", ""),
        ("[3, 4]", "[]", "E204", "2:9"),
        ("[3, 4]", "[-1]", "E204", "2:10"),
        ("[3, 4]", "[3, 3]", "E811", "2:13"),
        ('"smoke"', '"smoky"', "E701", "1:10"),
        ('"smoke"', '"nowhere.toml"', "E101", "1:10"),
        ('"smoke"', '"tiny.toml"', "E215", "1:10"),
        ('"smoke"', '"study.toml"', "E215", "1:10"),
        ('spec = "tiny.toml"\n[[', 'spec = "study.toml"\n[[', "E215", "4:8"),
        ('spec = "tiny.toml"\n[[', 'spec = "tinny"\n[[', "E101", "4:8"),
        ('spec = "tiny.toml"\n[[', 'spec = "../tiny.toml"\n[[', "E208", "4:8"),
        ("channels = 32", "channels = -1", "E204", "8:25"),
        ("set.stages.0", "set.stages.7", "E210", "8:14"),
        ("channels = 32", "chanels = 32", "E201", "8:"),
        ("channels = 32", "channels = 1979-05-27", "E811", "8:25"),
        ("[0.1, 0.3]", "0.1", "E811", "10:23"),
        ("[0.1, 0.3]", "[]", "E811", "10:23"),
        ("[0.1, 0.3]", "[0.1, 0.1]", "E811", "10:29"),
        # One number in two ways: its runs would be one row.
        ("[0.1, 0.3]", "[1, 0.1, 1.0]", "E811", "10:32"),
        ("[0.1, 0.3]", "[0.1, 3]", "E204", "10:29"),
        ("[0.1, 0.3]", "[[0.1], [0.3]]", "E811", "10:24"),
        ("label_noise", "lable_noise", "E201", "10:"),
        ('"optimizer.lr"', "seed", "E811", "11:1"),
        ('"optimizer.lr"', '"a=b"', "E811", "11:1"),
        ('"optimizer.lr"', '"augment.label_noise"', "E811", "11:25"),
        ("[0.07]", str([n / 1000 for n in range(1, 300)]), "E813", ""),
        ('title = "Wide net"', 'title = "TINY"', "E812", "5:1"),
        ('"optimizer.lr" = [0.07]', '"speed.memory" = ["40%", "40 %"]', "E812", "11:26"),
    ],
)  # fmt: skip
def test_a_wrong_study_is_one_diagnostic(old: str, new: str, code: str, place: str) -> None:
    assert old in STUDY
    write(STUDY.replace(old, new))
    stderr = run("study", "study.toml", "--list", code=2).stderr
    assert f"error[{code}]: " in stderr, stderr
    assert stderr.count("error[") == 1, stderr
    assert f"study.toml:{place}" in stderr, stderr
    assert run("check", "study.toml", code=2).stderr == stderr


def test_mistakes_of_all_that_a_study_names_are_told_together() -> None:
    wrong = STUDY.replace('"smoke"', '"smoky"').replace("= 32", "= -1").replace("[3, 4]", "[3, 3]")
    write(wrong.replace('"tiny.toml"', '"tinny.toml"', 1))
    stderr = run("check", "study.toml", code=2).stderr
    assert sorted(re.findall(r"error\[(\w+)\]", stderr)) == ["E101", "E204", "E701", "E811"]


def test_a_run_that_no_machine_could_begin_with_is_told_at_once() -> None:
    write(STUDY.replace('"optimizer.lr" = [0.07]', '"speed.memory" = ["40%", "0.01%"]'))
    stderr = run("check", "study.toml", code=2).stderr
    # Of each network and setting once, whatever the seeds.
    assert stderr.count("error[E702]: `memory` of 0.01% is too little") == 4
    assert stderr.count(" --> study.toml:11:26") == 4
    for network in ("tiny", "wide_net"):
        for noise in (0.1, 0.3):
            name = f"{network}-label_noise_{noise}-memory_0.01-seed_3"
            assert f"in the run `{name}`" in stderr
    assert run("study", "study.toml", "--list", code=2).stderr == stderr


def test_a_study_is_shown_with_where_its_values_are_from() -> None:
    write(STUDY)
    shown = run("show", "study.toml", "--set", "seeds=[5]").stdout
    assert re.search(r"^seeds = \[5\] +# --set seeds=\[5\]$", shown, re.MULTILINE)
    assert re.search(r'^metric = "best" +# default$', shown, re.MULTILINE)
    assert re.search(r"^channels = 32 +# study.toml:8$", shown, re.MULTILINE)
    write(shown)
    again = [(cell.name, cell.recipe_sha256) for cell in load_study("study.toml").cells]
    write(STUDY.replace("[3, 4]", "[5]"))
    assert [(cell.name, cell.recipe_sha256) for cell in load_study("study.toml").cells] == again


@pytest.mark.parametrize("other", ["wide net", "tiny"])
def test_a_network_is_against_another(other: str) -> None:
    write(STUDY.replace('spec = "tiny.toml"', f'spec = "tiny.toml"\nagainst = "{other}"', 1))
    said = run("check", "study.toml", code=2).stderr
    assert f"error[E211]: `tiny` cannot be `against` `{other}`" in said
    assert "--> study.toml:5:11" in said
    assert "other networks of the study: Wide net" in said
    assert ("did you mean `Wide net`?" in said) == (other == "wide net")


@pytest.mark.parametrize("title", ['title = "Wide net"\n', ""])
def test_a_network_may_be_against_one_that_is_wrong(title: str) -> None:
    text = STUDY.replace('spec = "tiny.toml"', 'spec = "tiny.toml"\nagainst = "Wide net"', 1)
    write(text.replace('title = "Wide net"\n', title).replace("channels = 32", "channels = -3"))
    said = run("check", "study.toml", code=2).stderr
    assert re.findall(r"error\[(E\d+)\]", said) == ["E204"]
    if title:
        write(Path("study.toml").read_text(encoding="utf-8").replace('"Wide net"', '"Wide nt"', 1))
        said = run("check", "study.toml", code=2).stderr
        assert "error[E211]" in said
        assert "did you mean `Wide net`?" in said


def test_a_run_that_another_study_has_begun_meanwhile_is_left_alone() -> None:
    write(STUDY)
    ours = load_study("study.toml").cells[0]
    theirs = load_study("study.toml", ["grid.batch_size=[8]"]).cells[0]
    out = Path("out")
    assert folder_of(out, ours) == folder_of(out, theirs)
    begin(out, theirs)
    with pytest.raises(CompileError, match="E814"):
        begin(out, ours)
    begin(out, theirs)
    assert state_of(out, theirs, "best") == (State.WAITING, None)


def test_what_is_no_study_is_said() -> None:
    write(STUDY)
    assert "`tiny.toml` is a spec, not a study" in run("study", "tiny.toml", code=2).stderr
    assert "`smoke` is a recipe, not a study" in run("study", "smoke", code=2).stderr
    assert "`study.toml` is a study, not a spec" in run("build", "study.toml", code=2).stderr
    assert run("check", "study.toml").stdout == "study.toml: a study without a mistake\n"


def test_the_shipped_studies_are_without_a_mistake() -> None:
    assert len(shipped.studies()) == 6
    for name in shipped.studies():
        assert len(load_study(name).cells) >= 6


@pytest.mark.parametrize(("name", "off"), [("label_noise", 0.001), ("small_label_noise", 0.006)])
def test_the_plain_trunk_costs_what_attention_costs(name: str, off: float) -> None:
    study = load_study(name)
    networks = {cell.network.title: cell.network.compiled for cell in study.cells}
    attention, trunk = (networks[title] for title in ("attention", "trunk"))
    assert not any(stage.modules for stage in trunk.spec.stages)
    costs = [network_cost(network.graph) for network in (attention, trunk)]
    assert costs[1].macs == pytest.approx(costs[0].macs, rel=off)
    assert costs[1].params == pytest.approx(costs[0].params, rel=0.004)
