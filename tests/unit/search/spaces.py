"""A small space over a small network, for tests."""

from __future__ import annotations

from pathlib import Path

SPACE = """\
extends = "base.toml"

[space]
stages.each.before = "1..3"
"stages.1.channels" = [16, 32]
unit = ["basic", { type = "resnext", groups = 16 }]

[objective]
maximise = ["depth"]
minimise = ["macs"]
"""
BUDGET = '[budget]\nmacs = "<= 20M"\n'


def write(text: str) -> None:
    Path("space.toml").write_text(text, encoding="utf-8")
