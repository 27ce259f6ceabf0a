"""Normalisations in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.norm import BatchNorm, ChannelNorm, GroupNorm, LayerNorm, SpatialNorm

if TYPE_CHECKING:
    from torch import fx, nn
    from torch.nn.modules.batchnorm import _BatchNorm

    from archcompiler.backends.torch.reading import Reading, Seen


def _batch_norm(op: BatchNorm, dims: int) -> str:
    return called(
        f"nn.BatchNorm{dims}d",
        text(op.channels),
        eps=(op.eps, 1e-5),
        momentum=(op.momentum, 0.1),
    )


def _group_norm(op: GroupNorm, dims: int) -> str:
    return called("nn.GroupNorm", text(op.groups), text(op.channels), eps=(op.eps, 1e-5))


def _layer_norm(op: LayerNorm, dims: int) -> str:
    return called(_LAYER_NORM.name, text(op.channels), eps=(op.eps, 1e-5))


_LAYER_NORM: Final = Helper(
    "ChannelLayerNorm",
    '''
class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
'''.strip(),
)


def _spatial_norm(op: SpatialNorm, x: Sequence[str], dims: int) -> str:
    return called("F.instance_norm", *x, eps=(op.eps, 1e-5))


def _channel_norm(op: ChannelNorm, x: Sequence[str], dims: int) -> str:
    return called("F.normalize", *x, dim=(1, None), eps=(op.eps, 1e-12))


def _read_batch_norm() -> Iterable[Reader]:
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, module: _BatchNorm, x: fx.Node) -> Reading:
        if not (module.affine and module.track_running_stats) or module.momentum is None:
            raise UnknownOperation(f"a batch norm without scale or running statistics: {module}")
        return BatchNorm(module.num_features, module.eps, module.momentum), [x]

    for cls in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        yield Reader(cls, read)


def _read_group_norm() -> Iterable[Reader]:
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, module: nn.GroupNorm, x: fx.Node) -> Reading:
        if not module.affine:
            raise UnknownOperation(f"a group norm without scale: {module}")
        return GroupNorm(module.num_channels, module.num_groups, module.eps), [x]

    yield Reader(nn.GroupNorm, read)


def _read_layer_norm() -> Iterable[Reader]:
    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, module: nn.LayerNorm, x: fx.Node) -> Reading:
        (channels,) = module.normalized_shape
        if not module.elementwise_affine or module.bias is None:
            raise UnknownOperation(f"a layer norm without scale or shift: {module}")
        return LayerNorm(channels, module.eps), [x]

    yield Reader(_LAYER_NORM.name, read)


def _read_spatial_norm() -> Iterable[Reader]:
    import torch.nn.functional as F

    def read(seen: Seen, x: fx.Node, *, eps: float = 1e-5) -> Reading:
        return SpatialNorm(eps), [x]

    yield Reader(F.instance_norm, read)


def _read_channel_norm() -> Iterable[Reader]:
    import torch.nn.functional as F

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: fx.Node, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Reading:
        if p != 2.0 or dim != 1:
            raise UnknownOperation("a normalisation that is not L2 over channels")
        return ChannelNorm(eps), [x]

    yield Reader(F.normalize, read)


RECORDS: Final = {
    "batch_norm": TorchOp(module=_batch_norm, readers=_read_batch_norm),
    "group_norm": TorchOp(module=_group_norm, readers=_read_group_norm),
    "layer_norm": TorchOp(
        module=_layer_norm,
        helper=lambda dims: _LAYER_NORM,
        readers=_read_layer_norm,
        flat="kept",
        uncounted=frozenset({"aten::movedim"}),
    ),
    "spatial_norm": TorchOp(call=_spatial_norm, readers=_read_spatial_norm),
    "channel_norm": TorchOp(
        call=_channel_norm,
        readers=_read_channel_norm,
        uncounted=frozenset(
            {
                "aten::clamp_min",
                "aten::div",
                "aten::expand_as",
                "aten::linalg_vector_norm",
                "aten::norm",
            }
        ),
    ),
}
