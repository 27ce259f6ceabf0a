"""Every page of every spec: text of 7 pt or more, nothing over anything else, lines beside text."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from shipped import ROOT
from shipped import SPECS as ALL
from written_blocks import SQUEEZED

import archcompiler
from archcompiler import CompiledNetwork
from archcompiler.analysis.parameters import parameter_count
from archcompiler.figure.comparison import compare
from archcompiler.figure.diagram import Request, draw
from archcompiler.figure.legibility import problems
from archcompiler.figure.scene import MARGIN, Label, Panel, Wire
from archcompiler.ir import Graph

SPECS = ROOT / "specs"
STAGE: dict[str, Any] = {"channels": 64, "modules": 1, "depth": 2}
EXTREME: dict[str, dict[str, Any]] = {
    "deep": {"input": [3, 512, 512], "stages": [{"channels": 64, "modules": 2, "depth": 7}]},
    "no-p": {"attention": {"p": 0, "t": 100, "r": 1000}},
    "naive": {"attention": {"learning": "naive", "mask": {"activation": "channel"}}},
    "many": {"stages": [STAGE | {"channels": 64 + 32 * i, "modules": i % 2} for i in range(30)]},
    "equal": {"stages": [STAGE] * 100},
    "units": {
        "unit": "resnext",
        "stages": [STAGE | {"channels": 256}],
        "attention": {"p": 12, "trunk": "inception", "mask": {"unit": "bottleneck"}},
    },
    "wide": {
        "input": [3, 4096, 4096],
        "classes": 1_000_000,
        "stages": [{"channels": 65536}, {"channels": 65536, "modules": 100, "depth": 2}],
    },
    "title": {"title": "W" * 300},
    "options": {
        "unit": {"type": "resnext", "groups": 32},
        "attention": {"mask": {"unit": {"type": "resnext", "groups": 1, "reduction": 8}}},
        "stages": [STAGE | {"channels": 256}],
    },
    "blocks": SQUEEZED,
    "signal": {"input": [12, 5000], "stages": [STAGE, STAGE | {"depth": 4}]},
    "volume": {"input": [1, 256, 256, 256], "stages": [STAGE, STAGE | {"depth": 4}]},
}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_the_page_of_every_spec_is_legible(path: Path) -> None:
    figure = draw(archcompiler.compile(path), Request())
    assert list(problems(figure.page.panel)) == []
    assert figure.page.panel.width + 2 * MARGIN == 504
    assert figure.page.panel.height + 2 * MARGIN <= 684
    assert figure.page.notes == [], "a shipped spec fits a page without more folding"


@pytest.mark.parametrize("width", [252.0, 504.0, 720.0])
@pytest.mark.parametrize("name", EXTREME)
def test_extreme_networks_fold_rather_than_shrink(
    make: Callable[..., CompiledNetwork], name: str, width: float
) -> None:
    figure = draw(make(**EXTREME[name]), Request(width=width))
    assert list(problems(figure.page.panel)) == []
    assert figure.page.panel.height + 2 * MARGIN <= 684 * max(1, width / 504)


def test_what_was_folded_is_said(make: Callable[..., CompiledNetwork]) -> None:
    assert draw(make(**EXTREME["many"]), Request()).page.notes
    assert any("mask" in note for note in draw(make(**EXTREME["deep"]), Request()).page.notes)


@pytest.mark.parametrize("name", EXTREME)
def test_what_was_folded_can_be_had(make: Callable[..., CompiledNetwork], name: str) -> None:
    network = make(**EXTREME[name])
    page = draw(network, Request()).page
    said = " ".join(page.notes)
    for level in re.findall(r"`--level (\w+)` draws more", said):
        more = draw(network, Request(level=level)).page.panel
        assert len(more.nodes) > len(page.panel.nodes)
    for scope in re.findall(r"`--expand (\S+)` draws", said):
        nodes = draw(network, Request(expand=(scope,))).page.panel.nodes
        assert any(scope.replace("/", "-") in node.key for node in nodes)
    assert "draws" in said or "`--level network`" in said or not page.notes


def test_a_mask_that_is_one_card_can_be_drawn(make: Callable[..., CompiledNetwork]) -> None:
    network = make(attention={"mask": "se"})
    (note,) = draw(network, Request(level="module")).page.notes
    assert "one card: `--expand stage1/attention1/mask` draws one" in note
    request = Request(level="module", expand=("stage1/attention1/mask",))
    assert draw(network, request).page.notes == []
    assert draw(network, Request(level="unit")).page.notes == []


@pytest.mark.parametrize("level", ["network", "stage", "module", "unit"])
def test_every_level_is_legible(attention56: CompiledNetwork, level: Any) -> None:
    assert list(problems(draw(attention56, Request(level=level)).page.panel)) == []


@pytest.mark.parametrize(
    "scope",
    ["stage2/attention1", "stage4/before/unit1", "stem", "stage1", "stage1/attention1/mask"],
)
def test_every_scope_expands(attention56: CompiledNetwork, scope: str) -> None:
    figure = draw(attention56, Request(expand=(scope,)))
    assert list(problems(figure.page.panel)) == []
    assert any(scope.replace("/", "-") in node.key for node in figure.page.panel.nodes)


def test_a_comparison_is_legible(
    attention56: CompiledNetwork, attention452: CompiledNetwork
) -> None:
    assert list(problems(compare(attention56, attention452, Request()).page.panel)) == []


def test_a_comparison_fits_a_page(make: Callable[..., CompiledNetwork]) -> None:
    """Stages that only one side has share a card, with the sums of all of them."""
    many = make(**EXTREME["many"])
    figure = compare(make(), many, Request())
    panel = figure.page.panel
    assert panel.height + 2 * MARGIN <= 684
    assert list(problems(panel)) == []
    assert any("share one card" in note for note in figure.page.notes)
    cards = [node for node in panel.nodes if node.key.startswith("b.")]
    assert sum(card.info.parameters or 0 for card in cards if card.info) == totals(many)


def test_the_operators_of_a_module_are_legible(attention56: CompiledNetwork) -> None:
    scopes = ("stage3/attention1", "stage4/before/unit1")
    assert list(problems(draw(attention56, Request(level="op", expand=scopes)).page.panel)) == []


@pytest.mark.parametrize("level", ["unit", "module", "stage", "network"])
def test_a_folded_figure_still_accounts_for_everything(
    make: Callable[..., CompiledNetwork], level: Any
) -> None:
    network = make(**EXTREME["many"])
    page = draw(network, Request(level=level, width=252.0)).page.panel
    cards = [node for node in page.frames if node.key.startswith("network.")]
    assert sum(card.info.parameters or 0 for card in cards if card.info) == totals(network)


@pytest.mark.parametrize("name", ["attention56", "attentionnext56", "attention452", "attention92"])
def test_a_column_keeps_the_whole_mask(name: str) -> None:
    """3.5 inches are one column: all levels of the deepest mask, one above the other."""
    network = archcompiler.compile(SPECS / f"{name}.toml")
    page = draw(network, Request(width=252.0)).page
    assert list(problems(page.panel)) == []
    assert page.panel.height + 2 * MARGIN <= 684
    module = page.parts[1]
    keys = [node.key for node in module.nodes]
    assert {f"{part}{i}" for part in ("pool", "down", "up") for i in (1, 2, 3)} <= set(keys)
    assert {f"{part}{i}" for part in ("skip", "add", "rise") for i in (1, 2)} <= set(keys)
    assert "folded" not in keys
    at = {node.key: node.outline.rect for node in module.nodes}
    assert at["down1"].cy == at["skip1"].cy == at["add1"].cy, "a skip goes straight across"
    assert at["pool3"].cy == at["down3"].cy == at["up3"].cy


@pytest.mark.parametrize(
    ("name", "width", "folded"),
    [("attention56", 504.0, False), ("attention56", 252.0, False), ("deep", 504.0, True),
     ("deep", 252.0, True)],
)  # fmt: skip
def test_a_mask_has_the_parameters_of_the_whole(
    make: Callable[..., CompiledNetwork],
    attention56: CompiledNetwork,
    name: str,
    width: float,
    folded: bool,
) -> None:
    network = attention56 if name == "attention56" else make(**EXTREME[name])
    panel = draw(network, Request(level="module", width=width)).page.parts[1]
    assert any(node.key == "folded" for node in panel.nodes) == folded
    attention = network.graph.root.step("stage1").body.step("attention1").body
    whole = parameter_count(Graph("module", attention))
    assert sum(node.info.parameters or 0 for node in panel.nodes if node.info) == whole


def totals(network: CompiledNetwork) -> int:
    return parameter_count(network.graph)


class TestTheCheckItself:
    def page(self, network: CompiledNetwork) -> Panel:
        return draw(network, Request()).page.panel

    def test_finds_small_text(self, attention56: CompiledNetwork) -> None:
        page = self.page(attention56)
        small = replace(page, labels=(Label(400, 600, "tiny", size=6.5),))
        assert "`tiny` is 6.5 pt" in list(problems(small))

    def test_finds_a_line_through_text(self, attention56: CompiledNetwork) -> None:
        page = self.page(attention56)
        label = next(iter(page.all_labels()))
        y = label.bounds.cy
        crossing = Wire(((label.bounds.x - 2, y), (label.bounds.right + 2, y)))
        found = problems(replace(page, wires=(*page.wires, crossing)))
        assert any(f"crosses `{label.text}`" in problem for problem in found)

    def test_finds_text_over_text_and_cards_over_cards(self, attention56: CompiledNetwork) -> None:
        page = self.page(attention56)
        card = page.cards[3]
        moved = replace(card.moved(2, 2), key="copy")
        found = list(problems(replace(page, nodes=(*page.nodes, moved))))
        assert any(problem.endswith("overlaps copy") for problem in found)
        assert any("` overlaps `" in problem for problem in found)

    def test_finds_what_leaves_the_page(self, attention56: CompiledNetwork) -> None:
        page = self.page(attention56)
        found = problems(replace(page, labels=(Label(500, 20, "far out"),)))
        assert "`far out` leaves the page" in list(found)
