"""What `explain` shows as wrong has the code, and what it shows as right has not."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from documents import ROOT
from snippets import FENCE, ONLY_RECIPES, understood

from archcompiler.cli.program import group
from archcompiler.diagnostics.codes import all_codes, explanation

BASES: Final = {
    "E202": 'name = "shown"\ninput = [3, 32, 32]\nclasses = 10\n[[stages]]\nchannels = 64\n',
    "E303": 'extends = "attention56_cifar.toml"\nunit = "plain"\n',
    "E304": 'extends = "attention56_cifar.toml"\nunit = "plain"\n',
    "E308": 'extends = "attention56_cifar.toml"\nunit = "plain"\n',
    "E320": 'extends = "attention56.toml"\n',
}
"""What a part of a spec changes, by default Attention-56 for CIFAR."""
NOT_BY_ITSELF: Final = {
    "E315": "is about an installed package",
    "E316": "is about an installed package",
    "E703": "is about images and a network too",
    "E805": "is told by a search",
    "W731": "is about images and a network too",
    "W732": "is about images and a network too",
    "W734": "is about a folder of images",
}
OTHER_PROGRAMS: Final = frozenset({"iconv", "ls", "mv", "pip", "python", "sudo", "torchrun"})


def examples(code: str) -> Iterator[tuple[bool, str, str]]:
    """Whether it is wrong, language and text of each."""
    page = explanation(code) or ""
    parts = re.split(r"^(Wrong|Right)\b", page, flags=re.MULTILINE)
    for word, part in zip(parts[1::2], parts[2::2], strict=True):
        for found in FENCE.finditer(part):
            yield word == "Wrong", found["language"], found["text"]


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped specs, and one to extend."""
    folder = tmp_path / "specs"
    shutil.copytree(ROOT / "specs", folder)
    shutil.copy(folder / "attention56.toml", folder / "base.toml")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("code", all_codes())
def test_the_examples_of_a_code(code: str, specs: Path) -> None:
    for wrong, language, text in examples(code):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                command(line)
        elif language == "python":
            compile(text, code, "exec")
        elif code in NOT_BY_ITSELF:
            assert tomllib.loads(text)
        elif language in ("toml", "json"):
            assert (code in reported(code, language, text)) == wrong, text


def reported(code: str, language: str, text: str) -> set[str]:
    """The codes of what is said about an example."""
    # Only a spec that extends itself has a name that matters.
    file = Path("attention92.toml" if code == "E206" else f"shown.{language}")
    file.write_text(whole(code, text) if language == "toml" else text, encoding="utf-8")
    result = CliRunner().invoke(group, ["check", str(file)])
    return set(re.findall(r"^\w+\[(\w+)\]", result.output, re.MULTILINE))


def whole(code: str, text: str) -> str:
    """A part of a spec laid upon one; anything else as it is."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text
    if (
        {"extends", "specs"} & values.keys()
        or values.keys() & ONLY_RECIPES
        or {"name", "stages"} <= values.keys()
    ):
        return text
    return BASES.get(code, 'extends = "attention56_cifar.toml"\n') + text


def command(line: str) -> None:
    words = shlex.split(line, comments=True)
    if words and words[0] == "archcompiler":
        understood(words[1:])
    elif words and "archcompiler" not in words:
        assert words[0] in OTHER_PROGRAMS, line
