"""`archcompiler diff`: between two specs, and between revisions of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import unstyle
from click.testing import CliRunner
from command_line import parsed
from tiny import tiny_spec, tiny_toml

import archcompiler
from archcompiler.changes.compare import by_scope, compare
from archcompiler.changes.report import as_text
from archcompiler.cli.program import group
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError

ROOT = Path(__file__).parents[3]
WIDER = 'extends = "tiny.toml"\n[stages.0]\nchannels = 32\n'
LONGER = """\
extends = "tiny.toml"
name = "longer"
[[stages]]
channels = 16
modules = 1
depth = 2
[[stages]]
channels = 24
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    write("tiny.toml", tiny_toml())
    write("wider.toml", WIDER)
    write("longer.toml", LONGER)
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(group, ["diff", *arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def changes(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--format", "json"))
    return found


def refused(*arguments: str) -> list[str]:
    with pytest.raises(CompileError) as error:
        CliRunner().invoke(group, ["diff", *arguments], catch_exceptions=False)
    return [d.code for d in error.value.diagnostics]


def git(*arguments: str) -> str:
    config = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *config, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def commit(message: str = "x") -> None:
    if not Path(".git").exists():
        git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", message)


def shapes(spec: str) -> dict[str, tuple[int, ...]]:
    """The `state_dict` of the model itself."""
    state = archcompiler.compile(spec).module().state_dict()
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def test_the_keys_are_those_of_the_models() -> None:
    for other in ("wider.toml", "longer.toml"):
        old, new = shapes("tiny.toml"), shapes(other)
        keys = changes("tiny.toml", other)["state_dict"]
        assert {k: tuple(v) for k, v in keys["appear"].items()} == {
            k: v for k, v in new.items() if k not in old
        }
        assert set(keys["vanish"]) == old.keys() - new.keys()
        assert set(keys["reshaped"]) == {k for k in old.keys() & new.keys() if old[k] != new[k]}
        assert keys["kept"] == sum(old.get(k) == v for k, v in new.items())
    back = changes("longer.toml", "tiny.toml")["state_dict"]
    assert back["vanish"] == keys["appear"]


def test_costs_and_values_are_those_of_the_networks() -> None:
    found = changes("tiny.toml", "longer.toml")
    old, new = (archcompiler.compile(s).flops(by="stage") for s in ("tiny.toml", "longer.toml"))
    *stages, total = found["costs"]
    assert [stage["name"] for stage in stages] == ["stem", "stage1", "stage2", "head"]
    for costs, rows in ((0, old), (1, new)):
        expected = {row["name"]: row for row in rows["rows"]}
        for stage in stages:
            row = expected.get(stage["name"])
            assert stage["params"][costs] == (row and row["params"])
            assert stage["macs"][costs] == (row and row["macs"])
            assert stage["saved_bytes"][costs] == (row and row["train_saved_bytes"])
        assert total["params"][costs] == rows["params"]
    assert found["depth"] == [old["trunk_depth"], new["trunk_depth"]]
    assert {"path": "stages[0].modules", "old": "0", "new": "1"} in found["values"]


def test_what_is_printed() -> None:
    text = run("tiny.toml", "longer.toml")
    assert "+ stage2.*" in text
    assert "stages[0].modules  0" in text
    assert max(map(len, text.splitlines())) <= 80
    old, new = (archcompiler.compile(s).flops() for s in ("tiny.toml", "longer.toml"))
    assert f"depth of the trunk: {old['trunk_depth']} → {new['trunk_depth']}\n" in text
    rows = [line.split() for line in text.splitlines() if line.startswith("total ")]
    more = new["params"] - old["params"]
    share = f"{100 * more / old['params']:+.1f}"
    said = [f"{old['params']:,}", f"{new['params']:,}", f"{more:+,}", share]
    assert said in [row[-4:] for row in rows]
    page = run("tiny.toml", "wider.toml", "--format", "markdown")
    assert "\n`tiny.toml` → `wider.toml`\n" in page
    assert "| stages\\[0].channels | 16 | 32 |" in page
    key = "stage1.before.unit1.conv1.weight"
    before, after = ("×".join(map(str, shapes(s)[key])) for s in ("tiny.toml", "wider.toml"))
    assert before != after
    assert f"~ {key}  {before} → {after}\n" in page
    assert "\n| stem |" not in page, "what stays as it is takes no room"


def test_the_same_network() -> None:
    write("again.json", json.dumps(tiny_spec(name="again", title="Again")))
    assert run("tiny.toml", "again.json").endswith("the same network\n")
    assert "The same network." in run("tiny.toml", "again.json", "--format", "markdown")
    run("tiny.toml", "again.json", "--exit-code")
    run("tiny.toml", "wider.toml", "--exit-code", code=1)


def test_a_slot_is_the_same_by_its_name_and_as_a_table() -> None:
    write("masked.toml", tiny_toml() + '[attention]\nmask = "eca"\n')
    table = '[attention]\nmask = { type = "eca", kernel = 5 }\n'
    write("options.toml", tiny_toml() + table)
    write("other.toml", tiny_toml() + table.replace("eca", "local").replace(", kernel = 5", ""))
    option = {"path": "attention.mask.kernel", "old": "3", "new": "5"}
    found = changes("masked.toml", "options.toml", "--set", "stages.0.modules=1")
    assert found["values"] == [option]
    named = {"path": "attention.mask.type", "old": '"eca"', "new": '"local"'}
    assert changes("masked.toml", "other.toml")["values"] == [named]


def test_an_option_that_a_block_decides_by_the_width_differs_where_it_does() -> None:
    block = (
        '[blocks.mine]\noptions.kernel = { type = "int", default = "3 if c < 32 else 5" }\n'
        'steps.conv = { op = "conv", channels = "c", kernel = "kernel" }\n'
    )
    stages = toml_text(tiny_spec(*({"channels": c} for c in (16, 32, 64))))
    write("open.toml", f'unit = "mine"\n{stages}{block}')
    later = ["stages[1].unit.kernel", "stages[2].unit.kernel"]
    for kernel, paths in ((3, later), (5, ["unit.kernel"])):
        write("said.toml", f'unit = {{ type = "mine", kernel = {kernel} }}\n{stages}{block}')
        found = changes("open.toml", "said.toml")["values"]
        assert [difference["path"] for difference in found] == paths
        assert {(d["old"], d["new"]) for d in found} == {(str(8 - kernel), str(kernel))}


def test_colours_are_for_a_terminal() -> None:
    compared = compare(archcompiler.compile("tiny.toml"), archcompiler.compile("wider.toml"))
    plain, coloured = (as_text(compared, color=color).splitlines() for color in (False, True))
    assert [unstyle(line) for line in coloured] == plain
    headings = [line for line in coloured if {"old", "new"} <= {*unstyle(line).split()}]
    assert len(headings) == 2
    assert all(unstyle(line) != line for line in headings)


def test_settings_are_of_both() -> None:
    assert changes("tiny.toml", "wider.toml", "--set", "classes=3")["costs"][-1]["params"] == [
        archcompiler.compile(spec, ["classes=3"]).flops()["params"]
        for spec in ("tiny.toml", "wider.toml")
    ]


def test_without_torch_all_but_the_keys_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "archcompiler.verify.state", None)
    assert changes("tiny.toml", "wider.toml")["state_dict"] is None
    assert "torch cannot be imported" in run("tiny.toml", "wider.toml")


def test_keys_by_scope() -> None:
    new = {"a.b.w": 1, "a.b.v": 1, "a.c": 1, "d.e.w": 1, "d.e.v": 1, "f": 1}
    assert by_scope(new, {"a.x": 1}) == {"a.b": 2, "a.c": 1, "d": 2, "f": 1}
    assert by_scope({"a.bc.w": 1}, {"a.b.w": 1}) == {"a.bc": 1}


# Revisions


def test_a_spec_as_it_was_with_all_that_it_extends() -> None:
    write("below/top.toml", 'extends = "../wider.toml"\nclasses = 7')
    commit()
    write("wider.toml", WIDER.replace("32", "48"))
    before = git("status", "--porcelain")
    for arguments in (["below/top.toml"], ["HEAD:below/top.toml"], ["HEAD:./below/top.toml"]):
        found = changes(*arguments)
        assert found["values"] == [{"path": "stages[0].channels", "old": "32", "new": "48"}]
    assert git("status", "--porcelain") == before
    commit()
    assert changes("below/top.toml")["equal"] is True
    assert changes("HEAD~1:below/top.toml", "HEAD:below/top.toml")["equal"] is False
    assert found["old"]["spec"] == "HEAD:below/top.toml"


def test_from_a_folder_below(monkeypatch: pytest.MonkeyPatch) -> None:
    write("below/top.toml", 'extends = "../tiny.toml"')
    commit()
    write("tiny.toml", tiny_toml().replace("16", "24"))
    monkeypatch.chdir("below")
    assert changes("top.toml")["equal"] is False


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        (["gone:tiny.toml"], ["E107"]),
        (["--", "--output=x:tiny.toml"], ["E107"]),
        (["HEAD:gone.toml", "tiny.toml"], ["E101"]),
        (["HEAD:../outside.toml", "tiny.toml"], ["E101"]),
        (["HEAD:link.toml", "tiny.toml"], ["E101"]),
        (["HEAD:folder.toml", "tiny.toml"], ["E101"]),
        (["HEAD:linked.toml", "tiny.toml"], ["E207"]),
        (["HEAD:out.toml", "tiny.toml"], ["E208"]),
        (["HEAD:empty.toml", "tiny.toml"], ["E103"]),
        (["HEAD:large.toml", "tiny.toml"], ["E105"]),
        (["HEAD:empty.toml", "gone.toml"], ["E103", "E101"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_a_revision_does_not_give(arguments: list[str], codes: list[str]) -> None:
    Path("../outside.toml").write_text(tiny_toml())
    Path("link.toml").symlink_to("tiny.toml")
    write("folder.toml/x.toml", "")
    write("linked.toml", 'extends = "link.toml"')
    write("out.toml", 'extends = "../outside.toml"')
    write("empty.toml", "\n")
    write("large.toml", "#" * (1 << 19))
    commit()
    assert refused(*arguments) == codes
    assert not Path("x").exists()


def test_no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    assert refused("HEAD:tiny.toml") == ["E107"]
    monkeypatch.setenv("PATH", "")
    assert refused("HEAD:tiny.toml") == ["E107"]


def test_a_file_that_is_named_like_a_revision() -> None:
    write("HEAD:tiny.toml", tiny_toml())
    assert changes("HEAD:tiny.toml", "tiny.toml")["equal"] is True


def test_usage() -> None:
    assert "compares two specs" in CliRunner().invoke(group, ["diff", "a", "b", "c"]).output
    result = CliRunner().invoke(group, ["diff", "-"], input=tiny_toml())
    assert "name another spec" in result.output


# The document


def test_the_workflow_of_the_document() -> None:
    text = (ROOT / "docs" / "pull-requests.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text.partition("```yaml\n")[2].partition("```\n")[0])
    steps = {step.get("name"): step.get("run") for step in workflow["jobs"]["diff"]["steps"]}
    write("models/a.toml", tiny_toml())
    write("models/b.toml", tiny_toml())
    commit()
    base = git("rev-parse", "HEAD").strip()
    write("models/a.toml", tiny_toml().replace("channels = 16", "channels = 24"))
    write("models/new.toml", tiny_toml())
    commit()
    calls: list[list[str]] = []
    shell = steps["Compare them with those of the base"].replace('"$BASE', f'"{base}')
    listed = 'archcompiler diff --format markdown "$BASE:$spec" "$spec"'.replace("$BASE", base)
    assert listed in shell
    script = shell.replace(listed, f'echo "{base}:$spec" "$spec"')
    subprocess.run(["sh", "-c", script], check=True)
    for line in Path("comment.md").read_text().splitlines():
        calls.append(line.split())
    assert calls == [[f"{base}:models/a.toml", "models/a.toml"]]
    assert "### `tiny`" in run("--format", "markdown", *calls[0])
    parsed(*steps["Check the specs"].split()[1:])
