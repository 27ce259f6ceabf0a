"""Modules of Flax NNX, as emitted files write them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from archcompiler.backends.backend import Backend, Frame
from archcompiler.backends.jax.flat import flatten
from archcompiler.backends.jax.table import NAME, jax_op
from archcompiler.backends.python import atom


def _flattened(x: str) -> str:
    return f"flatten({x})"


def _unflattened(x: str, dims: int) -> str:
    return f"{atom(x)}[:{', None' * dims}]"


FUNCTIONS: Final = frozenset(
    {
        *(
            "Affine",
            "BatchNorm",
            "ChannelConv",
            "Conv",
            "ConvTranspose",
            "Gain",
            "LayerScale",
            "Linear",
            "PReLU",
            "Row",
        ),
        *("adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "blur_pool", "channel_norm"),
        *(
            "conv_init",
            "bilinear_pool",
            "channel_parts",
            "dot_products",
            "edges",
            "flatten",
            "l2_norm",
            "larger",
            "largest",
            "load_torch",
        ),
        *("max_pool", "pixel_shuffle", "pixel_unshuffle", "resize", "resize_like", "shuffle"),
        *(
            "softmax_over_parts",
            "spatial_norm",
            "take",
            "to_torch",
            "torch_names",
            "uniform",
            "upsample",
        ),
        *("weighted_sums", "TORCH_NAMES", "Sequence", "functools", "itertools", "math"),
    }
)
"""What emitted files define or import where they use it, beside what no spec may name anyway; a
test reads it off them."""
ATTRIBUTES: Final = frozenset(
    {"eval", "iter_children", "iter_modules", "perturb", "set_attributes", "sow", "train"}
)
"""Attributes that every module of Flax NNX has: a step of such a name would hide one."""
IMPORTS: Final = {
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "nnx": "from flax import nnx",
    "Array": "from jax import Array",
    "lax": "from jax import lax",
}
BACKEND: Final = Backend(
    NAME,
    "JAX",
    jax_op,
    Frame(
        module="nnx.Module",
        tensor="Array",
        forward="__call__",
        templates=Path(__file__).with_name("templates"),
        imports=IMPORTS,
        flattened=_flattened,
        unflattened=_unflattened,
        helpers=lambda dims: (flatten(dims),),
        names=FUNCTIONS | IMPORTS.keys() | {"rngs"},
        attributes=ATTRIBUTES,
        handed=("rngs", "nnx.Rngs"),
        row="Row",
        absent="nnx.data(None)",
        channels_last=True,
    ),
    suffix="_jax",
)
