"""Normalisations in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops.norm import BatchNorm, ChannelNorm, GroupNorm, LayerNorm, SpatialNorm

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen

_BATCH_NORM: Final = Helper(
    "BatchNorm",
    '''
class BatchNorm(nnx.Module):
    """Batch normalisation; the running variance is of unbiased ones, as in PyTorch."""

    def __init__(self, channels: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        self.eps, self.momentum = eps, momentum
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.batches = nnx.BatchStat(jnp.zeros((), int))
        self.use_running_average = False  # `model.eval()` sets it

    def __call__(self, x: Array) -> Array:
        mean, var = self.mean[...], self.var[...]
        if not self.use_running_average:
            axes = tuple(range(x.ndim - 1))
            count = x.size // x.shape[-1]
            if count == 1:
                raise ValueError("one value a channel has no variance")
            kept, new = 1.0 - self.momentum, self.momentum
            batch_mean, batch_var = jnp.mean(x, axes), jnp.var(x, axes)
            self.mean[...] = kept * mean + new * batch_mean
            self.var[...] = kept * var + new * batch_var * (count / (count - 1))
            self.batches[...] += 1
            mean, var = batch_mean, batch_var
        scale = self.scale[...] * lax.rsqrt(var + self.eps)
        return (x - mean) * scale + self.bias[...]
'''.strip(),
)
_SPATIAL_NORM: Final = Helper(
    "spatial_norm",
    '''
def spatial_norm(x: Array, *, eps: float = 1e-5) -> Array:
    """Each channel's map to zero mean and unit variance."""
    axes = tuple(range(1, x.ndim - 1))
    mean, var = jnp.mean(x, axes, keepdims=True), jnp.var(x, axes, keepdims=True)
    return (x - mean) * lax.rsqrt(var + eps)
'''.strip(),
)
_CHANNEL_NORM: Final = Helper(
    "channel_norm",
    '''
def channel_norm(x: Array, *, eps: float = 1e-12) -> Array:
    """Each position's channels divided by their L2 norm."""
    squares = jnp.sum(x * x, -1, keepdims=True)
    return x * lax.rsqrt(jnp.where(squares < eps**2, eps**2, squares))
'''.strip(),
)


def _batch_norm(op: BatchNorm, dims: int) -> str:
    return called(
        _BATCH_NORM.name, text(op.channels), eps=(op.eps, 1e-5), momentum=(op.momentum, 0.1)
    )


def _group_norm(op: GroupNorm, dims: int) -> str:
    return made(
        "nnx.GroupNorm",
        text(op.channels),
        text(op.groups),
        epsilon=(op.eps, None),
        use_fast_variance=(False, True),
    )


def _layer_norm(op: LayerNorm, dims: int) -> str:
    return made(
        "nnx.LayerNorm",
        text(op.channels),
        epsilon=(op.eps, None),
        use_fast_variance=(False, True),
    )


def _spatial_norm(op: SpatialNorm, x: Sequence[str], dims: int) -> str:
    return called(_SPATIAL_NORM.name, *x, eps=(op.eps, 1e-5))


def _channel_norm(op: ChannelNorm, x: Sequence[str], dims: int) -> str:
    return called(_CHANNEL_NORM.name, *x, eps=(op.eps, 1e-12))


def _read_batch_norm() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return BatchNorm(module.scale.shape[0], module.eps, module.momentum), [x]

    yield Reader(_BATCH_NORM.name, read)


def _read_group_norm() -> Iterable[Reader]:
    from flax import nnx

    from archcompiler.backends.jax.reading import require_usual

    def read(seen: Seen, module: Any, x: Node) -> Reading:
        require_usual(module, feature_axis=-1, reduction_axes=None)
        return GroupNorm(module.scale.size, module.num_groups, module.epsilon), [x]

    yield Reader(nnx.GroupNorm, read)


def _read_layer_norm() -> Iterable[Reader]:
    from flax import nnx

    from archcompiler.backends.jax.reading import require_usual

    def read(seen: Seen, module: Any, x: Node) -> Reading:
        require_usual(module, reduction_axes=-1, feature_axes=-1)
        return LayerNorm(module.scale.size, module.epsilon), [x]

    yield Reader(nnx.LayerNorm, read)


def _read_spatial_norm() -> Iterable[Reader]:
    def read(seen: Seen, x: Node, *, eps: float = 1e-5) -> Reading:
        return SpatialNorm(eps), [x]

    yield Reader(_SPATIAL_NORM.name, read)


def _read_channel_norm() -> Iterable[Reader]:
    def read(seen: Seen, x: Node, *, eps: float = 1e-12) -> Reading:
        return ChannelNorm(eps), [x]

    yield Reader(_CHANNEL_NORM.name, read)


RECORDS: Final = {
    "batch_norm": JaxOp(
        module=_batch_norm, helper=lambda dims: _BATCH_NORM, readers=_read_batch_norm
    ),
    "group_norm": JaxOp(module=_group_norm, readers=_read_group_norm),
    "layer_norm": JaxOp(module=_layer_norm, readers=_read_layer_norm, flat="kept"),
    "spatial_norm": JaxOp(
        call=_spatial_norm, helper=lambda dims: _SPATIAL_NORM, readers=_read_spatial_norm
    ),
    "channel_norm": JaxOp(
        call=_channel_norm, helper=lambda dims: _CHANNEL_NORM, readers=_read_channel_norm
    ),
}
