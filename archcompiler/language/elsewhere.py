"""What other languages call things, and what they are here: where a near name would mislead."""

from __future__ import annotations

from typing import Final

from archcompiler.language.definition import NONE

_PARTS: Final = "`part` gives a part of the channels, one step for each"
_DEPTHWISE: Final = 'a depthwise convolution is a `conv` with `groups = "cin"`'
_PADDING: Final = "zeros around a map are the `padding` of a `conv` or a pool"
_PRODUCTS: Final = "products of all positions are `dot`, and sums weighted by them `attend`"
_ALONG: Final = "along an axis, or over all positions, it is `reduce` with `how`"
OPERATORS: Final = {
    NONE: "an operator that does nothing is `identity`",
    "bmm": _PRODUCTS,
    "bn": "it is `batch_norm`, or `norm` for what the spec says under `norm`",
    "cat": "to put maps side by side is `concat`",
    "channel_shuffle": "it is `shuffle`",
    "chunk": _PARTS,
    "depthwise": _DEPTHWISE,
    "depthwise_conv": _DEPTHWISE,
    "dwconv": _DEPTHWISE,
    "h_sigmoid": "it is `hardsigmoid`",
    "h_swish": "it is `hardswish`",
    "matmul": _PRODUCTS,
    "mean": _ALONG,
    "minus": "a difference is `sub`",
    "multiply": "a product is `mul`",
    "pad": _PADDING,
    "permute": "`transpose` swaps height and width",
    "pow": "a square is the `mul` of a map with itself, and a root `sqrt`",
    "slice": "a part of the channels is `part`, the first or last positions `take`",
    "split": _PARTS,
    "std": 'it is `reduce` with `how = "var"`, and `sqrt`',
    "sum": 'of several maps it is `add`, along an axis `reduce` with `how = "sum"`',
    "swish": "it is `silu`",
    "var": _ALONG,
    "zero_pad": _PADDING,
}
"""What is said of operators that frameworks call so."""
KEYS: Final = {
    "activation": "an activation is a step of its own",
    "depthwise": _DEPTHWISE,
    "if": "the condition for a step to be there is `when`",
    "input": "what a step reads is named by `from`",
    "inputs": "what a step reads is named by `from`",
}
"""What is said of keys that a step has not."""
