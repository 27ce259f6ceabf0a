r"""Panels as TikZ for pdflatex: `\input` it, and restyle it through its named styles."""

from __future__ import annotations

from archcompiler.figure.scene import Label, Node, Outline, Panel, Point, Wire
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
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "−": "$-$",
}
_SPECIAL |= {'"': "''", "`": "'", "'": "'"}
"""Upright quotes need a package; typographic ones do not."""


def to_tikz(panel: Panel, theme: Theme, description: str) -> str:
    """A document that compiles as it is; the picture alone can be cut out of it."""
    roles = list(dict.fromkeys(
        [lane.role for lane in panel.lanes] + [node.outline.role for node in panel.nodes]
    ))  # fmt: skip
    lines = [
        *(f"% {line}" for line in _comment(description)),
        r"\documentclass{article}",
        r"\usepackage{tikz}",
        *_colors(theme, roles),
        r"\begin{document}",
        # A page just as large as the picture, without a class that not every TeX has.
        r"\setbox0=\hbox{%",
        r"\begin{tikzpicture}[x=1bp,y=-1bp,",
        *_styles(panel, roles),
        "]",
        f"\\path[fill=ac-page] (-4,-4) rectangle {_at((panel.width + 4, panel.height + 4))};",
        *(_outline(lane) for lane in panel.lanes),
        *(line for node in panel.frames for line in _node(node)),
        *(_wire(wire) for wire in panel.wires),
        *(line for node in panel.cards for line in _node(node)),
        *(_label(label) for label in panel.labels),
        r"\end{tikzpicture}}",
        r"\pdfhorigin=0pt \pdfvorigin=0pt \pdfpagewidth=\wd0",
        r"\pdfpageheight=\dimexpr\ht0+\dp0\relax \shipout\box0",
        r"\end{document}",
    ]
    return "\n".join(lines) + "\n"


def escape_tex(text: str) -> str:
    """Text that TeX prints and never executes; a question mark where pdflatex has no glyph."""
    return "".join(
        _SPECIAL.get(c)
        or (c if 32 <= ord(c) < 127 or (0xC0 <= ord(c) <= 0xFF and c not in "×÷ÐÞðþ") else "?")
        for c in text
    )


def _comment(text: str) -> list[str]:
    return ["".join(c if 32 <= ord(c) < 127 else "?" for c in line) for line in text.split("\n")]


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
    forms = {"unit": "rounded corners=3pt", "attention": "rounded corners=3pt,double"}
    forms |= {"io": "rounded corners=3pt", "stage": "rounded corners=3pt"}
    forms |= {"join": "rounded corners=5.4pt"}
    forms |= dict.fromkeys(("trunk", "mask"), "rounded corners=3pt")
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


def _node(node: Node) -> list[str]:
    return [_outline(node.outline), *(_label(label) for label in node.labels)]


def _outline(outline: Outline) -> str:
    style = f"ac {outline.role}"
    if outline.form == "plain":
        style += ",draw=none"
    if outline.dashed:
        style += ",dash pattern=on 2.4pt off 1.6pt"
    if outline.form in ("narrowing", "widening", "bevel"):
        return f"\\path[{style}] {' -- '.join(map(_at, outline.polygon()))} -- cycle;"
    paths = []
    for offset in (1.8, 0.9, 0.0) if outline.form == "stack" else (0.0,):
        r = outline.rect.moved(offset, -offset)
        paths.append(f"\\path[{style}] {_at((r.x, r.y))} rectangle {_at((r.right, r.bottom))};")
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
    return f"\\node[{style}] at {_at((label.x, label.y))} {{{escape_tex(label.text)}}};"


def _at(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"
