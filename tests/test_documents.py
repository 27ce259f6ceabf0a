"""What the documents say is so: examples run, tables are current, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from documents import (
    BLOCKS,
    KINDS,
    README,
    ROOT,
    SECTIONS,
    fences,
    matches,
    section,
    transcripts,
    zoo,
)

import archcompiler
from archcompiler.cli import group
from archcompiler.language.definition import Definition
from archcompiler.language.library import ZOO
from archcompiler.verify import verify
from archcompiler.verify.counts import verify_counts

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
WALK = BLOCKS.read_text(encoding="utf-8")
EXAMPLES = {tomllib.loads(text)["name"]: text for text in fences(WALK, "toml")}


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every example of the walk under its name."""
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_walk_has_examples() -> None:
    assert len(EXAMPLES) == len(fences(WALK, "toml")) >= 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_it_says(name: str, examples: Path) -> None:
    network = archcompiler.compile(examples / f"{name}.toml")
    assert not network.warnings
    proof, counts = verify(network), verify_counts(network)
    assert proof.holds, str(proof)
    assert counts.verified, str(counts)


@pytest.mark.parametrize("shown", fences(WALK, "python"))
def test_a_class_of_the_walk_is_the_emitted_one(shown: str, examples: Path) -> None:
    sources = (archcompiler.compile(examples / f"{name}.toml").source for name in EXAMPLES)
    assert any(shown in source for source in sources)


@pytest.mark.parametrize(("command", "shown"), transcripts(WALK))
def test_a_console_of_the_walk(command: str, shown: str, examples: Path) -> None:
    program, *arguments = shlex.split(command)
    assert program == "archcompiler"
    result = CliRunner().invoke(group, arguments)
    assert matches(shown, result.output), result.output


@pytest.mark.parametrize(
    ("path", "name"),
    [(path, name) for path, sections in SECTIONS.items() for name in sections],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_table_is_current(path: Path, name: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert section(text, name).strip() == SECTIONS[path][name]().strip()


@pytest.mark.parametrize("block", [*zoo()], ids=lambda block: f"{block.home}/{block.name}")
def test_a_block_of_the_zoo_says_what_it_is_and_of_whom(block: Definition) -> None:
    assert block.title
    assert block.source


def test_every_block_of_the_zoo_is_in_the_readme() -> None:
    table = section(README.read_text(encoding="utf-8"), "zoo")
    listed = re.findall(r"^\| (\w+) \| `(\w+)`", table, re.MULTILINE)
    files = [(KINDS[path.parent.name], path.stem) for path in ZOO.glob("*/*.toml")]
    assert sorted(listed) == sorted(files)


def anchors(path: Path) -> set[str]:
    """Where a link into a document can lead: its headings, as GitHub names them."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    for link in (a or b for a, b in links):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link
