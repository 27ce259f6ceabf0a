r"""Panels as TikZ for pdflatex: compile or `\input` it; its named styles are there to change."""

from __future__ import annotations

from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.scene import MARGIN, Label, Outline, Panel, Point, Wire
from archcompiler.figure.svg import number
from archcompiler.figure.themes import Theme

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # Upright quotes need a package; typographic ones do not.
    '"': "''",
    "`": "'",
    "'": "'",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "−": "$-$",
}


def to_tikz(panel: Panel, theme: Theme, description: str) -> str:
    r"""A document that compiles as it is, and that another one with TikZ can `\input`.

    Raises CompileError E607 for a picture that is longer than TeX can measure.
    """
    longest = max(panel.width, panel.height) + 2 * MARGIN
    if longest > LONGEST:
        raise CompileError(
            error(
                "E607",
                f"the figure is {longest:,.0f} points long, more than TeX can measure",
                notes=(f"the bound is {LONGEST:,.0f} points",),
                help="ask for svg, pdf or dot, or draw a scope of it with `--expand`",
            )
        )
    roles = list(dict.fromkeys(
        [lane.role for lane in panel.lanes] + [node.outline.role for node in panel.nodes]
    ))  # fmt: skip
    corner = (panel.width + MARGIN, panel.height + MARGIN)
    lines = [
        *(f"% {line}" for line in _comment(description)),
        # A line's end is a space, and all of this may stand in a paragraph.
        *(f"{line}%" for line in (*_BEGIN, *_colors(theme, roles))),
        r"\begin{tikzpicture}[x=1bp,y=-1bp,",
        *_styles(panel, roles),
        "]",
        f"\\path[fill=ac-page] {_at((-MARGIN, -MARGIN))} rectangle {_at(corner)};",
        *map(_drawn, panel.layers()),
        r"\end{tikzpicture}%",
        *(f"{line}%" for line in _END),
    ]
    return "\n".join(lines) + "\n"


LONGEST = 16_000.0
"""Points; TeX's largest dimension is 16,383.99998 pt."""

_BEGIN = (
    # In a document, \documentclass has become an error: then this file is only its picture.
    r"\newif\ifacdocument",
    r"\makeatletter\ifx\documentclass\@twoclasseserror\else\acdocumenttrue\fi\makeatother",
    r"\ifacdocument\documentclass{article}\usepackage{tikz}\begin{document}\fi",
    r"\ifx\tikzpicture\undefined\errmessage{This figure needs \string\usepackage{tikz}}\fi",
    # Text is set in the font of the document, but never wider than the layout has room for.
    r"\ifx\acbox\undefined\newsavebox\acbox\fi",
    r"\providecommand\acfit[2]{\sbox\acbox{#2}",
    r"  \ifdim\wd\acbox>#1\resizebox{#1}{\height}{\usebox\acbox}\else\usebox\acbox\fi}",
    # A page just as large as the picture, without a class that not every TeX has.
    r"\ifacdocument\setbox0=\hbox\bgroup\fi",
)
_END = (
    r"\def\acend{\egroup\pdfhorigin=0pt \pdfvorigin=0pt \pdfpagewidth=\wd0",
    r"  \pdfpageheight=\dimexpr\ht0+\dp0\relax \shipout\box0 \end{document}}",
    r"\ifacdocument\else\let\acend\relax\fi\acend",
)


def _drawn(item: Outline | Wire | Label) -> str:
    match item:
        case Outline():
            return _outline(item)
        case Wire():
            return _wire(item)
        case Label():
            return _label(item)


def missing(text: str) -> set[str]:
    """Characters that pdflatex has no glyph for."""
    return {c for c in text if c != "?" and escape_tex(c) == "?"}


def escape_tex(text: str) -> str:
    """Text that TeX prints and never executes; a question mark where pdflatex has no glyph."""
    return "".join(
        _SPECIAL.get(c)
        or (c if 32 <= ord(c) < 127 or (0xC0 <= ord(c) <= 0xFF and c not in "×÷ÐÞðþ") else "?")
        for c in text
    )


