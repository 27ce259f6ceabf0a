"""Mistakes in a file of any kind: nothing here knows a key of a spec or a recipe."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from archcompiler.config.base import Count, Model
from archcompiler.config.located import locate
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import validate
from archcompiler.config.wording import Remark, Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Source
from archcompiler.syntax import parse


class Bulb(Model):
    type: Literal["bulb"]
    watts: Count
    """Power that it draws."""


class Candle(Model):
    type: Literal["candle"]
    wicks: Count = 1


class Lamp(Model):
    light: Annotated[Bulb | Candle, Field(discriminator="type")]
    label: Annotated[str, Field(pattern="^[a-z]+$")] = "lamp"
    stages: tuple[Count, ...] = ()


class Shop(Wording):
    def remark(self, path: SpecPath, kind: str, value: Any) -> Remark:
        return Remark(f"{path[-1]}, {kind}, {value}", ("a note",), "a help")


def problems(text: str, wording: Wording) -> list[Diagnostic]:
    document = parse(Source("lamp.toml", text, "toml"))
    with pytest.raises(CompileError) as caught:
        validate(locate(document.values, document), Lamp, wording)
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("text", "code", "message", "at"),
    [
        ("", "E202", "missing key `light` in the lamp", ""),
        ("light = { type = 'bulb' }", "E202", "missing key `watts` in `light`", "{"),
        ("light = { watts = 1 }", "E202", "missing key `type` in `light`", "{"),
        ("light = { type = 'sun' }", "E211", "`light` has no type `sun`", "'sun'"),
        ("light = 'candle'", "E203", "`light` must be a table, not a string", "'candle'"),
        (
            "light.type = 'candle'\nstages = { 0 = 1 }",
            "E203",
            "`stages` must be an array, not a table",
            "{",
        ),
        (
            "light.type = 'candle'\nstages = [1, 'x']",
            "E203",
            "an entry of `stages` must be a whole number, not a string",
            "'x'",
        ),
        (
            "light.type = 'candle'\nlabel = 'A'",
            "E205",
            "`label` must match ^[a-z]+$",
            "'A'",
        ),
        (
            "light = { type = 'candle', watts = 1 }",
            "E201",
            "unknown key `watts` in `light`",
            "watts",
        ),
    ],
)
def test_a_mistake_is_called_by_its_key(text: str, code: str, message: str, at: str) -> None:
    (found,) = problems(text, Wording("the lamp"))
    assert (found.code, found.message) == (code, message)
    assert found.span is not None
    assert found.span.text.startswith(at)


def test_a_missing_key_is_explained_by_its_help_text() -> None:
    (found,) = problems("light = { type = 'bulb' }", Wording("the lamp"))
    assert found.help == "`watts`: Power that it draws."


def test_a_kind_of_file_may_have_words_of_its_own() -> None:
    (found,) = problems("light.type = 'candle'\nlabel = 'A'", Shop("the lamp"))
    assert found.message == "label, string_pattern_mismatch, A"
    assert (found.notes, found.help) == (("a note",), "a help")


def test_it_needs_only_diagnostics_and_syntax() -> None:
    code = (
        "import sys, archcompiler.config.problems, archcompiler.config.settings, "
        "archcompiler.config.toml; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name.split(".")[1] for name in done.stdout.split() if name.startswith("archcompiler.")}
    assert ours == {"config", "diagnostics", "syntax"}
