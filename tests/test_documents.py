"""What the documents say is so: examples run, tables are current, links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from documents import (
    BLOCKS,
    IMPLEMENTATIONS,
    KINDS,
    ROOT,
    SECTIONS,
    ZOO_PAGE,
    fences,
    section,
    zoo,
)
from reference import PAGES

import archcompiler
from archcompiler.diagnostics.codes import all_codes, explanation
from archcompiler.language.definition import Definition
from archcompiler.language.library import ZOO
from archcompiler.verify import verify
from archcompiler.verify.counts import verify_counts

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
GUIDES = sorted(path.stem for path in ROOT.glob("docs/guides/*.md"))
WALK = BLOCKS.read_text(encoding="utf-8")
EXAMPLES = {tomllib.loads(text)["name"]: text for text in fences(WALK, "toml")}


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with every example of the walk under its name."""
    for name, text in EXAMPLES.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["README.md", *(f"docs/guides/{n}.md" for n in GUIDES)])
def test_a_shipped_spec_is_called_by_its_name(name: str) -> None:
    """Who has installed a package has no `specs/`, and `build specs/…` is for a checkout."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "specs/" in line and ".toml" in line]
    assert [line for line in lines if not line.startswith("python3 -m venv")] == []


@pytest.mark.parametrize("code", sorted(set(all_codes()) - {"E101"}))  # which is about paths
def test_an_explanation_calls_a_shipped_spec_by_its_name(code: str) -> None:
    assert not re.search(r"^archcompiler .*specs/", explanation(code) or "", re.MULTILINE)


def test_the_last_step_is_named() -> None:
    for name in ("README.md", "docs/guides/images.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "\narchcompiler export runs/" in text


def test_the_walk_has_examples() -> None:
    assert len(EXAMPLES) == len(fences(WALK, "toml")) >= 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_it_says(name: str, examples: Path) -> None:
    network = archcompiler.compile(examples / f"{name}.toml")
    assert not network.warnings
    proof, counts = verify(network), verify_counts(network)
    assert proof.holds, str(proof)
    assert counts.holds, str(counts)


@pytest.mark.parametrize(
    ("path", "name"),
    [(path, name) for path, sections in SECTIONS.items() for name in sections],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_table_is_current(path: Path, name: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert section(text, name).strip() == SECTIONS[path][name]().strip()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_that_is_made_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path]()


@pytest.mark.parametrize("block", [*zoo()], ids=lambda block: f"{block.home}/{block.name}")
def test_a_block_of_the_zoo_says_what_it_is_and_of_whom(block: Definition) -> None:
    assert block.title
    assert block.source


def test_every_block_of_the_zoo_is_in_the_table() -> None:
    table = section(ZOO_PAGE.read_text(encoding="utf-8"), "zoo")
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
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    links = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    for link in (a or b for a, b in links):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        # A figure's says on which ground the site has it.
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def test_the_rooms_are_those_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    rooms = re.findall(r"^\| (\d+) \| `(\w+)` \|", ARCHITECTURE, re.MULTILINE)
    expected = [
        (str(number), room) for number, layer in enumerate(layers, 1) for room in layer.split(" | ")
    ]
    assert rooms == expected


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_is_there(path: Path) -> None:
    """Paths of the repository, and tests in its files."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for file, test in re.findall(r"`((?:tests|archcompiler)/[\w/.]+)(?:::(\w+))?`", text):
        assert (ROOT / file).exists(), file
        if test:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_every_invariant_has_a_test() -> None:
    held = ARCHITECTURE.partition("## What always holds")[2].partition("\n## ")[0]
    invariants = re.split(r"^\d+\. ", held, flags=re.MULTILINE)[1:]
    numbers = re.findall(r"^(\d+)\. ", held, re.MULTILINE)
    assert numbers == [str(i) for i in range(1, len(invariants) + 1)]
    assert all("`tests/" in invariant or "`lint-imports`" in invariant for invariant in invariants)


def test_every_decision_is_listed_with_its_title() -> None:
    listed = re.findall(r"^- \[(.+)\]\(decisions/(.+)\)$", ARCHITECTURE, re.MULTILINE)
    titles = [path.read_text(encoding="utf-8").partition("\n")[0] for path in DECISIONS]
    expected = [
        (re.sub(r"^# \d+\. ", "", title), path.name)
        for title, path in zip(titles, DECISIONS, strict=True)
    ]
    assert listed == expected


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TINY = tomllib.loads(EXAMPLES["tiny"])


def example_of(word: str) -> dict[str, Any]:
    """What the Python of CONTRIBUTING defines that has a word in it."""
    (code,) = (text for text in fences(CONTRIBUTING, "python") if word in text)
    scope: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), scope)
    return scope


def test_the_block_of_contributing_is_in_the_zoo() -> None:
    (shown,) = fences(CONTRIBUTING, "toml")
    assert shown in (ZOO / "masks" / "eca.toml").read_text(encoding="utf-8")


def test_the_operator_of_contributing(monkeypatch: pytest.MonkeyPatch) -> None:
    square = example_of("class Square")["Square"]
    point = SimpleNamespace(name="square", value="example:Square", load=lambda: square)
    monkeypatch.setattr("archcompiler.ops.registry._outside", lambda: {"square": (point,)})
    network = archcompiler.compile({**TINY, "activation": "square"})
    assert "torch.square(self.norm1(self.conv1(x)))" in network.source
    proof, counts = verify(network), verify_counts(network)
    assert proof.holds, str(proof)
    assert counts.holds, str(counts)


def test_the_pass_of_contributing() -> None:
    check = example_of("def check_narrow")["check_narrow"]
    assert list(check(archcompiler.compile(TINY).graph)) == []
    narrow = archcompiler.compile({**TINY, "stages": [{"channels": 2}]})
    (finding,) = check(narrow.graph)
    assert (finding.code, finding.scope) == ("W302", "stage1")
    assert finding.origins == (("stages", 0, "channels"),)


def test_the_audit_that_is_shown() -> None:
    """On the page, of the re-statement of a port under the name that its authors have given it."""
    from audited import PORTS, audited

    from archcompiler.foreign.report import text

    shown = next(iter(fences(IMPLEMENTATIONS.read_text(encoding="utf-8"), "console")))
    command, _, report = shown.partition("\n")
    said = "model.py:residualattentionnet56"
    assert command == f"$ archcompiler audit {said} attention56"
    found = text(replace(audited(PORTS[0]), said=said))
    assert found.replace("attention_ports.py", "model.py") == report
