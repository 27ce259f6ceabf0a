"""The figures in `docs/gallery/`, as `archcompiler diagram` draws them today."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import archcompiler
from archcompiler.figure.diagram import Format, Request, draw, file_name

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
SPECS = ("attention56", "attention92", "attentionnext56", "attention452")
ONCE: tuple[Format, ...] = ("dot", "json", "html")
"""Of the first network alone: its text shows in a review what changed, and one browser view is
enough of an example."""


def figures(name: str, *, png: bool = False) -> Iterator[tuple[Path, bytes]]:
    """Every file of one network. PNG is for pages that show no SVG; its bytes are not compared."""
    network = archcompiler.compile(ROOT / "specs" / f"{name}.toml")
    figure = draw(network, Request())
    formats: list[Format] = ["svg", *(ONCE if name == SPECS[0] else ()), *(["png"] if png else [])]
    for format in formats:
        yield GALLERY / file_name(name, format), figure.render(format)
    yield GALLERY / f"{name}-dark.svg", draw(network, Request(theme="dark")).render("svg")


def regenerate() -> None:
    """Rewrite the gallery."""
    GALLERY.mkdir(parents=True, exist_ok=True)
    for name in SPECS:
        for path, content in figures(name, png=True):
            path.write_bytes(content)


@pytest.mark.parametrize("name", SPECS)
def test_the_gallery_is_in_step(name: str) -> None:
    stale = [path.name for path, content in figures(name) if path.read_bytes() != content]
    assert stale == [], "rewrite with: python tests/regenerate.py figures"
    assert (GALLERY / f"{name}.png").is_file()


if __name__ == "__main__":
    regenerate()
