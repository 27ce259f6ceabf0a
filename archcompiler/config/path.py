"""How a value of a spec or recipe is named."""

from __future__ import annotations

from typing import TypeAlias

SpecPath: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root to a value: `("stages", 0, "modules")`."""
