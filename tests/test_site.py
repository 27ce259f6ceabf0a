"""The site builds without a warning and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT

LOADED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc(?:set)?=\"?(?P<src>[^\"\s>]+)"
    r"|<link\b(?=[^>]*\brel=\"?(?:stylesheet|icon|preconnect|preload|dns-prefetch))"
    r"[^>]*\bhref=\"?(?P<href>[^\"\s>]+)"
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
APART = """
() => [...document.querySelectorAll('pre > code')].map(code => {
  const button = code.closest('.highlight').querySelector('nav, button');
  return button.getBoundingClientRect().left - code.getBoundingClientRect().right;
})
"""
"""How far the button that copies a block is from where its lines end."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "CI" not in os.environ:
        pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if path.parent.name != "gallery"]
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = [found["src"] or found["href"] for found in LOADED.finditer(text)]
        assert loaded
        assert not [url for url in loaded if re.match(r"\w+:|//", url)], page.name
        # Material would fetch what draws these.
        assert 'class="mermaid"' not in text
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", text), sheet.name


def test_a_page_that_was_at_the_top_leads_on(site: Path) -> None:
    tour = (site / "tour.html").read_text(encoding="utf-8")
    assert 'href="guides/images.html"' in tour
    assert 'src="gallery/attention452.svg"' in tour
    assert 'href="tour.html' in (site / "pull-requests.html").read_text(encoding="utf-8")
    assert 'href="../contributing.html' in (
        site / "decisions" / "001-blocks-as-data.html"
    ).read_text(encoding="utf-8")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="chromium is not installed")
def test_no_button_is_on_a_line(site: Path) -> None:
    if "CI" not in os.environ:
        pytest.importorskip("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        options = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = running.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((site / "guides" / "paper.html").as_uri())
        page.wait_for_selector("pre nav, pre button, .highlight nav", state="attached")
        apart = page.evaluate(APART)
        browser.close()
    assert len(apart) > 5
    assert min(apart) >= 0
