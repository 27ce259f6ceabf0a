"""The smallest spec, for tests that are about something else."""

from __future__ import annotations

from typing import Any

from archcompiler.config.toml import toml_text


def tiny_spec(*stages: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A network on 32×32 pixels with these stages, by default one of a single unit."""
    return {
        "name": "tiny",
        "input": [3, 32, 32],
        "classes": 10,
        "stem": {"type": "conv"},
        "stages": list(stages) or [{"channels": 16}],
        **changes,
    }


def tiny_toml() -> str:
    """The same as a file."""
    return toml_text(tiny_spec())
