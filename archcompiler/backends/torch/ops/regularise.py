"""What acts while training alone, in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.regularise import Dropout, DropPath

if TYPE_CHECKING:
    from torch import fx, nn

    from archcompiler.backends.torch.reading import Reading, Seen


def _dropout(op: Dropout, dims: int) -> str:
    return called("nn.Dropout", text(op.probability))


_DROP_PATH: Final = Helper(
    "DropPath",
    '''
class DropPath(nn.Module):
    """In training, zeroes an image's map with this probability, and scales others."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        kept = 1.0 - self.probability
        images = x.new_empty(x.shape[0], *[1] * (x.dim() - 1))
        return x * (images.bernoulli_(kept) / (kept or 1.0))
'''.strip(),
)


def _drop_path(op: DropPath, dims: int) -> str:
    return called(_DROP_PATH.name, text(op.probability))


def _read_drop_path() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: fx.Node) -> Reading:
        return DropPath(module.probability), [x]

    yield Reader(_DROP_PATH.name, read)


def _read_dropout() -> Iterable[Reader]:
    from torch import nn

    def read(seen: Seen, module: nn.Dropout, x: fx.Node) -> Reading:
        return Dropout(module.p), [x]

    yield Reader(nn.Dropout, read)


RECORDS: Final = {
    "drop_path": TorchOp(
        module=_drop_path,
        helper=lambda dims: _DROP_PATH,
        readers=_read_drop_path,
        flat="kept",
    ),
    "dropout": TorchOp(module=_dropout, readers=_read_dropout, flat="kept"),
}
