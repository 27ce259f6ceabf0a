"""Names that a spec gives to what is emitted."""

from __future__ import annotations

from archcompiler.spec.model import Spec


def class_name(spec: Spec) -> str:
    """The emitted class: as the spec says, else the name in CapWords."""
    words = spec.name.split("_")
    return spec.class_name or "".join(word[:1].upper() + word[1:] for word in words)
