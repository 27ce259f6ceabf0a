"""Panels as Mermaid, which GitHub and GitLab draw in a README: names, edges and colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from archcompiler.figure.scene import Node, Panel, Wire
from archcompiler.figure.themes import Theme

_SHAPES: Final = {
    "attention": ('[["', '"]]'),
    "conv": ('["', '"]'),
    "join": ('(["', '"])'),
    "linear": ('{{"', '"}}'),
    "norm": ('(["', '"])'),
    "pool": ('[/"', '"\\]'),
    "resample": ('[\\"', '"/]'),
}
"""Brackets that make the form of a role; the others are round cards."""
_ALIKE: Final = str.maketrans('"#&<>\\`', "\u201d\u266f+\u2039\u203a\u2216\u2019")
"""What looks alike and is neither Markdown nor HTML; titles do not undo Mermaid's own entities."""


def to_mermaid(panel: Panel, theme: Theme, description: str) -> str:
    """A flowchart with a subgraph for each drawing of the panel, named after its scope."""
    ids = {node.key: f"n{index}" for index, node in enumerate(panel.nodes)}
    lines = [f"%% {description}", "flowchart TB"]
    groups = {g: list(n) for g, n in groupby(panel.nodes, key=lambda node: _group(node.key))}
    for group, nodes in groups.items():
        wires = [w for w in panel.wires if _group(w.source or w.target) == group]
        lines += _drawing(group, nodes, wires, ids, panel.title)
        lines.append(f"style {group} fill:none,stroke:{theme.lines['guide']}")
    if len(groups) > 1:
        lines.append(" ~~~ ".join(groups))  # below each other, in this order
    roles = sorted({node.outline.role for node in panel.nodes})
    for role in roles:
        paint = theme.paint(role)
        colors = f"fill:{paint.fill},stroke:{paint.stroke},color:{theme.text['ink']}"
        names = ",".join(ids[n.key] for n in panel.nodes if n.outline.role == role)
        lines += [f"classDef {role} {colors}", f"class {names} {role}"]
    return "\n".join(lines) + "\n"


def _drawing(
    group: str, nodes: list[Node], wires: list[Wire], ids: dict[str, str], title: str
) -> Iterator[str]:
    scope = _scope(nodes)
    yield f'subgraph {group}["{_escaped(scope or title)}"]'
    yield "  direction LR"
    if scope:
        # In a network the input is a card; into and out of a scope there are loose ends.
        if any(not wire.source for wire in wires):
            yield f'  {group}-in(["in"])'
        if any(not wire.target for wire in wires):
            yield f'  {group}-out(["out"])'
    frames = [node for node in nodes if node.outline.role == "stage"]
    inside = {
        frame.key: [n for n in nodes if n.key.startswith(f"{frame.key}.")] for frame in frames
    }
    inner = {node.key for children in inside.values() for node in children}
    for node in nodes:
        if inside.get(node.key):
            yield f'  subgraph {ids[node.key]}["{_words(node)}"]'
            yield "    direction TB"
            yield from (f"    {ids[child.key]}{_card(child)}" for child in inside[node.key])
            yield "  end"
        elif node.key not in inner:
            yield f"  {ids[node.key]}{_card(node)}"
    for wire in wires:
        if not scope and not (wire.source and wire.target):
            continue
        source, target = ids.get(wire.source, f"{group}-in"), ids.get(wire.target, f"{group}-out")
        yield f"  {source} {'-.->' if wire.dashed else '-->'} {target}"
    yield "end"


def _group(key: str) -> str:
    """The drawing that a node belongs to."""
    return key.partition(".")[0]


def _scope(nodes: list[Node]) -> str:
    """The scope that a drawing shows; "" for the network."""
    info = next((node.info for node in nodes if node.info is not None), None)
    return info.scope.rpartition("/")[0] if info is not None else ""


def _card(node: Node) -> str:
    left, right = _SHAPES.get(node.outline.role, ('("', '")'))
    return f"{left}{_words(node)}{right}"


def _words(node: Node) -> str:
    lines = [label.text for label in node.labels]
    if node.info is not None and node.info.count > 1 and " × " not in " ".join(lines):
        lines[0] = f"{node.info.count} × {lines[0]}"
    if node.outline.role == "stage" and node.info is not None:
        lines.append(node.info.shape)
    return "<br/>".join(map(_escaped, lines))


def _escaped(text: str) -> str:
    """Text that is only text, whatever is in it."""
    return text.translate(_ALIKE)
