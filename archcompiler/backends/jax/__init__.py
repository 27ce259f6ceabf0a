"""JAX: each operator as it stands in an emitted file of Flax NNX, and as a trace of one has it.

Printing imports no JAX; reading does, when it is asked for. Maps are (N, *size, C).
"""

from archcompiler.backends.jax.frame import BACKEND
from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.table import jax_op

__all__ = ["BACKEND", "JaxOp", "Reader", "jax_op"]
