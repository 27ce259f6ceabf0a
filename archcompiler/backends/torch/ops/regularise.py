"""What acts while training alone, in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from archcompiler.backends.torch.python import called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.regularise import Dropout

if TYPE_CHECKING:
    from torch import fx, nn

    from archcompiler.backends.torch.reading import Reading, Seen


def _dropout(op: Dropout, dims: int) -> str:
    return called("nn.Dropout", text(op.probability))


def _read_dropout() -> Iterable[Reader]:
    from torch import nn

    def read(seen: Seen, module: nn.Dropout, x: fx.Node) -> Reading:
        return Dropout(module.p), [x]

    yield Reader(nn.Dropout, read)


RECORDS: Final = {"dropout": TorchOp(module=_dropout, readers=_read_dropout, flat="kept")}
