"""Names that a step, an option or a named width cannot have."""

from __future__ import annotations

import keyword
from typing import Final

from archcompiler.language.definition import NONE
from archcompiler.language.expression import FUNCTIONS

EMITTED: Final = frozenset(
    {
        *("self", "device", "dtype", "config", "nn", "torch", "math", "row", "partial", "replace"),
        *("batch_norms", "merged_branches", "sum_norms"),
        *("checkpoint", "super", "range", "int", "float"),
    }
)
"""What the code around them is made of."""
MODULE: Final = frozenset(
    {
        *("add_module", "apply", "bfloat16", "buffers", "call_super_init", "children"),
        *("compile", "cpu", "cuda", "double", "dump_patches", "eval", "extra_repr", "float"),
        *("forward", "get_buffer", "get_extra_state", "get_parameter", "get_submodule"),
        *("half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers"),
        *("named_children", "named_modules", "named_parameters", "parameters"),
        *("register_backward_hook", "register_buffer", "register_forward_hook"),
        *("register_forward_pre_hook", "register_full_backward_hook"),
        *("register_full_backward_pre_hook", "register_load_state_dict_post_hook"),
        *("register_load_state_dict_pre_hook", "register_module", "register_parameter"),
        *("register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_"),
        *("set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty"),
        *("train", "training", "type", "xpu", "zero_grad"),
    }
)
"""Attributes that every module of PyTorch has: a step of such a name would hide one."""


def why_reserved(name: str) -> str | None:
    """What a name means in an emitted class, or in a spec; None if it is free."""
    if keyword.iskeyword(name):
        return "it is a keyword of Python"
    if name == NONE:
        return "it stands for nothing where a block is named"
    if name in FUNCTIONS:
        return "it is a function of expressions"
    if name in MODULE:
        return "modules of PyTorch have an attribute of that name"
    return "emitted files use it themselves" if name in EMITTED else None
