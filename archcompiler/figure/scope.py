"""Any scope as a small graph, laid out by Graphviz: units first of all, stems, heads, stages."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.figure.cards import card, card_size
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import Run, runs
from archcompiler.figure.metrics import shorten
from archcompiler.figure.scene import TEXT, Info, Label, Node, Panel, Point, Wire
from archcompiler.figure.words import block_words, operator_words, role_of, shape_words
from archcompiler.ir import INPUT, Block

TITLE = 14.0


@dataclass(frozen=True, slots=True)
class Cell:
    """Steps that are drawn as one card."""

    key: str
    runs: tuple[Run, ...]
    lines: tuple[str, ...]
    role: str


def cells(block: Block) -> list[Cell]:
    """Runs of equal siblings; BN and activations in a row share a card too."""
    readers: dict[str, int] = {}
    for step in block.steps:
        for name in step.inputs:
            readers[name] = readers.get(name, 0) + 1
    found: list[Cell] = []
    for run in runs(block):
        body = run.body
        role = role_of(body)
        lines = (
            block_words(body, run.count, run.first.name)
            if isinstance(body, Block)
            else operator_words(body)
        )
        before = found[-1] if found else None
        if (
            role == "norm"
            and before is not None
            and before.role == "norm"
            and len(before.runs) < 3
            and run.first.inputs == (before.runs[-1].first.name,)
            and readers[before.runs[-1].first.name] == 1
        ):
            found[-1] = Cell(before.key, (*before.runs, run), (*before.lines, *lines), role)
        else:
            found.append(Cell(run.first.name, (run,), lines, role))
    return found


def draw_scope(
    drawing: Drawing,
    block: Block,
    scope: str,
    title: str,
    dot: Dot,
    letter: str = "",
    note: str = "",
    room: float = 1e9,
) -> Panel:
    """The panel of a scope, from left to right, or downwards where that is wider than `room`."""
    graph = cells(block)
    owner = {INPUT: INPUT} | {
        step.name: cell.key for cell in graph for run in cell.runs for step in run.steps
    }
    edges = [(owner[name], cell.key) for cell in graph for name in cell.runs[0].first.inputs]
    sizes = {cell.key: _size(cell) for cell in graph}
    places, curves, (width, height) = _layout(graph, edges, sizes, owner[block.output], dot)
    if width > room:
        places, curves, (width, height) = _layout(
            graph, edges, sizes, owner[block.output], dot, "TB"
        )
    nodes = tuple(_draw(drawing, cell, scope, places[cell.key], sizes[cell.key]) for cell in graph)
    wires = [
        Wire(
            points,
            "skip" if _is_skip(block, a, b) else "flow",
            source="" if a == INPUT else a,
            target="" if b == OUTPUT else b,
            curved=True,
        )
        for a, b, points in curves
    ]
    top = TITLE + 10
    x = 14.0 if letter else 0.0
    labels = [
        Label(0, 7.5, letter, 8, "start", bold=True),
        Label(
            x, 7.5, shorten(title, 7.5, max(width, room) - x, bold=True), 7.5, "start", bold=True
        ),
    ]
    drawn = Panel("", "", 0, 0, nodes, tuple(wires)).moved(0, top)
    words = shape_words(block.input)
    if block.output_type != block.input:
        words += f" to {shape_words(block.output_type)}"
    if note:
        words += f"; {note}"
    words = shorten(words, TEXT, max(width, room) - x)
    labels.append(Label(x, TITLE + 3.5, words, role="muted", anchor="start"))
    width = max(width, *(label.bounds.right for label in labels))
    return Panel(
        panel_id(scope), title, width, height + top, drawn.nodes, drawn.wires, tuple(labels)
    )


OUTPUT = "out "
"""No step can have this name."""


def panel_id(scope: str) -> str:
    return "scope-" + (scope.replace("/", "-") or "network")


def _is_skip(block: Block, source: str, target: str) -> bool:
    """Whether an edge carries a block's input past its other steps."""
    return source == INPUT and target != OUTPUT and block.step(target).body.kind == "add"


