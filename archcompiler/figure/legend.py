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


def entries_of(panels: Iterable[Panel], residual: bool) -> list[tuple[str, str]]:
    """The roles that panels use, with what each is called; `residual` is said of units."""
    shown = list(panels)
    used = {node.outline.role for panel in shown for node in panel.nodes}
    names = CLASS_NAMES | ({"unit": "residual unit"} if residual else {})
    entries = [(role, names[role]) for role in ROLES if role in used and role in names]
    wires_shown = {wire.role for panel in shown for wire in panel.wires if wire.arrow}
    return entries + [(role, words) for role, words in WIRE_NAMES.items() if role in wires_shown]


def swatch(role: str, x: float = 0.0, y: float = 0.0) -> Outline | Wire:
    """What stands beside the name of a role, `SWATCH` × 8 points."""
    if role in WIRE_NAMES:
        return Wire(((x, y + 4), (x + SWATCH, y + 4)), role)
    return Outline(Rect(x, y, SWATCH, 8), role, FORMS[role])


def draw_legend(panels: Iterable[Panel], width: float, residual: bool) -> Panel:
    """Swatches in as few rows as `width` allows."""
    entries = entries_of(panels, residual)
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
        drawn = swatch(role, x, y)
        if isinstance(drawn, Wire):
            wires.append(drawn)
        else:
            lanes.append(drawn)
        labels.append(Label(x + SWATCH + 5, y + 6.5, words, anchor="start", role="muted"))
    return Panel(
        "legend", "Legend", across * column - BETWEEN, down * ROW, (), tuple(wires), tuple(labels),
        tuple(lanes),
    )  # fmt: skip
