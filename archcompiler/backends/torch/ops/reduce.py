"""Reductions and softmax in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import atom, called, text
from archcompiler.backends.record import Helper
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.axes import axes, dimension
from archcompiler.ops.reduce import How, Reduce, Softmax

if TYPE_CHECKING:
    from torch import fx

    from archcompiler.backends.torch.reading import Reading, Seen

_METHODS: Final[dict[How, str]] = {"mean": "mean", "max": "amax", "sum": "sum", "var": "var"}


def _reduce(op: Reduce, x: Sequence[str], dims: int) -> str:
    if op.axis == "positions":
        positions = ", ".join(str(i + 2) for i in range(dims))
        where = f"({positions})" if dims > 1 else positions
    else:
        where = str(dimension(op.axis, dims))
    if op.how == "norm":
        return f"torch.linalg.vector_norm({x[0]}, dim={where}, keepdim=True)"
    return f"{atom(x[0])}.{_METHODS[op.how]}({where}, keepdim=True)"


def _read_reduce() -> Iterable[Reader]:
    import torch

    from archcompiler.backends.reading import UnknownOperation

    def along(seen: Seen, how: How, x: fx.Node, dim: Any, keepdim: bool) -> Reading:
        if not keepdim:
            raise UnknownOperation(f"`{seen.node.name}` drops an axis")
        rank = seen.dims + 2
        numbers = [dim] if isinstance(dim, int) else dim or []
        where = tuple(sorted(number % rank for number in numbers))
        if where == seen.axes:
            return Reduce(how, "positions"), [x]
        for axis in axes(seen.dims):
            if where == (dimension(axis, seen.dims),):
                return Reduce(how, axis), [x]
        raise UnknownOperation(f"`{seen.node.name}` reduces the axes {dim}")

    def reader(how: How) -> Callable[..., Reading]:
        def read(seen: Seen, x: fx.Node, dim: Any = None, keepdim: bool = False) -> Reading:
            return along(seen, how, x, dim, keepdim)

        return read

    def read_var(
        seen: Seen,
        x: fx.Node,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: int = 1,
    ) -> Reading:
        if not unbiased or correction != 1:
            raise UnknownOperation(f"`{seen.node.name}` is no variance of a sample")
        return along(seen, "var", x, dim, keepdim)

    def read_norm(
        seen: Seen, x: fx.Node, ord: Any = 2, dim: Any = None, keepdim: bool = False
    ) -> Reading:
        if ord not in (2, "fro"):
            raise UnknownOperation(f"`{seen.node.name}` is a norm of order {ord}")
        return along(seen, "norm", x, dim, keepdim)

    def read_p(
        seen: Seen, input: fx.Node, p: Any = "fro", dim: Any = None, keepdim: bool = False
    ) -> Reading:
        return read_norm(seen, input, p, dim, keepdim)

    for how, method in _METHODS.items():
        read = read_var if how == "var" else reader(how)
        yield Reader(method, read)
        yield Reader(getattr(torch, method), read)
    yield Reader(torch.linalg.vector_norm, read_norm)
    for target in (torch.norm, "norm"):
        yield Reader(target, read_p)


_OVER_POSITIONS: Final = Helper(
    "softmax_over_positions",
    '''
def softmax_over_positions(x: Tensor) -> Tensor:
    """Softmax over all positions of each channel."""
    return x.flatten(2).softmax(-1).view_as(x)
'''.strip(),
)


_OVER_PARTS: Final = Helper(
    "softmax_over_parts",
    '''
def softmax_over_parts(x: Tensor, parts: int) -> Tensor:
    """Softmax over one channel of each of so many equal parts of the channels."""
    return x.unflatten(1, (parts, -1)).softmax(1).flatten(1, 2)
'''.strip(),
)


def _softmax(op: Softmax, x: Sequence[str], dims: int) -> str:
    if op.axis == "positions":
        return called(_OVER_POSITIONS.name, *x)
    if op.axis == "parts":
        return called(_OVER_PARTS.name, *x, text(op.of))
    return called("torch.softmax", *x, dim=(1, None))


def _read_softmax() -> Iterable[Reader]:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, x: fx.Node, dim: int) -> Reading:
        if dim != 1:
            raise UnknownOperation(f"a softmax along dimension {dim}")
        return Softmax("channels"), [x]

    def read_module(seen: Seen, module: nn.Softmax, x: fx.Node) -> Reading:
        return read(seen, x, module.dim if module.dim is not None else 0)

    def read_positions(seen: Seen, x: fx.Node) -> Reading:
        return Softmax("positions"), [x]

    def read_parts(seen: Seen, x: fx.Node, parts: int) -> Reading:
        return Softmax("parts", parts), [x]

    for target in (torch.softmax, F.softmax, "softmax"):
        yield Reader(target, read)
    yield Reader(nn.Softmax, read_module)
    yield Reader(_OVER_POSITIONS.name, read_positions)
    yield Reader(_OVER_PARTS.name, read_parts)


RECORDS: Final = {
    "reduce": TorchOp(
        call=_reduce,
        readers=_read_reduce,
        uncounted=frozenset(
            {"aten::mean", "aten::amax", "aten::sum", "aten::var", "aten::linalg_vector_norm"}
        ),
    ),
    "softmax": TorchOp(
        call=_softmax,
        helper=lambda dims: (_OVER_POSITIONS, _OVER_PARTS),
        helped=lambda op: op.axis != "channels" and f"softmax_over_{op.axis}",
        readers=_read_softmax,
        uncounted=frozenset({"aten::softmax", "aten::view_as", "aten::unflatten"}),
    ),
}
