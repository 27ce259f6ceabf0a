"""Grids as LaTeX `tabular` in the style of booktabs, alone or in a float, for pdflatex."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcompiler.tables.grid import Cells, Grid

PLAIN = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "Δ": r"$\Delta$",
    "µ": r"$\mu$",
    "−": r"$-$",
    "–": r"--",
    "…": r"\dots{}",
}
"""What every character outside letters, digits and common signs becomes, without any package."""


def render(grids: Sequence[Grid], caption: str | None = None, label: str | None = None) -> str:
    r"""One `tabular` a grid, its notes as comments; a `table` around all if one is to be named.

    `caption` is LaTeX and is not escaped: it may cite and refer. `label` is what `\ref` names.
    """
    lines = [r"% Needs \usepackage{booktabs}."]
    floats = caption is not None or label is not None
    if floats:
        lines += [r"\begin{table}", r"\centering"]
        if caption is not None:
            lines.append(rf"\caption{{{caption}}}")
        if label is not None:
            lines.append(rf"\label{{{label}}}")
    for position, grid in enumerate(grids):
        if position:
            lines.append(r"\par\medskip" if floats else "")
        lines += _grid(grid)
    if floats:
        lines.append(r"\end{table}")
    return "\n".join(lines) + "\n"


def _grid(grid: Grid) -> Iterator[str]:
    for note in grid.notes:
        yield f"% {' '.join(note.split())}"
    columns = "".join("l" if heading.left else "r" for heading in grid.headings)
    yield rf"\begin{{tabular}}{{{columns}}}"
    yield r"\toprule"
    yield _line([str(heading) for heading in grid.headings])
    for section in grid.sections:
        yield r"\midrule"
        if section.title:
            yield rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{_escape(section.title)}}}}} \\"
        for row in section.rows:
            yield _line(row)
        if section.total is not None:
            yield r"\addlinespace"
            yield _line(section.total)
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _line(cells: Cells | Sequence[str]) -> str:
    return " & ".join(_escape(cell) for cell in cells) + r" \\"


def _escape(text: str) -> str:
    indent = len(text) - len(text.lstrip(" "))
    escaped = "".join(PLAIN.get(character, character) for character in text.lstrip(" "))
    return r"\quad " * (indent // 2) + escaped
