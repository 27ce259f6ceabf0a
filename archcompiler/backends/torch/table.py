"""The record of every operator."""

from __future__ import annotations

from typing import Final

from archcompiler.backends.table import Table
from archcompiler.backends.torch.record import TorchOp

TABLE: Final = Table("torch", "PyTorch", TorchOp)
NAME: Final = TABLE.name
records = TABLE.records
torch_op = TABLE.of
