"""One call from a compiled network to the files of its figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import INSTALL, Dot, find_dot
from archcompiler.figure.metrics import printable
from archcompiler.figure.module import draw_module
from archcompiler.figure.page import Level, Page, footer_words
from archcompiler.figure.page import compose as compose_page
from archcompiler.figure.recognition import recognise
from archcompiler.figure.scene import MARGIN, Panel
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.themes import THEMES, Theme, ThemeName
from archcompiler.figure.words import shape_words
from archcompiler.ir import Block

if TYPE_CHECKING:
    from archcompiler.figure.html import View

Format = Literal["svg", "png", "pdf", "dot", "json", "html", "tikz", "mermaid"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
SUFFIXES: Final = {"tikz": "tikz.tex", "mermaid": "mmd"}
"""pdflatex names its PDF after its source: not like the one of `--format pdf`."""
DPI: Final = 300


@dataclass(frozen=True, slots=True)
class Request:
    """How a figure shall be."""

    level: Level = "auto"
    expand: tuple[str, ...] = ()
    theme: ThemeName = "paper"
    width: float = 504.0
    """In points, margins included; 7 inches is the text width of most pages."""
    dot: Path | None = None


@dataclass
class Figure:
    """A figure that can be asked for in every format."""

    name: str
    theme: Theme
    asked: Path | None
    """The Graphviz program that was asked for."""
    description: str
    compose: Callable[[], Page]
    to_json: Callable[[Panel], str]
    to_html: Callable[[Dot], View]

    @property
    def dot(self) -> Dot | None:
        return find_dot(self.asked)

    @cached_property
    def page(self) -> Page:
        """Laid out when a format asks for it: HTML does not."""
        return self.compose()

    def render(self, format: Format) -> bytes:
        """The bytes of one file. Raises CompileError E601 where a format needs a missing `dot`."""
        if format == "html":
            return self._view.text.encode()
        panel = self.page.panel
        match format:
            case "svg":
                from archcompiler.figure.svg import to_svg

                return to_svg(panel, self.theme, self.description).encode()
            case "dot":
                from archcompiler.figure.dot import to_dot

                return to_dot(panel, self.theme, self.description).encode()
            case "tikz":
                from archcompiler.figure.tikz import to_tikz

                return to_tikz(panel, self.theme, self.description).encode()
            case "mermaid":
                from archcompiler.figure.mermaid import to_mermaid

                return to_mermaid(panel, self.theme, self.description).encode()
            case "pdf":
                from archcompiler.figure.pdf import to_pdf

                return to_pdf(panel, self.theme)
            case "png":
                from archcompiler.figure.xdot import resolution, to_xdot

                dot = require_dot(self.dot, "png")
                dpi = resolution(panel, DPI)
                source = to_xdot(panel, self.theme, dpi, dot.fonts)
                return _with_resolution(dot.render(source, "png", "neato"), dpi)
            case "json":
                return self.to_json(panel).encode()

    @cached_property
    def _view(self) -> View:
        return self.to_html(require_dot(self.dot, "html"))

    def notes_on(self, format: Format) -> Iterator[str]:
        """What a reader of the file should know: what was folded, what is plainer than it was."""
        if format == "html":
            yield from self._view.notes
            return
        panel = self.page.panel
        yield from self.page.notes
        if format == "png":
            from archcompiler.figure.xdot import resolution

            dpi = resolution(panel, DPI)
            if dpi < DPI:
                yield f"so long a picture has {dpi} dots per inch, not {DPI}: svg has no limit"
        if format == "pdf":
            from archcompiler.figure.pdf import reduction

            if reduction(panel) < 1:
                share = f"{reduction(panel):.3g}"
                yield f"no pdf page is so long: it is drawn at {share} of its size, svg is not"
        if format in ("pdf", "tikz"):
            from archcompiler.figure import pdf, tikz

            module = pdf if format == "pdf" else tikz
            lost = set[str]().union(*(module.missing(label.text) for label in panel.all_labels()))
            if lost:
                names = ", ".join(f"U+{ord(c):04X}" for c in sorted(lost))
                yield f"{format} has no glyph for {names} and prints `?`: svg does not"


def _with_resolution(png: bytes, dpi: int) -> bytes:
    """A PNG that says how large it is: a word processor then places it at the figure's width."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    with Image.open(BytesIO(png), formats=["PNG"]) as image:
        image.save(out, "PNG", dpi=(dpi, dpi), optimize=True)
    return out.getvalue()


