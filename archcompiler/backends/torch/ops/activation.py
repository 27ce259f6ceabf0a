"""Activations in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.python import called, text
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops import activation as ops

if TYPE_CHECKING:
    from torch import fx, nn

    from archcompiler.backends.torch.reading import Reading, Seen


def _plain(op: Any, printed: str, module: str, aten: str = "") -> TorchOp:
    """An activation without options, which torch has as a function, a method and a module.

    `aten` is its name where fvcore sees another than the function's.
    """
    name = printed.partition(".")[2]

    def call(_: Any, x: Sequence[str], dims: int) -> str:
        return called(printed, *x)

    def readers() -> Iterable[Reader]:
        import torch
        import torch.nn.functional as F
        from torch import nn

        from archcompiler.backends.torch.reading import one_input, one_input_module

        yield Reader(getattr(nn, module), one_input_module(op))
        for home in (F, torch):
            if hasattr(home, name):
                yield Reader(getattr(home, name), one_input(op))
        for method in (name, f"{name}_"):
            if hasattr(torch.Tensor, method):
                yield Reader(method, one_input(op))

    return TorchOp(
        call=call,
        readers=readers,
        flat="kept",
        uncounted=frozenset({f"aten::{aten or name}"} if name != "relu" else ()),
    )


def _gelu(op: ops.Gelu, x: Sequence[str], dims: int) -> str:
    return called("F.gelu", *x, approximate=(op.approximate, "none"))


def _read_gelu() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    def read(seen: Seen, x: fx.Node, *, approximate: ops.Approximation = "none") -> Reading:
        return ops.Gelu(approximate), [x]

    def read_module(seen: Seen, module: nn.GELU, x: fx.Node) -> Reading:
        return read(seen, x, approximate="tanh" if module.approximate == "tanh" else "none")

    yield Reader(nn.GELU, read_module)
    yield Reader(F.gelu, read)


def _leaky_relu(op: ops.LeakyRelu, x: Sequence[str], dims: int) -> str:
    return called("F.leaky_relu", *x, negative_slope=(op.slope, 0.01))


def _read_leaky_relu() -> Iterable[Reader]:
    import torch.nn.functional as F
    from torch import nn

    def read(
        seen: Seen, x: fx.Node, negative_slope: float = 0.01, inplace: bool = False
    ) -> Reading:
        return ops.LeakyRelu(negative_slope), [x]

    def read_module(seen: Seen, module: nn.LeakyReLU, x: fx.Node) -> Reading:
        return read(seen, x, module.negative_slope)

    yield Reader(nn.LeakyReLU, read_module)
    yield Reader(F.leaky_relu, read)


def _prelu(op: ops.Prelu, dims: int) -> str:
    return called("nn.PReLU", text(op.channels))


def _read_prelu() -> Iterable[Reader]:
    from torch import nn

    def read(seen: Seen, module: nn.PReLU, x: fx.Node) -> Reading:
        return ops.Prelu(module.num_parameters), [x]

    yield Reader(nn.PReLU, read)


def _identity(op: ops.Identity, x: Sequence[str], dims: int) -> str:
    return x[0]


def _read_identity() -> Iterable[Reader]:
    import torch
    from torch import nn

    from archcompiler.backends.reading import UnknownOperation

    def read(seen: Seen, module: nn.Identity, x: fx.Node) -> Reading:
        return x

    yield Reader(nn.Identity, read)

    def read_order(seen: Seen, x: fx.Node, memory_format: object = None) -> Reading:
        cast = memory_format if isinstance(memory_format, torch.dtype) else torch.float32
        if not cast.is_floating_point or cast.itemsize < torch.float32.itemsize:
            raise UnknownOperation(f"`{seen.node.name}` rounds to {memory_format}")
        return x  # the same map, in another order

    yield Reader("to", read_order)
    yield Reader("contiguous", read_order)


RECORDS: Final = {
    "relu": _plain(ops.Relu(), "F.relu", "ReLU"),
    "relu6": _plain(ops.Relu6(), "F.relu6", "ReLU6"),
    "silu": _plain(ops.Silu(), "F.silu", "SiLU"),
    "elu": _plain(ops.Elu(), "F.elu", "ELU"),
    "hardswish": _plain(ops.HardSwish(), "F.hardswish", "Hardswish"),
    "hardsigmoid": _plain(ops.HardSigmoid(), "F.hardsigmoid", "Hardsigmoid"),
    "sigmoid": _plain(ops.Sigmoid(), "torch.sigmoid", "Sigmoid"),
    "softplus": _plain(ops.Softplus(), "F.softplus", "Softplus"),
    "mish": _plain(ops.Mish(), "F.mish", "Mish"),
    "tanh": _plain(ops.Tanh(), "torch.tanh", "Tanh"),
    "gelu": TorchOp(
        call=_gelu, readers=_read_gelu, flat="kept", uncounted=frozenset({"aten::gelu"})
    ),
    "leaky_relu": TorchOp(
        call=_leaky_relu,
        readers=_read_leaky_relu,
        flat="kept",
        uncounted=frozenset({"aten::leaky_relu"}),
    ),
    "prelu": TorchOp(
        module=_prelu, readers=_read_prelu, flat="kept", uncounted=frozenset({"aten::prelu"})
    ),
    "identity": TorchOp(call=_identity, readers=_read_identity, flat="kept"),
}
