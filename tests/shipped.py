"""The shipped specs, which the recipes in `specs/recipes/` are not."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
SPECS = sorted(
    path
    for folder in (ROOT / "specs", ROOT / "specs" / "baselines")
    for path in folder.iterdir()
    if path.suffix in (".toml", ".json")
)
TOML_SPECS = [path for path in SPECS if path.suffix == ".toml"]
"""Each network once: what is there as JSON too is one of these."""
