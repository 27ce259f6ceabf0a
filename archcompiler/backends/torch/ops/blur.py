"""Subsampling behind a low-pass filter, which an emitted file defines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, given, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.blur import BlurPool

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_FILTERS: Final = {
    1: "row",
    2: "row[:, None] * row",
    3: "row[:, None, None] * row[:, None] * row",
}


def _helper(dims: int) -> Helper:
    source = f'''
class BlurPool(nn.Module):
    """A binomial filter of each channel at each `stride`-th position; edges reflect."""

    def __init__(self, kernel: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        row = torch.tensor([1.0, 2.0, 1.0] if kernel == 3 else [1.0, 4.0, 6.0, 4.0, 1.0])
        weight = {_FILTERS[dims]}
        self.register_buffer("weight", (weight / weight.sum())[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        x = F.pad(x, [self.kernel // 2] * {2 * dims}, mode="reflect")
        weight = self.weight.expand(channels, {", ".join(["-1"] * (dims + 1))})
        return F.conv{dims}d(x, weight, stride=self.stride, groups=channels)
'''
    return Helper("BlurPool", source.strip())


def _blur_pool(op: BlurPool, dims: int) -> str:
    kernel = [text(op.kernel)] if given(op.kernel, 3) else []
    return called("BlurPool", *kernel, stride=(op.stride, 2))


def _read_blur_pool() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: fx.Node) -> Reading:
        return BlurPool(module.kernel, module.stride, seen.dims), [x]

    yield Reader("BlurPool", read)


RECORDS: Final = {
    "blur_pool": TorchOp(
        module=_blur_pool,
        helper=_helper,
        readers=_read_blur_pool,
        uncounted=frozenset({"aten::pad", "aten::expand"}),
    )
}
