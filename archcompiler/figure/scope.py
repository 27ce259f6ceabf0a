"""Any scope as a small graph, laid out by Graphviz: units first of all, stems, heads, stages."""

from __future__ import annotations

from dataclasses import dataclass

from archcompiler.analysis.branches import MASK, roles
from archcompiler.figure.cards import card, card_size
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.folding import Run, runs
from archcompiler.figure.labels import block_words, is_sign, spoken, step_words
from archcompiler.figure.layout import Layout, lay_out
from archcompiler.figure.metrics import shorten, wrap
from archcompiler.figure.scene import TEXT, Label, Node, Panel, Point, Wire
from archcompiler.figure.skips import skips
from archcompiler.figure.words import role_of, shape_words
from archcompiler.ir import INPUT, Block

TITLE = 14.0
NOTE = {"LR": 290.0, "TB": 130.0}
"""Words below the title may be wider than the graph, but leave room for a legend beside it."""


Edges = dict[tuple[str, str], str]
"""Tail and head of every edge, by the keys of cells, with the role of the input it leads to."""


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
        if isinstance(body, Block) and not body.steps:
            # Nothing is in it: what reads it reads its input.
            continue
        role = role_of(body)
        lines = (
            block_words(body, run.count, run.first.name)
            if isinstance(body, Block)
            else step_words(run.first)
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
    for step in block.steps:
        owner.setdefault(step.name, owner[step.inputs[0]])
    edges = {
        (owner[name], cell.key): role
        for cell in graph
        for name, role in zip(cell.runs[0].first.inputs, roles(cell.runs[0].first), strict=True)
    }
    sizes = {cell.key: _size(cell) for cell in graph}
    direction = "LR"
    layout = _layout(graph, edges, sizes, owner[block.output], dot, direction)
    if layout.width > room:
        direction = "TB"
        layout = _layout(graph, edges, sizes, owner[block.output], dot, direction)
    nodes = tuple(
        _draw(drawing, block, cell, scope, layout.centers[cell.key], sizes[cell.key])
        for cell in graph
    )
    skipping = {(owner[a], owner[b]) for a, b in skips(block)}
    wires = [
        Wire(
            points,
            "guide" if edges.get((a, b)) == "size" else "skip" if (a, b) in skipping else "flow",
            source="" if a == INPUT else a,
            target="" if b == OUTPUT else b,
            curved=True,
        )
        for a, b, points in layout.curves
    ]
    x = 14.0 if letter else 0.0
    space = max(layout.width, room) - x
    labels = [Label(x, 7.5, shorten(title, 7.5, space, bold=True), 7.5, "start", bold=True)]
    if letter:
        labels.append(Label(0, 7.5, letter, 8, "start", bold=True))
    words = shape_words(block.input)
    if block.output_type != block.input:
        words += f" to {shape_words(block.output_type)}"
    if note:
        words += f"; {note}"
    lines = wrap(words, TEXT, max(layout.width, min(space, NOTE[direction])))
    labels += [
        Label(x, TITLE + 3.5 + 9 * i, line, role="muted", anchor="start")
        for i, line in enumerate(lines)
    ]
    top = TITLE + 1 + 9 * len(lines)
    drawn = Panel("", "", 0, 0, nodes, tuple(wires)).moved(0, top)
    width = max(layout.width, *(label.bounds.right for label in labels))
    return Panel(
        panel_id(scope), title, width, layout.height + top, drawn.nodes, drawn.wires, tuple(labels)
    )


OUTPUT = "out "
"""No step can have this name."""


def panel_id(scope: str) -> str:
    return "scope-" + (scope.replace("/", "-") or "network")


def _size(cell: Cell) -> Point:
    if is_sign(cell.lines):
        return 12.0, 12.0
    return card_size(cell.lines, cell.role)


def _draw(
    drawing: Drawing, block: Block, cell: Cell, scope: str, center: Point, size: Point
) -> Node:
    body, count = cell.runs[0].body, cell.runs[0].count
    steps = [step for run in cell.runs for step in run.steps]
    info = drawing.joint_info(block, scope, steps, " ".join(cell.lines), count)
    name = spoken(cell.lines)
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
    edges: Edges,
    sizes: dict[str, Point],
    output: str,
    dot: Dot,
    direction: str,
) -> Layout:
    """The cells and the edges between them, by their keys."""
    import graphviz

    source = graphviz.Digraph(
        graph_attr={"rankdir": direction, "nodesep": "0.08", "ranksep": "0.14"},
        node_attr={"shape": "box", "fixedsize": "true", "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    ids = {INPUT: "n0"} | {cell.key: f"n{i}" for i, cell in enumerate(graph, 1)}
    ids[OUTPUT] = f"n{len(ids)}"
    for key, name in ids.items():
        width, height = sizes.get(key, (0.5, 0.5))
        source.node(name, width=f"{width / 72:.4f}", height=f"{height / 72:.4f}")
    spine = _longest_path(edges, output)
    for a, b in [*edges, (output, OUTPUT)]:
        source.edge(ids[a], ids[b], weight="50" if (a, b) in spine or b == OUTPUT else "1")
    return lay_out(source, dot).renamed({name: key for key, name in ids.items()})


def _longest_path(edges: Edges, output: str) -> set[tuple[str, str]]:
    """The edges of one longest path to the output: the line that shall stay straight."""
    length: dict[str, int] = {INPUT: 0}
    before: dict[str, str] = {}
    for (a, b), role in edges.items():
        # Edges come in the order of the steps, which is topological. A mask hangs beside the line.
        if role != MASK and length.get(a, 0) + 1 > length.get(b, 0):
            length[b] = length.get(a, 0) + 1
            before[b] = a
    path: set[tuple[str, str]] = set()
    node = output
    while node in before:
        path.add((before[node], node))
        node = before[node]
    return path
