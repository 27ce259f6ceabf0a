"""The shipped specs, which the recipes in `specs/recipes/` are not."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[1]
ALL_SPECS = sorted(
    path
    for path in (ROOT / "specs").rglob("*")
    if path.suffix in (".toml", ".json") and path.parent.name != "recipes"
)
ALL_TOML_SPECS = [path for path in ALL_SPECS if path.suffix == ".toml"]
"""Each network once: what is there as JSON too is one of these."""
SPECS = [path for path in ALL_SPECS if path.parent.name in ("specs", "baselines")]
"""The family of the paper and the baselines, which every test covers. The ports, the backbones and
the other kinds of attention have tests of their own beside their re-statements."""
TOML_SPECS = [path for path in SPECS if path.suffix == ".toml"]
