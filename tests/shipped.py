"""The shipped specs, which recipes, spaces and studies in `specs/` are not."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALL_SPECS = sorted(
    path
    for path in (ROOT / "specs").rglob("*")
    if path.suffix in (".toml", ".json")
    and path.parent.name not in ("recipes", "spaces", "studies")
)
ALL_TOML_SPECS = [path for path in ALL_SPECS if path.suffix == ".toml"]
"""Each network once: what is there as JSON too is one of these."""
SPECS = [path for path in ALL_SPECS if path.parent.name in ("specs", "baselines")]
"""The family of the paper and the baselines, which every test covers. The ports, the backbones and
the other kinds of attention have tests of their own beside their re-statements."""
TOML_SPECS = [path for path in SPECS if path.suffix == ".toml"]
DEEPER = {
    *("attention92", "attentionnext92", "resnet152", "attention128", "attention128_naive"),
    *("attention164", "attention164_naive", "attention236", "attention452"),
}
"""Those that are another one with more modules or units, and no other block."""
EVERY_SPEC = bool(os.environ.get("EVERY_SPEC"))
DISTINCT = [path for path in TOML_SPECS if EVERY_SPEC or path.stem not in DEEPER]
"""Networks unlike each other, for what takes seconds of each; EVERY_SPEC=1 has them all."""
