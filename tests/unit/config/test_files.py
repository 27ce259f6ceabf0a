"""Which files a spec is made of: shipped ones by their names, and none beyond its project."""

from pathlib import Path

import pytest
from tiny import tiny_toml

import archcompiler
from archcompiler import shipped
from archcompiler.config.files import Files, Kind
from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.spec import loader
from archcompiler.spec.loader import load
from archcompiler.spec.show import show


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`project/`, which is one, with `specs/` in it, where the specs are."""
    here = tmp_path / "project" / "specs"
    here.mkdir(parents=True)
    (tmp_path / "project" / "pyproject.toml").write_text("")
    write(tmp_path / "outside.toml", tiny_toml())
    write(tmp_path / "project" / "base.toml", tiny_toml())
    monkeypatch.chdir(here)
    return here


def write(path: str | Path, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def codes(path: str, root: str | None = None) -> list[str]:
    try:
        load(path, files=Files(None if root is None else Path(root)))
    except CompileError as error:
        return [d.code for d in error.diagnostics]
    return []


def test_a_name_is_a_shipped_spec() -> None:
    loaded = load("attention92")
    assert loaded.source.path == shipped.SPECS / "attention92.toml"
    assert loaded.sha256 == load(shipped.SPECS / "attention92.toml").sha256
    assert load(Path("resnet50")).source.name == "<shipped>/baselines/resnet50.toml"


def test_what_is_emitted_names_the_word() -> None:
    by_name = archcompiler.compile("attention56_cifar", ["classes=7"]).source
    assert "# Source: archcompiler build attention56_cifar --set classes=7\n" in by_name


def test_a_shipped_spec_has_the_name_of_its_file() -> None:
    for name, path in shipped.specs().items():
        # Two have no number in theirs, because their blocks make them deeper than it says.
        assert name == path.stem
        assert load(name).spec.name in (name, name.removesuffix("50"))
    others = (shipped.RECIPES, shipped.SPACES, shipped.STUDIES)
    toml = [p.stem for p in shipped.SPECS.rglob("*.toml") if p.parent not in others]
    assert sorted(toml) == list(shipped.specs())


def test_a_file_of_that_name_wins_and_is_said() -> None:
    write("attention92", "name = 1")
    with pytest.raises(CompileError) as refused:
        load("attention92")
    (problem,) = refused.value.diagnostics
    assert problem.code == "E104"
    assert "the file is meant, not the shipped spec `attention92`, because it is there" in (
        problem.notes
    )


def test_a_folder_of_that_name_is_no_spec() -> None:
    Path("attention92").mkdir()
    assert load("attention92").spec.name == "attention92"


def test_a_file_that_lacks_only_its_extension_is_not_passed_over() -> None:
    write("attention92.json", "{}")
    assert codes("attention92") == ["E106"]
    write("mine.toml", 'extends = "attention92"')
    assert codes("mine.toml") == ["E106"]


def test_a_shipped_spec_is_not_ambiguous_in_its_own_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(shipped.SPECS)
    assert load("attention92").word == "attention92"


def test_extends_a_shipped_spec_by_name() -> None:
    # The file may have the name of what it extends: the word cannot mean the file itself.
    write("attention92.toml", 'extends = "attention92"\nclasses = 7')
    loaded = load("attention92.toml")
    assert (loaded.spec.classes, loaded.spec.stages[2].modules) == (7, 3)
    shown = show(loaded)
    assert "# attention92.toml:2\n" in shown
    assert "# <shipped>/attention92.toml:13\n" in shown
    assert "# <shipped>/attention56.toml:7\n" in shown


@pytest.mark.parametrize(
    ("name", "help"),
    [
        ("atention92", "did you mean `attention92`, which comes with the package?"),
        ("zzz", "`archcompiler list specs` names those that come with the package"),
        ("specs/attention92.toml", "`attention92`, without a folder and an extension"),
        ("mien", "did you mean `mine.toml`?"),
    ],
)
def test_a_name_that_is_none(name: str, help: str) -> None:
    write("mine.toml", tiny_toml())
    (problem,) = archcompiler.check(name)
    assert problem.code == "E101"
    assert problem.help is not None
    assert problem.help.startswith(help)


def test_a_base_by_the_path_that_a_checkout_has() -> None:
    write("mine.toml", 'extends = "specs/attention92.toml"')
    (problem,) = archcompiler.check("mine.toml")
    assert (problem.code, problem.help) == (
        "E207",
        "`attention92`, without a folder and an extension, is a shipped spec",
    )


def test_a_base_of_another_kind() -> None:
    write("mine.toml", 'extends = "masks"')
    (problem,) = archcompiler.check("mine.toml")
    assert (problem.code, problem.help) == ("E207", "`masks` is a shipped study, not a spec")
    (problem,) = archcompiler.check("photographs")
    assert (problem.code, problem.help) == (
        "E101",
        "`photographs` is a shipped recipe, not a spec",
    )


@pytest.mark.parametrize(("name", "kind"), [("spec", "spec"), ("recipe", "recipe")])
def test_a_run_folder_has_a_spec_and_a_recipe(name: str, kind: str) -> None:
    Path("run").mkdir()
    write(f"run/{name}.toml", "")
    with pytest.raises(CompileError) as refused:
        load("./run") if kind == "spec" else load_recipe("./run")
    (problem,) = refused.value.diagnostics
    assert problem.help == f"`run/{name}.toml` is the {kind} of that run"


def test_a_base_anywhere_in_the_project() -> None:
    write("top.toml", 'extends = "../base.toml"')
    assert codes("top.toml") == []
    # A repository inside of another project is one of its own.
    Path(".git").mkdir()
    assert codes("top.toml") == ["E208"]
    assert codes("top.toml", root="..") == []


def test_without_a_project_the_folder_of_the_spec_is_all() -> None:
    Path("../pyproject.toml").unlink()
    write("top.toml", 'extends = "../base.toml"')
    (problem,) = archcompiler.check("top.toml")
    assert problem.code == "E208"
    assert problem.notes == (
        "that folder is its own: none above it has `pyproject.toml` or `.git`",
    )


@pytest.mark.parametrize(
    "target",
    [
        "../../outside.toml",
        "../specs/../../outside.toml",
        "{outside}",
        "link.toml",
        "folder/outside.toml",
        "folder/project/../outside.toml",
        "chain.toml",
        "../link.toml",
        "deep/up.toml",
        "//{outside}",
        "./././../../outside.toml",
        "{outside}/../outside.toml",
    ],
)
@pytest.mark.parametrize("root", [None, ".."])
def test_nothing_beyond_the_project_is_read(target: str, root: str | None, tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    Path("link.toml").symlink_to(outside)
    Path("chain.toml").symlink_to("link.toml")
    Path("../link.toml").symlink_to("../outside.toml")
    Path("folder").symlink_to(tmp_path)
    Path("deep").mkdir()
    write("deep/up.toml", 'extends = "../../../outside.toml"')
    write("top.toml", f'extends = "{target.format(outside=outside.as_posix())}"')
    assert codes("top.toml", root) == ["E208"]


def test_a_shipped_spec_is_no_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "shipped"
    elsewhere.mkdir()
    write(elsewhere / "way.toml", 'extends = "../outside.toml"')
    way = Kind("spec", elsewhere, lambda: {"way": elsewhere / "way.toml"})
    monkeypatch.setattr(loader, "SPECS", way)
    assert codes("way") == ["E208"]


def test_every_file_that_was_asked_for_is_known() -> None:
    files = Files()
    write("top.toml", 'extends = "middle.toml"')
    write("middle.toml", 'extends = "gone.toml"')
    with pytest.raises(CompileError):
        load("top.toml", files=files)
    assert [path.name for path in files.asked] == ["top.toml", "middle.toml", "gone.toml"]
