from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.config.settings import parse_setting
from archcompiler.diagnostics import CompileError

NET = tiny_spec({"channels": 64, "modules": 1, "depth": 2})


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("classes=10", {"classes": 10}),
        ("classes = 1_000", {"classes": 1000}),
        (" attention . p =2", {"attention": {"p": 2}}),
        ("head.bias=true", {"head": {"bias": True}}),
        ("input=[3, 64, 64]", {"input": (3, 64, 64)}),
        ("stages.0.modules=0x10", {"stages": {"0": {"modules": 16}}}),
        ("unit={type = 'resnext', groups = 4}", {"unit": {"type": "resnext", "groups": 4}}),
        ("unit=resnext", {"unit": "resnext"}),
        ("title='a b'", {"title": "a b"}),
        ('title="a\\tb"', {"title": "a\tb"}),
        ("title= a = b ", {"title": "a = b"}),
        ("title=", {"title": ""}),
        ("title=Don't", {"title": "Don't"}),
    ],
)
def test_a_value_is_toml_and_else_a_string(setting: str, values: dict[str, Any]) -> None:
    assert parse_setting(setting).plain() == values


@pytest.mark.parametrize("text", ["1\nname = 'x'", "1\n[stem]", "{}\n[value.x]", "1\nvalue = 2"])
def test_a_line_break_smuggles_nothing_in(text: str) -> None:
    assert parse_setting(f"classes={text}").plain() == {"classes": text}


@pytest.mark.parametrize(
    "setting", ["", "=", "modules", "=4", ".=4", "a..b=4", "a.=4", "a. =4", "a" + ".a" * 64 + "=1"]
)
def test_a_malformed_setting(setting: str) -> None:
    with pytest.raises(CompileError) as caught:
        parse_setting(setting)
    assert [d.code for d in caught.value.diagnostics] == ["E209"]


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(CompileError, match="a setting must be UTF-8"):
        parse_setting("title=\udcff")


def places(*settings: str) -> list[tuple[str, str]]:
    return [(d.code, d.span.text) for d in archcompiler.check(NET, settings) if d.span]


@pytest.mark.parametrize(
    ("setting", "code", "blamed"),
    [
        ("stages.1.modules=2", "E210", "1"),
        ("stages.x.modules=2", "E210", "x"),
        ("stages.0.moduls=2", "E201", "moduls"),
        ("stages.0.modules=two", "E203", "two"),
        ("head={dropout = 0.1, foo = 1}", "E201", "{dropout = 0.1, foo = 1}"),
        ("unit.groups=4", "E202", "unit"),
        ("classes=0", "E204", "0"),
        ("extends='base.toml'", "E201", "extends"),
    ],
)
def test_a_mistake_is_located_in_the_setting(setting: str, code: str, blamed: str) -> None:
    assert places(setting) == [(code, blamed)]


def test_all_bad_settings_are_reported() -> None:
    assert places("x", "stages.7.depth=1", "classes=10", "=") == [
        ("E209", "x"),
        ("E210", "7"),
        ("E209", "="),
    ]


def test_a_later_setting_wins() -> None:
    network = archcompiler.compile(NET, ["classes=5", "attention.p=0", "classes=7"])
    assert (network.spec.classes, network.spec.stages[0].attention.p) == (7, 0)


@pytest.mark.parametrize(
    ("without", "setting", "message", "place"),
    [
        ("stem", "classes=5", "missing key `stem` in the spec", "net.toml"),
        ("channels", "stages.0.before=2", "missing key `channels` in stage 1", "net.toml"),
        ("stem", "stem.channels=4", "missing key `type` in `stem`", "--set"),
    ],
)
def test_a_key_that_is_missing_is_so_where_its_table_is(
    tmp_path: Path, without: str, setting: str, message: str, place: str
) -> None:
    lines = ['name = "net"', "input = [3, 32, 32]", "classes = 10", 'stem = { type = "conv" }']
    lines += ["[[stages]]", "channels = 16"]
    path = tmp_path / "net.toml"
    path.write_text("\n".join(line for line in lines if not line.startswith(without)))
    (found,) = archcompiler.check(path, [setting])
    assert (found.code, found.message) == ("E202", message)
    assert found.span is not None
    assert Path(found.span.source.name).name == place