def _size(cell: Cell) -> Point:
    if cell.lines == ("+",):
        return 12.0, 12.0
    return card_size(cell.lines, cell.role)


def _draw(drawing: Drawing, cell: Cell, scope: str, center: Point, size: Point) -> Node:
    infos = [drawing.info(scope, run.first, " ".join(cell.lines), run.count) for run in cell.runs]
    first, last = infos[0], infos[-1]
    info = Info(
        first.scope,
        first.what,
        last.shape,
        sum(info.parameters or 0 for info in infos),
        sum(info.macs or 0 for info in infos),
        first.spec,
        first.count,
    )
    body = cell.runs[0].body
    count = cell.runs[0].count
    name = " ".join(cell.lines) if cell.lines != ("+",) else "sum"
    return card(
        cell.key,
        f"{name}, {info.shape}",
        center,
        cell.lines,
        cell.role,
        size=size,
        form="stack" if count > 1 and cell.role == "unit" else None,
        info=info,
        link=drawing.link(body) if isinstance(body, Block) else "",
    )


def _layout(
    graph: list[Cell],
    edges: list[tuple[str, str]],
    sizes: dict[str, Point],
    output: str,
    dot: Dot,
    direction: str = "LR",
) -> tuple[dict[str, Point], list[tuple[str, str, tuple[Point, ...]]], Point]:
    """Centres, curves and the size of the whole, by `dot -Tplain`."""
    import graphviz

    source = graphviz.Digraph(
        graph_attr={"rankdir": direction, "nodesep": "0.08", "ranksep": "0.14"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    # Numbers as names: a step's own could be anything, and DOT would read its colons as ports.
    ids = {INPUT: "n0"} | {cell.key: f"n{i}" for i, cell in enumerate(graph, 1)}
    ids[OUTPUT] = f"n{len(ids)}"
    for key, name in ids.items():
        width, height = sizes.get(key, (0.5, 0.5))
        source.node(name, width=f"{width / 72:.4f}", height=f"{height / 72:.4f}")
    spine = _longest_path(edges, output)
    for a, b in [*edges, (output, OUTPUT)]:
        source.edge(ids[a], ids[b], weight="50" if (a, b) in spine or b == OUTPUT else "1")
    keys = {name: key for key, name in ids.items()}
    text = dot.render(source.source, "plain").decode()
    return _parse(text, keys)


def _longest_path(edges: list[tuple[str, str]], output: str) -> set[tuple[str, str]]:
    """The edges of one longest path to the output: the line that shall stay straight."""
    length: dict[str, int] = {INPUT: 0}
    before: dict[str, str] = {}
    for a, b in edges:
        # Edges come in the order of the steps, which is topological.
        if length.get(a, 0) + 1 > length.get(b, 0):
            length[b] = length.get(a, 0) + 1
            before[b] = a
    path: set[tuple[str, str]] = set()
    node = output
    while node in before:
        path.add((before[node], node))
        node = before[node]
    return path


def _parse(
    text: str, keys: dict[str, str]
) -> tuple[dict[str, Point], list[tuple[str, str, tuple[Point, ...]]], Point]:
    places: dict[str, Point] = {}
    curves: list[tuple[str, str, tuple[Point, ...]]] = []
    width = height = 0.0
    for line in text.splitlines():
        words = line.split()
        if words[0] == "graph":
            width, height = float(words[2]) * 72, float(words[3]) * 72
        elif words[0] == "node":
            places[keys[words[1]]] = (float(words[2]) * 72, height - float(words[3]) * 72)
        elif words[0] == "edge":
            count = int(words[3])
            numbers = [float(word) * 72 for word in words[4 : 4 + 2 * count]]
            points = tuple(
                (x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)
            )
            curves.append((keys[words[1]], keys[words[2]], points))
    return places, curves, (width, height)
