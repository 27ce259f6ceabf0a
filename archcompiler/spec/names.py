"""Names that a spec gives to what is emitted, and which of them are taken."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterable
from typing import Final

from archcompiler.language.definition import Definition
from archcompiler.ops.registry import operator_names
from archcompiler.spec.model import Spec

EMITTED: Final = frozenset(
    {
        *("annotations", "checkpoint", "contextmanager", "dataclass", "nullcontext", "partial"),
        *("replace", "torch", "nn", "F", "Tensor", "Callable", "Iterator", "ClassVar"),
        *("row", "frozen_statistics", "is_compiling", "Stage"),
        *("Any", "Mapping", "NamedTuple", "Path", "FoldedNorm", "folded"),
        *("RECOMPUTE", "Recompute", "RecomputedMap", "TorchFunctionMode", "fnmatchcase"),
        *("getitem", "keep_input", "keep_map", "keep_output", "mapped", "saved_tensors_hooks"),
    }
)
"""What emitted files define or import at the top, whatever the spec; a test reads it off them."""

HELPERS: Final = frozenset(
    {
        *("Affine", "BlurPool", "ChannelConv", "ChannelLayerNorm", "DropPath", "LayerScale"),
        *("dot_products", "softmax_over_positions", "weighted_sums"),
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
    blocks = tuple(blocks)
    block = next((block for block in blocks if _has_class(block, name, blocks)), None)
    return None if block is None else f"the class of block `{block.name}`"


def _has_class(block: Definition, name: str, blocks: Iterable[Definition]) -> bool:
    """Whether a class of a block can have a name, among these blocks.

    Before it goes what tells one class of a block from another, words and what is in its slots,
    and after it a number if that is not enough.
    """
    own, cls = name.rstrip("0123456789"), block.class_name
    if name == cls or own == cls:
        return True
    if not own.endswith(cls):
        return False
    # Installed packages are searched for operators, which takes a while: a name seldom ends so.
    contents = (*operator_names(), *(inner.name for inner in blocks))
    words: set[str] = set()
    for option in block.options.values():
        words |= {*option.choices, *(contents if option.type == "slot" else ())}
    parts = {part.capitalize() for word in words for part in word.split("_") if part}
    special = "|".join(sorted(map(re.escape, parts)))
    return re.fullmatch(f"(?:{special})+", own.removesuffix(cls)) is not None


def taken_file(name: str) -> str | None:
    """Which module a file of this name would hide from the programs beside it; None if none."""
    if name in sys.stdlib_module_names or name == "torch":
        return "a module that its file would hide"
    return None
