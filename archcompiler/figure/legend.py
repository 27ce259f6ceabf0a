"""What the colours and forms mean; only those that the figure uses."""

from __future__ import annotations

from collections.abc import Iterable

from archcompiler.figure.metrics import text_width
from archcompiler.figure.scene import TEXT, Label, Outline, Panel, Rect, Wire
from archcompiler.figure.themes import ROLES
from archcompiler.figure.words import CLASS_NAMES, FORMS

SWATCH = 15.0
ROW = 11.0
BETWEEN = 12.0
WIRE_NAMES = {"skip": "skip connection", "guide": "size to resize to"}


def draw_legend(panels: Iterable[Panel], width: float) -> Panel:
    """Swatches in as few rows as `width` allows."""
    shown = list(panels)
    used = {node.outline.role for panel in shown for node in panel.nodes}
    entries: list[tuple[str, str]] = [
        (role, CLASS_NAMES[role]) for role in ROLES if role in used and role in CLASS_NAMES
    ]
    wires_shown = {wire.role for panel in shown for wire in panel.wires if wire.arrow}
    entries += [(role, words) for role, words in WIRE_NAMES.items() if role in wires_shown]
    # One width for all entries: columns line up.
    widest = max(text_width(words, TEXT) for _, words in entries) if entries else 0.0
    column = SWATCH + 5 + widest + BETWEEN
    across = max(1, min(len(entries), int((width + BETWEEN) // column)))
    down = -(-len(entries) // across) if entries else 0
    across = -(-len(entries) // down) if down else 0
    lanes: list[Outline] = []
    wires: list[Wire] = []
    labels: list[Label] = []
    for index, (role, words) in enumerate(entries):
        # Down first: neighbours in the list stay neighbours in a column.
        x, y = (index // down) * column, (index % down) * ROW + 2
        if role in WIRE_NAMES:
            wires.append(Wire(((x, y + 4), (x + SWATCH, y + 4)), role))
        else:
            lanes.append(Outline(Rect(x, y, SWATCH, 8), role, FORMS[role]))
        labels.append(Label(x + SWATCH + 5, y + 6.5, words, anchor="start", role="muted"))
    return Panel(
        "legend", "Legend", across * column - BETWEEN, down * ROW, (), tuple(wires), tuple(labels),
        tuple(lanes),
    )  # fmt: skip
