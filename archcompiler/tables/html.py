"""A grid as an HTML table, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from archcompiler.tables.grid import Grid, Heading


def render(grid: Grid) -> str:
    return "".join(_table(grid))


def _table(grid: Grid) -> Iterator[str]:
    yield "<table><thead>"
    yield _row([str(heading) for heading in grid.headings], grid.headings, "th")
    yield "</thead><tbody>"
    for section in grid.sections:
        if section.title:
            yield f'<tr><th colspan="{len(grid.headings)}">{escape(section.title)}</th></tr>'
        for row in section.rows:
            yield _row(row, grid.headings, "td")
        if section.total is not None:
            yield _row(section.total, grid.headings, "th")
    yield "</tbody></table>"


def _row(cells: Sequence[str], headings: Sequence[Heading], tag: str) -> str:
    sides = ("left" if heading.left else "right" for heading in headings)
    drawn = (
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    )
    return f"<tr>{''.join(drawn)}</tr>"
