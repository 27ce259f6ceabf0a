"""The record of every operator."""

from __future__ import annotations

from typing import Final

from archcompiler.backends.jax.record import JaxOp
from archcompiler.backends.table import Table

TABLE: Final = Table("jax", "JAX", JaxOp)
NAME: Final = TABLE.name
records = TABLE.records
jax_op = TABLE.of
