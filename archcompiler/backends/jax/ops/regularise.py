"""What acts while training alone, in JAX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.jax.writing import made, positions
from archcompiler.backends.python import text
from archcompiler.ops.regularise import Dropout, DropPath

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _dropout(op: Dropout, dims: int) -> str:
    return made("nnx.Dropout", text(op.probability))


def _drop_path(op: DropPath, dims: int) -> str:
    """One number for all of an image's map."""
    whole = (*positions(dims), dims + 1)
    return made("nnx.Dropout", text(op.probability), broadcast_dims=(whole, ()))


def _read_dropout() -> Iterable[Reader]:
    from flax import nnx

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, module: Any, x: Node) -> Reading:
        shared = tuple(module.broadcast_dims)
        if shared == tuple(range(1, seen.dims + 2)):
            return DropPath(module.rate), [x]
        if shared:
            raise UnknownOperation(f"a dropout that is one along {shared}")
        return Dropout(module.rate), [x]

    yield Reader(nnx.Dropout, read)


RECORDS: Final = {
    "drop_path": JaxOp(module=_drop_path),  # read by dropout's
    "dropout": JaxOp(module=_dropout, readers=_read_dropout, flat="kept"),
}
