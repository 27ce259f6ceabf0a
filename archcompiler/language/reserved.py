"""Names that a block cannot give, because its emitted class has them for something else."""

from __future__ import annotations

import builtins
import keyword
from typing import Final, Literal

from archcompiler.language.definition import NONE, SIZES, X

MODULE: Final = frozenset(
    {
        *("add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile"),
        *("cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward"),
        *("get_buffer", "get_extra_state", "get_parameter", "get_submodule", "half", "ipu"),
        *("load_state_dict", "modules", "mtia", "named_buffers", "named_children"),
        *("named_modules", "named_parameters", "parameters", "register_backward_hook"),
        *("register_buffer", "register_forward_hook", "register_forward_pre_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook"),
        *("register_load_state_dict_post_hook", "register_load_state_dict_pre_hook"),
        *("register_module", "register_parameter", "register_state_dict_post_hook"),
        *("register_state_dict_pre_hook", "requires_grad_", "set_extra_state", "set_submodule"),
        *("share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu"),
        "zero_grad",
    }
)
"""Attributes that every module of PyTorch has; a test compares them with the installed one's."""
SCOPE: Final = frozenset({"self", "nn", "torch", "math", "row", "partial", "functools"})
"""What the code of an emitted class reads from around it, beside builtins."""
ARGUMENTS: Final = frozenset({"channels", "in_channels", "num_classes", *SIZES, X})
"""Numbers that a class is given, as the language and as emitted code call them."""

Part = Literal["options", "let", "steps"]


def reserved(name: str, part: Part) -> str | None:
    """Why a step, an option or a let of a block cannot have this name; None if it can."""
    if keyword.iskeyword(name) or name in ("self", "torch", "nn", "config", "device", "dtype"):
        return "emitted code has this name for something else"
    if name == NONE:
        return "it is the word for an empty slot"
    if part == "steps":
        return "every module of PyTorch has an attribute of this name" if name in MODULE else None
    if name in ARGUMENTS:
        return "every block is given a number of this name"
    if name in SCOPE or hasattr(builtins, name):
        return "the constructor of an emitted class uses this name"
    return None
