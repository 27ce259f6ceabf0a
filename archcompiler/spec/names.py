"""Names that a spec gives to what is emitted, and which of them are taken."""

from __future__ import annotations

import builtins
import keyword
import sys
from collections.abc import Iterable
from typing import Final

from archcompiler.language.definition import Definition
from archcompiler.spec.model import Spec

EMITTED: Final = frozenset(
    {
        *("annotations", "checkpoint", "contextmanager", "dataclass", "nullcontext", "partial"),
        *("replace", "torch", "nn", "F", "Tensor", "Callable", "Iterator", "ClassVar"),
        *("row", "frozen_statistics", "is_compiling", "Stage"),
        *("Any", "Mapping", "NamedTuple", "Path", "FoldedNorm", "MergedBranch", "folded"),
        *("RECOMPUTE", "Recompute", "RecomputedMap", "TorchFunctionMode", "fnmatchcase"),
        *("getitem", "keep_input", "keep_map", "keep_output", "mapped", "saved_tensors_hooks"),
    }
)
"""What emitted files define or import at the top, whatever the spec; a test reads it off them."""

HELPERS: Final = frozenset(
    {
        *(
            "Affine",
            "BlurPool",
            "ChannelConv",
            "ChannelLayerNorm",
            "DropPath",
            "Gain",
            "LayerScale",
        ),
        *(
            "bilinear_pool",
            "channel_parts",
            "dot_products",
            "pixel_shuffle",
            "pixel_unshuffle",
            "softmax_over_parts",
            "softmax_over_positions",
            "weighted_sums",
        ),
    }
)
"""What emitted files define for operators that PyTorch lacks, where they use one."""


def class_name(spec: Spec) -> str:
    """The emitted class: as the spec says, else the name in CapWords."""
    words = spec.name.split("_")
    return spec.class_name or "".join(word[:1].upper() + word[1:] for word in words)


def taken(name: str, blocks: Iterable[Definition] = ()) -> str | None:
    """What a name means in an emitted file of these blocks already; None if it is free."""
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "a keyword of Python"
    if hasattr(builtins, name):
        return "a builtin of Python"
    if name in EMITTED or name in HELPERS:
        return "used by emitted files themselves"
    block = next((block for block in blocks if block.class_name == name), None)
    return None if block is None else f"the class of block `{block.name}`"


def taken_file(name: str) -> str | None:
    """Which module a file of this name would hide from the programs beside it; None if none."""
    if name in sys.stdlib_module_names or name == "torch":
        return "a module that its file would hide"
    return None
