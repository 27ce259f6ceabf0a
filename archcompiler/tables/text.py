"""Grids for the terminal, 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from archcompiler.tables.grid import Grid, Heading

WIDTH = 80
GAP = "  "
NAME_WIDTH = 28
"""Names longer than this lose their middle."""


def render(grids: Sequence[Grid], *, color: bool = False) -> str:
    """All grids below each other, with their notes."""
    return "\n".join("\n".join(_grid(grid, color=color)) + "\n" for grid in grids)


def _grid(grid: Grid, *, color: bool) -> Iterator[str]:
    bold, dim = _styles(color)
    lines = [row for section in grid.sections for row in (*section.rows, section.total) if row]
    widths = [
        max(len(heading.title), len(heading.unit) + 2 * bool(heading.unit), *cells)
        for heading, cells in zip(
            grid.headings,
            ([len(_short(c)) for c in column] for column in zip(*lines, strict=True)),
            strict=True,
        )
    ]
    for number, panel in enumerate(_panels(grid.headings, widths)):
        if number:
            yield ""

        def line(cells: Sequence[str], panel: Sequence[int] = panel) -> str:
            return GAP.join(_align(cells[i], widths[i], grid.headings[i]) for i in panel).rstrip()

        rule = dim("─" * (sum(widths[i] for i in panel) + len(GAP) * (len(panel) - 1)))
        yield bold(line([heading.title for heading in grid.headings]))
        units = line([f"({h.unit})" if h.unit else "" for h in grid.headings])
        if units:
            yield dim(units)
        yield rule
        for position, section in enumerate(grid.sections):
            if section.title:
                if position:
                    yield ""
                yield bold(section.title)
            yield from map(line, section.rows)
            if section.total is not None:
                yield rule
                yield line(section.total)
    if grid.notes:
        yield ""
    for note in grid.notes:
        wrapped = textwrap.wrap(note, WIDTH, subsequent_indent="  ", break_long_words=False)
        yield from map(dim, wrapped)


def _panels(headings: Sequence[Heading], widths: Sequence[int]) -> list[list[int]]:
    """Columns side by side; what is too wide goes below, with the leading words repeated."""
    words = 0
    while words < len(headings) and headings[words].left and words < 2:
        words += 1
    lead = list(range(words))
    panels: list[list[int]] = []
    for index in range(words, len(headings)):
        panel = panels[-1] if panels else lead
        if not panels or _width([*panel, index], widths) > WIDTH:
            panels.append([*lead, index])
        else:
            panel.append(index)
    return panels or [lead]


def _width(panel: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[i] for i in panel) + len(GAP) * (len(panel) - 1)


def _align(cell: str, width: int, heading: Heading) -> str:
    return _short(cell).ljust(width) if heading.left else cell.rjust(width)


def _short(name: str) -> str:
    if len(name) <= NAME_WIDTH:
        return name
    half = (NAME_WIDTH - 1) // 2
    return f"{name[: NAME_WIDTH - 1 - half]}…{name[-half:]}"


def _styles(color: bool) -> tuple[Callable[[str], str], Callable[[str], str]]:
    if not color:
        return str, str
    return (lambda text: f"\033[1m{text}\033[0m"), (lambda text: f"\033[2m{text}\033[0m")
