"""Grids as GitHub's Markdown tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcompiler.tables.grid import Grid


def render(grids: Sequence[Grid]) -> str:
    return "\n".join("\n".join(_grid(grid)) + "\n" for grid in grids)


def _grid(grid: Grid) -> Iterator[str]:
    head = _line([str(heading) for heading in grid.headings])
    rule = _line([":--" if heading.left else "--:" for heading in grid.headings])
    for position, section in enumerate(grid.sections):
        if position:
            yield ""
        if section.title:
            yield f"**{_escape(section.title)}**"
            yield ""
        yield head
        yield rule
        # Leading spaces show the tree of modules, and Markdown would drop them.
        yield from (_line(row) for row in section.rows)
        if section.total is not None:
            yield _line([f"**{_escape(cell)}**" for cell in section.total], escape=False)
    if grid.notes:
        yield ""
        yield "<br>\n".join(_escape(note) for note in grid.notes)


def _line(cells: Sequence[str], *, escape: bool = True) -> str:
    shown = [_escape(cell) for cell in cells] if escape else cells
    return f"| {' | '.join(shown)} |"


def _escape(text: str) -> str:
    indent = len(text) - len(text.lstrip(" "))
    for character in "\\|*<[`":
        text = text.replace(character, f"\\{character}")
    return "&emsp;" * (indent // 2) + text.lstrip(" ")
