"""Panels as JSON: what is drawn, where, and what it costs."""

from __future__ import annotations

import json
from typing import Any

from archcompiler import __version__
from archcompiler.figure.drawing import Drawing
from archcompiler.figure.scene import Node, Panel, Wire
from archcompiler.figure.words import shape_words


def to_json(drawing: Drawing, panels: list[Panel]) -> str:
    """Names, counts and coordinates in points from the upper left corner of each panel."""
    totals, graph = drawing.totals, drawing.graph
    data = {
        "archcompiler": __version__,
        "name": graph.name,
        "title": drawing.title,
        "spec_sha256": drawing.sha256,
        "input": shape_words(graph.input),
        "parameters": totals.params,
        "macs": totals.macs,
        "trunk_depth": drawing.trunk_depth,
        "panels": [_panel(panel) for panel in panels],
    }
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "id": panel.id,
        "title": panel.title,
        "size": [round(panel.width, 2), round(panel.height, 2)],
        "nodes": [_node(node) for node in panel.nodes],
        "edges": [_edge(wire) for wire in panel.wires if wire.source or wire.target],
    }


def _node(node: Node) -> dict[str, Any]:
    r, info = node.outline.rect, node.info
    data: dict[str, Any] = {
        "id": node.key,
        "name": node.name,
        "class": node.outline.role,
        "text": [label.text for label in node.labels],
        "box": [round(value, 2) for value in (r.x, r.y, r.width, r.height)],
    }
    if info is not None:
        data |= {
            "scope": info.scope,
            "count": info.count,
            "shape": info.shape,
            "parameters": info.parameters,
            "macs": info.macs,
            "spec": info.spec,
        }
    return data


def _edge(wire: Wire) -> dict[str, Any]:
    return {"from": wire.source or None, "to": wire.target or None, "kind": wire.role}
