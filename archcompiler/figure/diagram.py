"""One call from a compiled network to the files of its figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from archcompiler.blocks import ATTENTION
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import INSTALL, Dot, find_dot
from archcompiler.figure.module import draw_module
from archcompiler.figure.page import Level, Page, compose, footer_words
from archcompiler.figure.scene import Panel
from archcompiler.figure.scope import draw_scope
from archcompiler.figure.themes import THEMES, Theme, ThemeName
from archcompiler.figure.words import shape_words
from archcompiler.ir import Block
from archcompiler.suggest import did_you_mean

Format = Literal["svg", "png", "pdf", "dot", "json", "html", "tikz"]
FORMATS: Final[tuple[Format, ...]] = ("svg", "png", "pdf", "dot", "json", "html", "tikz")
SUFFIXES: Final = {"tikz": "tex"}
DPI: Final = 300
MAX_OPERATORS: Final = 20_000
"""Graphviz takes minutes for more, and nobody reads them."""


@dataclass(frozen=True, slots=True)
class Request:
    """How a figure shall be."""

    level: Level = "auto"
    expand: tuple[str, ...] = ()
    theme: ThemeName = "paper"
    width: float = 504.0
    """In points; 7 inches is the text width of most pages."""
    dot: Path | None = None


@dataclass
class Figure:
    """A figure that can be asked for in every format."""

    name: str
    theme: Theme
    request: Request
    description: str
    page: Page
    to_json: Callable[[], str]
    to_html: Callable[[], str]
    notes: list[str] = field(default_factory=list)

    def render(self, format: Format) -> bytes:
        """The bytes of one file. Raises CompileError E601 where a format needs a missing `dot`."""
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
            case "pdf":
                from archcompiler.figure.pdf import to_pdf

                return to_pdf(panel, self.theme)
            case "png":
                from archcompiler.figure.xdot import to_xdot

                dot = require_dot(self.request, "png")
                return dot.render(to_xdot(panel, self.theme, DPI), "png", "neato")
            case "json":
                return self.to_json().encode()
            case "html":
                return self.to_html().encode()


def require_dot(request: Request, format: str) -> Dot:
    """The `dot` for a format. Raises CompileError E601 if there is none."""
    dot = find_dot(request.dot, format)
    if dot is None:
        raise CompileError(
            error("E601", f"no `dot` to make {format} with", help=f"install it with {INSTALL}")
        )
    return dot


def draw(network: CompiledNetwork, request: Request) -> Figure:
    """Lay out the page of a network. `--level op` is not a page: see `operators`."""
    drawing = Drawing(network)
    dot = find_dot(request.dot)
    extra = [_expanded(drawing, scope, request, dot) for scope in request.expand]
    page = compose(drawing, request.width, request.level, dot, extra)

    def to_json() -> str:
        from archcompiler.figure.data import to_json

        return to_json(drawing, [page.panel])

    def to_html() -> str:
        from archcompiler.figure.html import to_html

        return to_html(drawing, require_dot(request, "html"), request.theme)

    return Figure(
        network.name,
        THEMES[request.theme],
        request,
        footer_words(drawing),
        page,
        to_json,
        to_html,
        page.notes,
    )


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
    return "".join(c if c.isprintable() else "?" for c in name)[:80]


def _expanded(drawing: Drawing, scope: str, request: Request, dot: Dot | None) -> Panel:
    scope = "/".join(filter(None, scope.split("/")))
    block = find_scope(drawing.graph.root, scope)
    title = f"{scope or 'network'}, {shape_words(block.output_type)}"
    if block.kind == ATTENTION:
        return draw_module(drawing, block, scope, title, request.width)
    dot = dot or require_dot(request, "svg")
    return draw_scope(drawing, block, scope, title, dot, room=request.width)


def operators(
    network: CompiledNetwork, request: Request, formats: Iterable[Format]
) -> dict[Format, bytes]:
    """Files of `--level op`: every operator, laid out by Graphviz."""
    from archcompiler.figure.oplevel import operator_dot

    drawing = Drawing(network)
    theme = THEMES[request.theme]
    scope = request.expand[0] if request.expand else ""
    block = find_scope(drawing.graph.root, scope)
    if block.operator_count > MAX_OPERATORS:
        raise CompileError(
            error(
                "E606",
                f"{block.operator_count:,} operators are too many for one figure",
                notes=(f"the bound is {MAX_OPERATORS:,}",),
                help="draw a scope of it with `--expand stage1/attention1`, or another level",
            )
        )
    source = operator_dot(drawing, theme, scope)
    files: dict[Format, bytes] = {}
    for format in formats:
        if format == "dot":
            files[format] = source.encode()
        elif format in ("svg", "png", "json", "pdf"):
            files[format] = require_dot(request, format).render(source, format)
        else:
            raise CompileError(
                error(
                    "E604",
                    f"`--level op` has no {format}",
                    help="ask for svg, png, pdf, dot or json, or for another level",
                )
            )
    return files


def file_name(name: str, format: Format) -> str:
    return f"{name}.{SUFFIXES.get(format, format)}"


__all__ = ["FORMATS", "Figure", "Format", "Request", "draw", "file_name", "operators"]
