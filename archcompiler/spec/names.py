"""Names that a spec gives to what is emitted, and which of them are taken."""

from __future__ import annotations

import builtins
import keyword
import sys
from typing import Final

from archcompiler.spec.model import Spec

EMITTED: Final = frozenset(
    {
        *("annotations", "checkpoint", "contextmanager", "dataclass", "nullcontext", "partial"),
        *("replace", "torch", "nn", "F", "Tensor", "Callable", "Iterator", "OrderedDict"),
        *("row", "frozen_statistics", "is_compiling", "Stage"),
    }
)
"""What emitted files define or import at the top, whatever the spec; a test reads it off them."""

EMITTED_SUFFIXES: Final = ("Hourglass", "MaskBranch", "AttentionModule")
"""Ends of the names of classes that emitted files define, after what is special about each."""


def class_name(spec: Spec) -> str:
    """The emitted class: as the spec says, else the name in CapWords."""
    words = spec.name.split("_")
    return spec.class_name or "".join(word[:1].upper() + word[1:] for word in words)


def taken(name: str) -> str | None:
    """What a name means in an emitted file already; None if it is free."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "a keyword of Python"
    if hasattr(builtins, name):
        return "a builtin of Python"
    if name in EMITTED or name.endswith(EMITTED_SUFFIXES):
        return "used by emitted files themselves"
    return None


def taken_file(name: str) -> str | None:
    """Which module a file of this name would hide from the programs beside it; None if none."""
    if name in sys.stdlib_module_names or name == "torch":
        return "a module that its file would hide"
    return None
