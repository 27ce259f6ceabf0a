"""What each code means, at the length of a page: the Markdown files beside this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def all_codes() -> tuple[str, ...]:
    """Every code there is, in order."""
    return tuple(sorted(_pages()))


def explanation(code: str) -> str | None:
    """The page about a code, in Markdown; None if there is no such code."""
    page = _pages().get(code.upper())
    return page.read_text(encoding="utf-8") if page is not None else None


def _pages() -> dict[str, Traversable]:
    from importlib.resources import files

    return {
        page.name.removesuffix(".md"): page
        for page in files(__name__).iterdir()
        if page.name.endswith(".md")
    }
