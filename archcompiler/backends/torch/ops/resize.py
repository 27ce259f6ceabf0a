"""Resampling in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.torch.python import atom, called
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.resize import Interpolate

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_LINEAR: Final = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _interpolate(op: Interpolate, x: Sequence[str], dims: int, inplace: bool) -> str:
    data, target = x
    size = f"size={atom(target)}.shape[-{dims}:]"
    if op.mode == "nearest":
        return called("F.interpolate", data, size, mode=("nearest", None))
    corners = (op.align_corners, None)
    return called("F.interpolate", data, size, mode=(_LINEAR[dims], None), align_corners=corners)


def _read_interpolate() -> Iterable[Reader]:
    import torch.nn.functional as F

    from archcompiler.backends.torch.reading import UnknownOperation, sized_after

    def read(
        seen: Seen,
        x: fx.Node,
        size: Any = None,
        *,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> Reading | None:
        if size is None:
            return None
        if mode not in ("nearest", _LINEAR[seen.dims]):
            raise UnknownOperation(f"{mode} interpolation")
        op = Interpolate("nearest" if mode == "nearest" else "bilinear", bool(align_corners))
        return op, [x, sized_after(size, seen.dims)]

    yield Reader(F.interpolate, read)


RESAMPLED: Final = frozenset(
    {"aten::upsample_linear1d", "aten::upsample_nearest1d"}
    | {"aten::upsample_trilinear3d", "aten::upsample_nearest3d"}
)
RECORDS: Final = {
    "interpolate": TorchOp(call=_interpolate, readers=_read_interpolate, uncounted=RESAMPLED)
}