def require_dot(dot: Dot | None, what: str) -> Dot:
    """Raises CompileError E601 if there is no `dot`."""
    if dot is None:
        raise CompileError(
            error("E601", f"no `dot` to make {what} with", help=f"install it with {INSTALL}")
        )
    return dot


def draw(network: CompiledNetwork, request: Request) -> Figure:
    """Lay out the page of a network.

    Raises CompileError E601 where the layout needs a missing `dot`, E603 for an unknown scope and
    E606 for too many operators.
    """
    drawing = Drawing(network)
    dot = find_dot(request.dot)
    # A scope that is drawn once is enough, however often it was asked for.
    paths = ("/".join(filter(None, scope.split("/"))) for scope in request.expand)
    scopes = {path: find_scope(drawing.graph.root, path) for path in paths}

    def compose() -> Page:
        extra = _extra(drawing, scopes, request, dot)
        return compose_page(drawing, request.width, request.level, dot, extra)

    def to_json(panel: Panel) -> str:
        from archcompiler.figure.data import to_json

        return to_json(drawing, [panel])

    def to_html(dot: Dot) -> View:
        from archcompiler.figure.html import network_html

        view = network_html(Drawing(network), dot, request.theme, next(iter(scopes), ""))
        notes = list(view.notes)
        if len(scopes) > 1:
            notes.append("html opens at the first `--expand`")
        if request.level != "auto":
            notes.append("html has every level, whatever `--level` is")
        return replace(view, notes=tuple(notes))

    theme, words = THEMES[request.theme], footer_words(drawing)
    return Figure(network.name, theme, request.dot, words, compose, to_json, to_html)


def _extra(
    drawing: Drawing, scopes: Mapping[str, Block], request: Request, dot: Dot | None
) -> list[Panel]:
    """The panels of the scopes that were asked for."""
    if request.level == "op":
        from archcompiler.figure.oplevel import draw_operators

        dot = require_dot(dot, "`--level op`")
        wanted = scopes or {"": drawing.graph.root}
        return [draw_operators(drawing, block, path, dot) for path, block in wanted.items()]
    inner = request.width - 2 * MARGIN
    return [_expanded(drawing, block, path, inner, dot) for path, block in scopes.items()]


def _expanded(drawing: Drawing, block: Block, scope: str, width: float, dot: Dot | None) -> Panel:
    title = f"{scope or 'network'}, {shape_words(block.output_type)}"
    shape = recognise(block)
    if shape is not None:
        return draw_module(drawing, shape, scope, title, width)
    return draw_scope(
        drawing, block, scope, title, require_dot(dot, "the layout of a scope"), room=width
    )


def operator_source(network: CompiledNetwork, request: Request) -> str:
    """DOT of `--level op` for a Graphviz elsewhere. Raises CompileError E603 and E606."""
    from archcompiler.figure.oplevel import operator_dot

    scope = request.expand[0] if request.expand else ""
    return operator_dot(find_scope(network.graph.root, scope), scope, network.name)


def find_scope(root: Block, scope: str) -> Block:
    """The block at a path such as `stage2/attention3`. Raises CompileError E603."""
    block, seen = root, ""
    for name in filter(None, scope.split("/")):
        names = [step.name for step in block.steps if isinstance(step.body, Block)]
        if name not in names:
            guess = did_you_mean(name, names)
            place = f"`{seen}`" if seen else "the network"
            full = "/".join(filter(None, (seen, guess))) if guess else None
            raise CompileError(
                error(
                    "E603",
                    f"{place} has no scope `{_shown(name)}`",
                    notes=(f"it has {', '.join(names[:12]) or 'none'}",),
                    help=f"did you mean `{full}`?" if full else None,
                )
            )
        body = block.step(name).body
        assert isinstance(body, Block)
        block, seen = body, f"{seen}/{name}" if seen else name
    return block


def _shown(name: str) -> str:
    return printable(name)[:80]


def file_name(name: str, format: Format) -> str:
    return f"{name}.{SUFFIXES.get(format, format)}"


EXTENSIONS: Final[Mapping[str, Format]] = {
    Path(file_name("x", format)).suffix: format for format in FORMATS
}
"""What a file is, by how its name ends."""


__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "Figure",
    "Format",
    "Request",
    "draw",
    "file_name",
    "operator_source",
]
