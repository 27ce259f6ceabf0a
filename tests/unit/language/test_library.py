"""Blocks of outside packages: found by entry point, read when they are asked for."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

import archcompiler
from archcompiler.language import library

SOUND = 'steps = { conv = { op = "conv", channels = "c", kernel = 3, stride = "stride" } }\n'
NET: dict[str, Any] = {
    "name": "net",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": "conv",
    "stages": [{"channels": 64}],
}
CACHED = ("_definition", "_shipped", "_outside", "_packages", "_absent", "_points")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of packages, of which `first_blocks`, `second_blocks` and `gone` are named."""
    names = ("first_blocks", "second_blocks", "gone_blocks")
    for name in names[:2]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    points = [EntryPoint(name, name, library.GROUP) for name in names]
    monkeypatch.syspath_prepend(tmp_path)

    def named(**search: str) -> Any:
        return points if search == {"group": library.GROUP} else entry_points(**search)

    monkeypatch.setattr("importlib.metadata.entry_points", named)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for name in CACHED:
        getattr(library, name).cache_clear()


def check(**changes: object) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(d.code, d.message, d.notes) for d in archcompiler.check(NET | changes)]


def test_a_block_of_a_package_is_a_unit_and_a_stem(installed: Path) -> None:
    (installed / "first_blocks/own.toml").write_text(SOUND)
    (installed / "first_blocks/stems").mkdir()
    (installed / "first_blocks/stems/soft.toml").write_text("channels = 8\n" + SOUND)
    assert check(unit="own", stem="soft") == []
    assert "own" in library.Library().names("blocks", "unit")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps = {", "own.toml:1: "),
        ("stpes = 3\n" + SOUND, "own.toml:1: unknown key `stpes` in block `own`"),
        (SOUND.replace('"c"', '"d"'), "own.toml:1: nothing is called `d` here"),
        (SOUND.replace('"conv", ch', '"cnov", ch'), "own.toml:1: no operator or block is called"),
    ],
)
def test_a_broken_block_touches_no_spec_that_does_not_use_it(
    installed: Path, text: str, reason: str
) -> None:
    (installed / "first_blocks/own.toml").write_text(text)
    assert check() == []
    assert check(unit="bottleneck", attention={"mask": "se"}) == []
    ((code, message, notes),) = check(unit="own")
    assert (code, message) == ("E316", "block `own` of an installed package cannot be used")
    assert notes[0] == "entry point `first_blocks = first_blocks`"
    assert notes[1].startswith(reason)


def test_two_packages_with_a_block_of_one_name(installed: Path) -> None:
    for name in ("first_blocks", "second_blocks"):
        (installed / name / "own.toml").write_text(SOUND)
    assert check() == []
    ((code, message, notes),) = check(unit="own")
    assert (code, message) == ("E316", "two packages have a block `own`")
    assert "`first_blocks = first_blocks`" in notes[0]
    assert "`second_blocks = second_blocks`" in notes[1]


def test_a_block_of_the_zoo_is_not_replaced(installed: Path) -> None:
    (installed / "first_blocks/bottleneck.toml").write_text("steps = 3")
    assert check(unit="bottleneck") == []


def test_a_package_that_is_gone_is_named_where_a_name_is_not_found(installed: Path) -> None:
    assert check() == []
    ((code, _, notes),) = check(unit="lost")
    assert code == "E211"
    assert "the package of entry point `gone_blocks = gone_blocks` cannot be found" in notes


def test_blocks_of_a_package_may_call_one_another(installed: Path) -> None:
    calls = 'steps = { inner = { op = "%s" } }\n'
    (installed / "first_blocks/own.toml").write_text(calls % "part_of")
    (installed / "second_blocks/part_of.toml").write_text('steps = { act = { op = "act" } }\n')
    assert check(unit="own", stages=[{"channels": 16}]) == []
    (installed / "first_blocks/round.toml").write_text(calls % "round")
    _forget()
    ((code, _, notes),) = check(unit="round")
    assert code == "E316"
    assert notes[1] == "round.toml:1: blocks that call one another without end"


def test_a_whole_block_replaces_the_zoos() -> None:
    conv = {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"}
    network = archcompiler.compile(
        NET | {"unit": "bottleneck", "blocks": {"bottleneck": {"steps": {"conv": conv}}}}
    )
    definition = network.loaded.library.find("bottleneck")
    assert definition is not None
    assert [rule.name for rule in definition.steps] == ["conv"]
