"""How roles look. Every operator class has a colour, and its form tells it apart without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ThemeName = Literal["paper", "dark", "cvd"]


@dataclass(frozen=True, slots=True)
class Paint:
    fill: str
    stroke: str


@dataclass(frozen=True, slots=True)
class Theme:
    name: ThemeName
    page: str
    text: dict[str, str]
    """Role of a label → colour."""
    paints: dict[str, Paint]
    """Role of an outline → fill and stroke."""
    lines: dict[str, str]
    """Role of a wire → colour."""

    def paint(self, role: str) -> Paint:
        return self.paints.get(role, self.paints["other"])


ROLES: Final = (
    "unit", "attention", "conv", "linear", "pool", "resample", "join", "norm", "io", "other",
)  # fmt: skip
"""Operator classes, in the order of the legend."""


def _theme(
    name: ThemeName,
    page: str,
    text: tuple[str, str, str, str],
    lines: tuple[str, str, str],
    paints: dict[str, tuple[str, str]],
) -> Theme:
    ink, muted, accent, link = text
    flow, skip, guide = lines
    return Theme(
        name,
        page,
        {"ink": ink, "muted": muted, "accent": accent, "link": link},
        {role: Paint(*pair) for role, pair in paints.items()},
        {"flow": flow, "skip": skip, "guide": guide, "rule": guide},
    )


THEMES: Final[dict[str, Theme]] = {
    "paper": _theme(
        "paper",
        "#ffffff",
        ("#1c2430", "#5c6773", "#b3261e", "#31598f"),
        ("#3a4452", "#3a4452", "#c3cad3"),
        {
            "unit": ("#dfeaf7", "#3d6fa8"),
            "attention": ("#ece4f5", "#7352a3"),
            "conv": ("#cfe3f3", "#2f6690"),
            "linear": ("#d9dde3", "#454f5b"),
            "pool": ("#fbe3cf", "#bd6a1d"),
            "resample": ("#d9eedb", "#3d8a4e"),
            "join": ("#fff4c7", "#9a7d0a"),
            "norm": ("#e4e8ec", "#848d97"),
            "io": ("#ffffff", "#848d97"),
            "other": ("#f1f2f4", "#5c6773"),
            "stage": ("#fafbfc", "#aab3bd"),
            "trunk": ("#eef4fb", "#eef4fb"),
            "mask": ("#f7f1fb", "#f7f1fb"),
            "parameters": ("#3d6fa8", "#3d6fa8"),
            "macs": ("#bd6a1d", "#bd6a1d"),
            "track": ("#eceff2", "#eceff2"),
            "different": ("#fdeceb", "#b3261e"),
        },
    ),
    "dark": _theme(
        "dark",
        "#14181e",
        ("#e8ecf1", "#a3adb9", "#ff8a80", "#9cc4f2"),
        ("#c3cbd5", "#c3cbd5", "#4a5462"),
        {
            "unit": ("#1f344d", "#7aaee6"),
            "attention": ("#33274a", "#b79ae6"),
            "conv": ("#1b3a50", "#73b6e0"),
            "linear": ("#333b46", "#b4bdc8"),
            "pool": ("#4a3018", "#e9a25c"),
            "resample": ("#1d3d26", "#7cc98d"),
            "join": ("#453b10", "#e2c750"),
            "norm": ("#39414c", "#8a95a3"),
            "io": ("#14181e", "#8a95a3"),
            "other": ("#262c34", "#a3adb9"),
            "stage": ("#1a1f27", "#4d5866"),
            "trunk": ("#182432", "#182432"),
            "mask": ("#231d30", "#231d30"),
            "parameters": ("#7aaee6", "#7aaee6"),
            "macs": ("#e9a25c", "#e9a25c"),
            "track": ("#262c34", "#262c34"),
            "different": ("#3d1f1f", "#ff8a80"),
        },
    ),
    # Okabe and Ito's palette: tints for fills, full colours for borders.
    "cvd": _theme(
        "cvd",
        "#ffffff",
        ("#000000", "#4d4d4d", "#a63f00", "#005a8c"),
        ("#222222", "#222222", "#bbbbbb"),
        {
            "unit": ("#d3ebf9", "#0072b2"),
            "attention": ("#f6e3ee", "#a84f80"),
            "conv": ("#b8dcf2", "#004f7d"),
            "linear": ("#e0e0e0", "#333333"),
            "pool": ("#fbe3c2", "#b87400"),
            "resample": ("#cdeee3", "#007a5a"),
            "join": ("#fbf7cf", "#8a7f00"),
            "norm": ("#e4e4e4", "#777777"),
            "io": ("#ffffff", "#777777"),
            "other": ("#f4f4f4", "#4d4d4d"),
            "stage": ("#fbfbfb", "#9a9a9a"),
            "trunk": ("#eaf5fc", "#eaf5fc"),
            "mask": ("#fbf1f6", "#fbf1f6"),
            "parameters": ("#0072b2", "#0072b2"),
            "macs": ("#d55e00", "#d55e00"),
            "track": ("#ededed", "#ededed"),
            "different": ("#fdeadd", "#a63f00"),
        },
    ),
}
