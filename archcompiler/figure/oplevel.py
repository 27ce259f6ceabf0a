"""Every operator below a scope, in nested frames: laid out by Graphviz, drawn like any panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from archcompiler.analysis.branches import beside_trunk
from archcompiler.diagnostics import CompileError, error
from archcompiler.figure.cards import card, card_size
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.engine import Dot
from archcompiler.figure.labels import is_sign, spoken, step_words
from archcompiler.figure.layout import lay_out
from archcompiler.figure.recognition import recognise
from archcompiler.figure.scene import Label, Node, Outline, Panel, Point, Rect, Wire
from archcompiler.figure.words import plural, role_of, shape_words
from archcompiler.ir import INPUT, Block, Step

if TYPE_CHECKING:
    import graphviz

MAX_OPERATORS = 20_000
"""Graphviz takes minutes for more, and nobody reads them."""
TITLE = 14.0
_SHAPES = {"pool": "invtrapezium", "resample": "trapezium", "linear": "hexagon", "join": "oval"}
_PULL = {
    # What computes stands in a straight line; what passes by keeps out of its way.
    "flow": {"weight": "12"},
    "skip": {"weight": "1"},
    "guide": {"style": "dashed", "constraint": "false"},
}


@dataclass(frozen=True, slots=True)
class Place:
    """A step on its way into the layout; `inputs` are the places that feed an operator."""

    block: Block
    """The block that it is a step of."""
    scope: str
    """Path of that block."""
    step: Step
    inputs: tuple[tuple[str, str], ...] = ()
    """Id and the role of the wire from it."""
    lines: tuple[str, ...] = ()
    tint: str = "stage"
    """Of the frame around a block."""

    @property
    def path(self) -> str:
        return f"{self.scope}/{self.step.name}" if self.scope else self.step.name

    @property
    def role(self) -> str:
        if isinstance(self.step.body, Block):
            return self.tint
        return role_of(self.step.body)

    @property
    def size(self) -> Point:
        return (12.0, 12.0) if is_sign(self.lines) else card_size(self.lines, self.role)


def operator_dot(block: Block, scope: str, name: str) -> str:
    """DOT of all operators below a scope, without positions: any Graphviz lays it out."""
    source: str = _Operators(block, scope, name).source.source
    return source


def draw_operators(drawing: Drawing, block: Block, scope: str, dot: Dot) -> Panel:
    """The panel of all operators below a scope; thousands of nodes for a deep network.

    Raises CompileError E602 if `dot` fails and E606 for more than `MAX_OPERATORS`.
    """
    operators = _Operators(block, scope, drawing.graph.name)
    layout = lay_out(operators.source, dot)
    shape = shape_words(block.input)
    start = card(INPUT, f"input, {shape}", layout.centers[INPUT], ("input", shape), "io")
    frames = {name: operators.clusters[name] for name in layout.clusters}
    nodes = [_frame(drawing, place, layout.clusters[name]) for name, place in frames.items()]
    names = tuple(_frame_name(place, layout.clusters[name]) for name, place in frames.items())
    nodes.append(start)
    for name, place in operators.places.items():
        what = spoken(place.lines)
        info = drawing.info(place.block, place.scope, place.step, what)
        at = layout.centers[name]
        words = f"{what}, {info.shape}"
        nodes.append(
            card(place.path, words, at, place.lines, place.role, size=place.size, info=info)
        )
    keys = {INPUT: INPUT} | {name: place.path for name, place in operators.places.items()}
    roles = {(a, b): role for b, place in operators.places.items() for a, role in place.inputs}
    wires = tuple(
        Wire(points, roles[a, b], True, keys[a], keys[b], curved=True)
        for a, b, points in layout.curves
    )
    drawn = Panel("", "", 0, 0, tuple(nodes), wires, names).moved(0, TITLE)
    title = f"{scope or 'network'}, {plural(block.operator_count, 'operator')}"
    heading = Label(0, 7.5, title, 7.5, "start", bold=True)
    width = max(layout.width, heading.bounds.right)
    return Panel(
        "operators-" + scope.replace("/", "-"), title, width, layout.height + TITLE,
        drawn.nodes, drawn.wires, (heading, *drawn.labels),
    )  # fmt: skip


def _frame(drawing: Drawing, place: Place, rect: Rect) -> Node:
    info = drawing.info(place.block, place.scope, place.step, place.step.name)
    outline = Outline(rect, place.role, "round")
    return Node(place.path, f"{place.path}, {info.shape}", outline, (), info)


def _frame_name(place: Place, rect: Rect) -> Label:
    """In the corner of the frame. Wires come in from above, and pass behind it."""
    name = place.step.name
    return Label(rect.x + 5, rect.y + 9, name, anchor="start", role="muted", backing=place.role)


class _Operators:
    """A DOT graph of operators, and what each of its names stands for."""

    def __init__(self, block: Block, scope: str, name: str) -> None:
        if block.operator_count > MAX_OPERATORS:
            raise CompileError(
                error(
                    "E606",
                    f"{block.operator_count:,} operators are too many for one figure",
                    notes=(f"the bound is {MAX_OPERATORS:,}",),
                    help="draw a scope of it with `--expand stage1/attention1`, or another level",
                )
            )
        import graphviz

        self.places: dict[str, Place] = {}
        self.clusters: dict[str, Place] = {}
        self.source = graphviz.Digraph(
            name=name,
            graph_attr={
                "nodesep": "0.15", "ranksep": "0.18", "fontname": "Helvetica", "fontsize": "7",
                "labeljust": "l", "style": "rounded",
            },
            node_attr={
                "fontname": "Helvetica", "fontsize": "7", "shape": "box", "fixedsize": "true",
            },
            edge_attr={"arrowhead": "none"},
        )  # fmt: skip
        lines = ("input", shape_words(block.input))
        self._node(self.source, INPUT, lines, "io", card_size(lines, "io"))
        self._block(self.source, block, scope, INPUT)
        # Inside a cluster, an edge would pull the node that it comes from into it.
        for name, place in self.places.items():
            for tail, role in place.inputs:
                self.source.edge(tail, name, **_PULL[role])

    def _block(self, into: graphviz.Digraph, block: Block, scope: str, source: str) -> str:
        """Add the steps of a scope and return the node that its output comes from."""
        names = {INPUT: source}
        for step in block.steps:
            body = step.body
            if isinstance(body, Block):
                inner = names[step.inputs[0]]
                names[step.name] = self._cluster(into, block, step, body, scope, inner)
                continue
            name = names[step.name] = f"n{len(self.places) + 1}"
            roles = body.roles(len(step.inputs))
            inputs = tuple(
                (names[source], _wire_role(body.kind, source, role))
                for source, role in zip(step.inputs, roles, strict=True)
            )
            lines = step_words(step)
            if block.type_of(step.inputs[0]) != step.type:
                lines += (shape_words(step.type),)
            place = self.places[name] = Place(block, scope, step, inputs, lines)
            self._node(into, name, lines, place.role, place.size)
        return names[block.output]

    def _cluster(
        self,
        into: graphviz.Digraph,
        block: Block,
        step: Step,
        body: Block,
        scope: str,
        source: str,
    ) -> str:
        if not body.steps:
            return source
        place = Place(block, scope, step, tint=_tint(block, step))
        name = f"cluster{len(self.clusters) + 1}"
        self.clusters[name] = place
        with into.subgraph(name=name) as inside:
            inside.attr(label=_escaped(step.name), margin="9")
            return self._block(inside, body, place.path, source)

    def _node(
        self, into: graphviz.Digraph, name: str, lines: tuple[str, ...], role: str, size: Point
    ) -> None:
        width, height = (f"{points / 72:.4f}" for points in size)
        into.node(
            name, _escaped(*lines), shape=_SHAPES.get(role, "box"), width=width, height=height
        )


def _tint(block: Block, step: Step) -> str:
    """What a step is in a module: its mask, its trunk, or neither."""
    if step.name in beside_trunk(block):
        return "mask"
    shape = recognise(block)
    return "trunk" if shape is not None and step is shape.trunk else "stage"


def _wire_role(kind: str, source: str, role: str) -> str:
    if role == "size":
        return "guide"
    return "skip" if kind == "add" and source == INPUT else "flow"


def _escaped(*lines: str) -> str:
    import graphviz

    plain: str = graphviz.nohtml("\\n".join(map(graphviz.escape, lines)))
    return plain
