"""Every operator of a network, scope by scope in nested clusters: DOT that Graphviz lays out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcompiler.figure.counts import Counter, short
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.themes import Theme
from archcompiler.figure.words import operator_words, role_of, shape_words, spec_words
from archcompiler.ir import INPUT, Block, Step

if TYPE_CHECKING:
    import graphviz

_SHAPES = {"pool": "invtrapezium", "resample": "trapezium", "linear": "hexagon", "join": "oval"}
_TINTS = {"mask": "mask", "trunk": "trunk"}


def operator_dot(drawing: Drawing, theme: Theme, scope: str = "") -> str:
    """DOT of all operators below a scope; thousands of nodes for a deep network."""
    import graphviz

    block, path = drawing.graph.root, ""
    for name in filter(None, scope.split("/")):
        inner = block.step(name).body
        assert isinstance(inner, Block)
        block, path = inner, f"{path}/{name}" if path else name
    writer = _Writer(theme, drawing.counter)
    source = graphviz.Digraph(
        name=drawing.graph.name,
        graph_attr={
            "bgcolor": theme.page, "fontname": "Helvetica", "fontsize": "8", "nodesep": "0.15",
            "ranksep": "0.18",
            "labeljust": "l", "fontcolor": theme.text["muted"],
        },
        node_attr={
            "fontname": "Helvetica", "fontsize": "8", "shape": "box", "height": "0.25",
            "margin": "0.06,0.03", "style": "filled", "penwidth": "0.7",
            "fontcolor": theme.text["ink"],
        },
        edge_attr={"penwidth": "0.7", "arrowsize": "0.5", "color": theme.lines["flow"]},
    )  # fmt: skip
    shape = shape_words(block.input)
    source.node(INPUT, f"input\\n{shape}", fillcolor=theme.page, color=theme.paint("io").stroke)
    writer.block(source, block, path, {INPUT: INPUT})
    # Inside a cluster, an edge would pull the node that it comes from into it.
    for tail, head, attributes in writer.edges:
        source.edge(tail, head, **attributes)
    text: str = source.source
    return text


class _Writer:
    """Numbers the nodes in order: a scope could be called anything."""

    def __init__(self, theme: Theme, counter: Counter) -> None:
        self.theme, self.counter, self.count = theme, counter, 0
        self.edges: list[tuple[str, str, dict[str, str]]] = []

    def block(self, into: graphviz.Digraph, block: Block, path: str, known: dict[str, str]) -> str:
        """Write the steps of a scope and return the node that its output comes from."""
        names = {INPUT: known[INPUT]}
        for step in block.steps:
            scope = f"{path}/{step.name}" if path else step.name
            inputs = [names[name] for name in step.inputs]
            if not isinstance(step.body, Block):
                names[step.name] = self._operator(into, step, scope, inputs)
            elif not step.body.steps:
                names[step.name] = inputs[0]
            else:
                names[step.name] = self._cluster(into, step, step.body, scope, inputs[0])
        return names[block.output]

    def _cluster(
        self, into: graphviz.Digraph, step: Step, body: Block, scope: str, source: str
    ) -> str:
        tint = self.theme.paint(_TINTS.get(step.name, "stage"))
        self.count += 1
        with into.subgraph(name=f"cluster{self.count}") as inside:
            inside.attr(
                label=_escaped(step.name), color=self.theme.paint("stage").stroke,
                style="filled,rounded", fillcolor=tint.fill, tooltip=_escaped(scope),
            )  # fmt: skip
            return self.block(inside, body, scope, {INPUT: source})

    def _operator(self, into: graphviz.Digraph, step: Step, scope: str, inputs: list[str]) -> str:
        assert not isinstance(step.body, Block)
        role, paint = role_of(step.body), self.theme.paint(role_of(step.body))
        self.count += 1
        name = f"n{self.count}"
        counts = self.counter.of(step.body, step.type)
        tip = f"{scope}, {shape_words(step.type)}, {counts.parameters:,} parameters, "
        tip += f"{short(counts.macs)} MACs, {spec_words(step.origin)}"
        into.node(
            name,
            _escaped(" ".join(operator_words(step.body))),
            fillcolor=paint.fill,
            color=paint.stroke,
            shape=_SHAPES.get(role, "box"),
            tooltip=_escaped(tip),
        )
        for source, part in zip(inputs, step.body.roles(len(inputs)), strict=True):
            dashed = part == "size"
            attributes = {"style": "dashed", "constraint": "false"} if dashed else {}
            self.edges.append((source, name, attributes))
        return name


def _escaped(text: str) -> str:
    import graphviz

    plain: str = graphviz.nohtml(graphviz.escape(text))
    return plain
