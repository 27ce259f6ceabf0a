"""The specs, recipes, spaces and studies that come with the package, each by its name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
# In a checkout they stand at the top, where people look for them; a wheel carries them in here.
_TOP: Final = _HERE if (_HERE / "specs").is_dir() else _HERE.parents[1]
SPECS: Final = _TOP / "specs"
"""Folder of the specs, some of them in folders of their own."""
RECIPES: Final = SPECS / "recipes"
SPACES: Final = SPECS / "spaces"
STUDIES: Final = SPECS / "studies"
_OTHERS: Final = (RECIPES, SPACES, STUDIES)


@cache
def specs() -> Mapping[str, Path]:
    """The file of each spec; in TOML where there are two of one network."""
    found: dict[str, Path] = {}
    for pattern in ("*.json", "*.toml"):
        found |= {path.stem: path for path in SPECS.rglob(pattern) if path.parent not in _OTHERS}
    return dict(sorted(found.items()))


@cache
def recipes() -> Mapping[str, Path]:
    """The file of each recipe."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}


@cache
def spaces() -> Mapping[str, Path]:
    """The file of each space."""
    return {path.stem: path for path in sorted(SPACES.glob("*.toml"))}


@cache
def studies() -> Mapping[str, Path]:
    """The file of each study."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.toml"))}
