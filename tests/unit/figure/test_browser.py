"""The HTML view: its bytes, and what a real Chromium makes of them."""

import json
import os
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from archcompiler import CompiledNetwork
from archcompiler.figure.diagram import Request, draw

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None and "CI" not in os.environ:
    needs_browser = pytest.mark.skip(reason="chromium is not installed (apt-get install chromium)")
else:
    # In CI a missing browser is an error, not a reason to test less.
    needs_browser = pytest.mark.browser


@pytest.fixture(scope="module")
def html(attention56: CompiledNetwork) -> str:
    return draw(attention56, Request()).render("html").decode()


def test_one_small_file_that_loads_nothing(html: str, attention452: CompiledNetwork) -> None:
    assert len(html.encode()) < 400_000
    assert len(draw(attention452, Request()).render("html")) < 400_000
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?!#)", html.split("<script>")[0])
    assert "url(" not in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize(
    ("scope", "panel", "note"),
    [
        ("stage2/attention1", "s-stage2-attention1", ""),
        ("stage4/before/unit3", "s-stage4-before-unit2", ""),
        ("stage2/attention1/mask/hourglass", "s-stage2-attention1", "opens at"),
    ],
)
def test_the_scope_that_was_asked_for_opens(
    attention56: CompiledNetwork, scope: str, panel: str, note: str
) -> None:
    """Or an equal one of the same run; a mask opens with the module that it is drawn in."""
    figure = draw(attention56, Request(expand=(scope,)))
    assert f'data-home="{panel}"' in figure.render("html").decode()
    notes = " ".join(figure.notes_on("html"))
    assert note in notes
    assert bool(note) == bool(notes)


def test_a_large_network_keeps_the_file_small_and_says_so(
    make: Callable[..., CompiledNetwork],
) -> None:
    stages = [{"channels": 64 + 32 * i, "modules": 1, "depth": 3} for i in range(14)]
    scope = "stage14/attention1/pre/unit1"
    figure = draw(make(stages=stages), Request(expand=(scope,)))
    text = figure.render("html").decode()
    assert len(text.encode()) < 400_000
    assert f'id="panel-s-{scope.replace("/", "-")}"' in text, "the one that opens is kept"
    (note,) = figure.notes_on("html")
    assert "not drawn" in note
    assert note in text
    panels = set(re.findall(r'id="panel-([^"]+)"', text))
    assert set(re.findall(r'data-link="([^"]+)"', text)) <= panels


def test_every_link_leads_to_a_panel(html: str) -> None:
    panels = set(re.findall(r'id="panel-([^"]+)"', html))
    links = set(re.findall(r'data-link="([^"]+)"', html))
    assert links - {"network"} <= panels
    assert panels <= links | {"network"}, "a panel that nothing leads to"


def test_nodes_have_accessible_names_and_ids_of_their_own(html: str) -> None:
    nodes = re.findall(
        r'<g class="node" id="([^"]+)" tabindex="0" role="(\w+)" aria-label="([^"]*)"', html
    )
    assert len(nodes) == html.count('<g class="node"') == len({id for id, _, _ in nodes})
    assert all(label for _, _, label in nodes)


