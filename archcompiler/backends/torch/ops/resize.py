"""Resampling in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import atom, called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.resize import Interpolate, InterpolationMode, Resample, Upsample
from archcompiler.ops.sides import Sides

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_LINEAR: Final = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _interpolate(op: Interpolate, x: Sequence[str], dims: int) -> str:
    data, target = x
    size = f"size={atom(target)}.shape[-{dims}:]"
    return _resample(op, data, size, dims)


def _upsample(op: Upsample, x: Sequence[str], dims: int) -> str:
    return _resample(op, x[0], f"scale_factor={text(op.scale)}", dims)


def _resample(op: Resample, data: str, size: str, dims: int) -> str:
    if op.mode == "nearest":
        return called("F.interpolate", data, size, mode=("nearest", None))
    corners = (op.align_corners, None)
    return called("F.interpolate", data, size, mode=(_LINEAR[dims], None), align_corners=corners)


def _read() -> Iterable[Reader]:
    """One reader for both: they are calls of one function."""
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation
    from archcompiler.backends.torch.reading import sized_after

    def read(
        seen: Seen,
        x: fx.Node,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> Reading:
        if mode not in ("nearest", _LINEAR[seen.dims]):
            raise UnknownOperation(f"{mode} interpolation")
        kept: InterpolationMode = "nearest" if mode == "nearest" else "bilinear"
        corners = bool(align_corners)
        if scale_factor is None:
            return Interpolate(kept, corners), [x, sized_after(size, seen.dims)]
        return Upsample(kept, corners, _whole(scale_factor, seen.dims)), [x]

    def read_module(seen: Seen, module: nn.Upsample, x: fx.Node) -> Reading:
        return read(seen, x, module.size, module.scale_factor, module.mode, module.align_corners)

    yield Reader(F.interpolate, read)
    yield Reader(nn.Upsample, read_module)


def _whole(scale: Any, dims: int) -> Sides:
    """A factor, which torch keeps as floats."""
    from archcompiler.backends.reading import UnknownOperation, sides

    factors = scale if isinstance(scale, tuple | list) else (scale,)
    if any(factor != int(factor) for factor in factors):
        raise UnknownOperation(f"a resampling by {scale}")
    return sides(tuple(map(int, factors)), dims)


RESAMPLED: Final = frozenset(
    {"aten::upsample_linear1d", "aten::upsample_nearest1d"}
    | {"aten::upsample_trilinear3d", "aten::upsample_nearest3d"}
)
RECORDS: Final = {
    "interpolate": TorchOp(call=_interpolate, readers=_read, uncounted=RESAMPLED),
    "upsample": TorchOp(call=_upsample, uncounted=RESAMPLED),
}