def _comment(text: str) -> list[str]:
    plain = text.translate({ord("·"): "|", ord("×"): "x"})
    return ["".join(c if 32 <= ord(c) < 127 else "?" for c in line) for line in plain.split("\n")]


def _colors(theme: Theme, roles: list[str]) -> list[str]:
    colors = {f"ac-{role}-fill": theme.paint(role).fill for role in roles}
    colors |= {f"ac-{role}-line": theme.paint(role).stroke for role in roles}
    colors |= {f"ac-text-{role}": color for role, color in theme.text.items()}
    colors |= {f"ac-wire-{role}": color for role, color in theme.lines.items()}
    colors["ac-page"] = theme.page
    return [
        f"\\definecolor{{{name}}}{{HTML}}{{{color.lstrip('#').upper()}}}"
        for name, color in sorted(colors.items())
    ]


def _styles(panel: Panel, roles: list[str]) -> list[str]:
    forms = dict.fromkeys(
        ("unit", "io", "stage", "trunk", "mask", "norm"), "rounded corners=3pt"
    ) | {"join": "rounded corners=5.4pt"}
    # What is between the two lines is white unless it is said.
    forms |= {
        role: f"rounded corners=3pt,double=ac-{role}-fill" for role in ("attention", "different")
    }
    styles = [
        "ac box/.style={line width=0.7pt}",
        *(
            f"ac {role}/.style={{ac box,draw=ac-{role}-line,fill=ac-{role}-fill"
            + (f",{forms[role]}" if role in forms else "")
            + "}"
            for role in roles
        ),
        "ac flow/.style={draw=ac-wire-flow,line width=0.8pt}",
        "ac skip/.style={draw=ac-wire-skip,line width=0.8pt,dash pattern=on 2.4pt off 1.6pt}",
        "ac guide/.style={draw=ac-wire-guide,line width=0.4pt}",
        "ac rule/.style={draw=ac-wire-rule,line width=0.5pt}",
        "ac arrow/.style={-latex}",
        r"ac text/.style={inner sep=0pt,outer sep=0pt,"
        r"font=\sffamily\fontsize{7bp}{8.4bp}\selectfont}",
        r"ac title/.style={inner sep=0pt,outer sep=0pt,"
        r"font=\sffamily\bfseries\fontsize{7.5bp}{9bp}\selectfont}",
        "ac ink/.style={text=ac-text-ink}",
        "ac muted/.style={text=ac-text-muted}",
        "ac accent/.style={text=ac-text-accent}",
        "ac link/.style={text=ac-text-link}",
    ]
    return [f"  {style}," for style in styles]


def _outline(outline: Outline) -> str:
    style = f"ac {outline.role}"
    if outline.form == "plain":
        style += ",draw=none"
    if outline.dashed:
        style += ",dash pattern=on 2.4pt off 1.6pt"
    if outline.is_polygon:
        return f"\\path[{style}] {' -- '.join(map(_at, outline.polygon()))} -- cycle;"
    paths = (
        f"\\path[{style}] {_at((r.x, r.y))} rectangle {_at((r.right, r.bottom))};"
        for r in outline.sheets
    )
    return " ".join(paths)


def _wire(wire: Wire) -> str:
    style = f"ac {wire.role}" + (",ac arrow" if wire.arrow else "")
    if not wire.curved:
        return f"\\draw[{style}] {' -- '.join(map(_at, wire.points))};"
    first, *rest = wire.points
    parts = [
        f".. controls {_at(rest[i])} and {_at(rest[i + 1])} .. {_at(rest[i + 2])}"
        for i in range(0, len(rest) - 2, 3)
    ]
    return f"\\draw[{style}] {_at(first)} {' '.join(parts)};"


def _label(label: Label) -> str:
    anchor = {"start": "base west", "middle": "base", "end": "base east"}[label.anchor]
    style = "ac title" if label.bold else "ac text"
    style += f",ac {label.role},anchor={anchor}"
    text = f"\\acfit{{{number(label.bounds.width)}bp}}{{{escape_tex(label.text)}}}"
    return f"\\node[{style}] at {_at((label.x, label.y))} {{{text}}};"


def _at(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"