def test_hostile_text_stays_text(hostile: CompiledNetwork) -> None:
    text = draw(hostile, Request()).render("html").decode()

    class Parser(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.scripts: list[dict[str, str | None]] = []
            self.bold = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.bold += tag == "b"
            if tag == "script":
                self.scripts.append(dict(attrs))

    parser = Parser()
    parser.feed(text)
    assert parser.scripts == [{"type": "application/json", "id": "data"}, {}]
    assert parser.bold == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api") if "CI" not in os.environ else None
    if playwright is None:
        from playwright import sync_api as playwright
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        yield started
        started.close()


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def page(browser: Any, html: str, tmp_path: Path, errors: list[str]) -> Iterator[Any]:
    file = tmp_path / "attention56.html"
    file.write_text(html, encoding="utf-8")
    tab = browser.new_page(viewport={"width": 1200, "height": 760}, color_scheme="light")
    tab.on("console", lambda message: errors.append(message.text))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on(
        "request",
        lambda request: errors.append(request.url) if request.url.startswith("http") else None,
    )
    tab.goto(file.as_uri())
    yield tab
    tab.close()
    assert errors == []


def shown(page: Any) -> str:
    """Id of the panel on screen."""
    (panel,) = page.eval_on_selector_all(".panel", "ps => ps.filter(p => !p.hidden).map(p => p.id)")
    return str(panel).removeprefix("panel-")


def follow(page: Any, link: str) -> None:
    node = page.locator(f'.panel:not([hidden]) [data-link="{link}"].node').first
    # At the edge: the middle of a frame belongs to the cards in it.
    node.click(position={"x": 8, "y": 8})
    page.wait_for_function(f"location.hash === '#{link}'")


def outside(page: Any) -> list[str]:
    """Nodes of the panel on screen that are not wholly in its canvas."""
    found: list[str] = page.evaluate(
        """() => {
          const canvas = document.querySelector(".panel:not([hidden]) .canvas");
          const room = canvas.getBoundingClientRect();
          return [...canvas.querySelectorAll(".node")].filter((node) => {
            const box = node.getBoundingClientRect();
            return box.left < room.left - 1 || box.right > room.right + 1
              || box.top < room.top - 1 || box.bottom > room.bottom + 1;
          }).map((node) => node.id);
        }"""
    )
    return found


@needs_browser
class TestInChromium:
    def test_drill_down_and_back(self, page: Any) -> None:
        assert shown(page) == "network"
        follow(page, "s-stage1")
        follow(page, "s-stage1-attention1")
        assert page.locator("#trail [aria-current=page]").inner_text() == "attention1"
        assert page.get_by_role("img", name="attention gate: (1 + M)·T").first.is_visible()
        page.go_back()
        assert shown(page) == "s-stage1"
        page.go_back()
        assert shown(page) == "network"
        page.go_forward()
        assert shown(page) == "s-stage1"

    def test_search(self, page: Any) -> None:
        page.keyboard.press("/")
        page.keyboard.type("stage2 gate")
        assert page.locator("#hits [role=option]").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash === '#s-stage2-attention1:gate'")
        assert shown(page) == "s-stage2-attention1"
        assert page.locator(".found").get_attribute("aria-label") == "attention gate: (1 + M)·T"
        page.keyboard.press("/")
        page.keyboard.type("no such thing")
        assert page.locator("#hits").inner_text() == "nothing found"

    @pytest.mark.parametrize(
        ("query", "panel"),
        [
            ("stage4/before/unit3", "s-stage4-before"),
            ("stage1/attention1/post/unit1", "s-stage1-attention1-pre-unit1"),
            ("before/unit3", "s-stage4-before"),
        ],
    )
    def test_what_is_folded_is_found(self, page: Any, query: str, panel: str) -> None:
        """A run of equal scopes is drawn once, and equal scopes share one panel."""
        page.keyboard.press("/")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash !== ''")
        assert shown(page) == panel

    def test_a_hit_comes_into_view(self, page: Any) -> None:
        page.goto(page.url + "#s-stage1-attention1")
        for _ in range(8):
            page.keyboard.press("+")
        for _ in range(2):
            # The same search twice: the hash stays, the focus must come back all the same.
            page.keyboard.press("/")
            page.keyboard.type("stage1/attention1/post p =")
            page.keyboard.press("Enter")
            page.wait_for_function("document.activeElement.classList.contains('found')")
            box = page.locator(".found").bounding_box()
            canvas = page.locator(".panel:not([hidden]) .canvas").bounding_box()
            assert canvas["x"] <= box["x"] + box["width"] / 2 <= canvas["x"] + canvas["width"]

    def test_the_focus_follows(self, page: Any) -> None:
        page.locator("[id='network:network.stage1']").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash === '#s-stage1'")
        assert page.evaluate("document.activeElement.textContent") == "stage1, 56×56×256"
        page.go_back()
        page.wait_for_function("document.activeElement.id === 'network:network.stage1'")

    def test_deep_link_and_broken_link(self, page: Any) -> None:
        address = page.url
        page.goto(address + "#s-stage3-attention1:gate")
        page.reload()
        assert shown(page) == "s-stage3-attention1"
        assert page.locator(".found").count() == 1
        page.goto(address + "#nowhere%")
        page.reload()
        assert shown(page) == "network"

    def test_tooltip(self, page: Any) -> None:
        page.goto(page.url + "#s-stage1-attention1")
        page.locator('.panel:not([hidden]) .node[id$=":trunk"]').hover()
        text = page.locator("#tip").inner_text()
        for words in ("stage1/attention1/trunk", "56×56×256", "140,800", "stages[0].attention"):
            assert words in text

    def test_keyboard_alone(self, page: Any) -> None:
        page.keyboard.press("ArrowRight")
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.classList.contains('node')")
        page.locator("[id='network:network.stage1']").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("location.hash === '#s-stage1'")
        page.keyboard.press("Escape")
        page.wait_for_function("location.hash === '#network'")
        assert shown(page) == "network"

    def test_the_whole_figure_opens_and_a_hint_says_what_to_do(self, page: Any) -> None:
        assert page.locator(".hint").inner_text().startswith("Click a card to look inside")
        assert outside(page) == []
        assert page.get_by_text("(1 + M)·T").first.is_visible()

    def test_keys_are_shown_on_demand(self, page: Any) -> None:
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#keys").is_visible()
        assert shown(page) == "network"

    def test_search_shows_scopes_before_operators(self, page: Any) -> None:
        page.keyboard.press("/")
        page.keyboard.type("stage1")
        hits = page.locator("#hits [role=option]").evaluate_all(
            "hits => hits.map(hit => hit.firstChild.textContent)"
        )
        assert hits[:3] == ["stage1", "stage1/before", "stage1/attention1"]
        assert len(set(hits)) == len(hits)

    def test_a_narrow_window(self, browser: Any, html: str, tmp_path: Path) -> None:
        file = tmp_path / "narrow.html"
        file.write_text(html, encoding="utf-8")
        tab = browser.new_page(viewport={"width": 390, "height": 780}, has_touch=True)
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert outside(tab) == []
        size = "parseFloat(getComputedStyle(document.querySelector('.legend li')).fontSize)"
        assert tab.evaluate(size) >= 12
        # Two fingers that part from each other.
        touch = tab.context.new_cdp_session(tab)
        before = tab.locator("svg .node").first.bounding_box()["width"]
        for kind, apart in (("Start", 20), ("Move", 40), ("Move", 80), ("End", None)):
            points = [] if apart is None else [{"x": 195 + s * apart, "y": 400} for s in (-1, 1)]
            touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
        after = tab.locator("svg .node").first.bounding_box()["width"]
        assert after / before == pytest.approx(4, rel=0.05)
        tab.close()

    def test_dark_mode(self, page: Any) -> None:
        color = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(color) == "rgb(255, 255, 255)"
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(color) == "rgb(20, 24, 30)"
        page.keyboard.press("d")
        assert page.evaluate(color) == "rgb(255, 255, 255)"

    def test_pan_and_zoom(self, page: Any) -> None:
        box = "document.querySelector('.panel:not([hidden]) svg').getAttribute('viewBox')"
        whole = page.evaluate(box)
        page.mouse.move(600, 400)
        page.mouse.wheel(0, -300)
        page.wait_for_function(f"{box} !== '{whole}'")
        near = page.evaluate(box)
        page.mouse.down()
        page.mouse.move(660, 430, steps=4)
        page.mouse.up()
        assert page.evaluate(box) not in (whole, near)
        page.keyboard.press("0")
        assert page.evaluate(box) == whole

    def test_download_of_the_panel(self, page: Any) -> None:
        page.goto(page.url + "#s-stage1-attention1")
        with page.expect_download() as found:
            page.get_by_role("button", name="SVG").click()
        assert found.value.suggested_filename == "attention56-s-stage1-attention1.svg"
        text = Path(found.value.path()).read_text(encoding="utf-8")
        assert "var(" not in text
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"

    def test_hostile_text_does_nothing(
        self, browser: Any, hostile: CompiledNetwork, tmp_path: Path
    ) -> None:
        file = tmp_path / "hostile.html"
        file.write_bytes(draw(hostile, Request()).render("html"))
        tab = browser.new_page()
        found: list[str] = []
        tab.on("dialog", lambda dialog: found.append(dialog.message) or dialog.dismiss())
        tab.on("console", lambda message: found.append(message.text))
        tab.goto(file.as_uri())
        assert tab.locator("h1").first.inner_text() == " ".join(str(hostile.spec.title).split())
        assert found == []
        tab.close()


def test_the_data_is_json(html: str) -> None:
    text = html.split('id="data">')[1].split("</script>")[0]
    data = json.loads(text)
    assert data["nodes"]["network:network.stage1"]["parameters"] > 1_000_000
