"""Activations in JAX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from archcompiler.backends.jax.record import JaxOp, Reader
from archcompiler.backends.python import called, text
from archcompiler.backends.record import Helper
from archcompiler.ops import activation as ops

if TYPE_CHECKING:
    from archcompiler.backends.jax.reading import Node, Reading, Seen


def _plain(op: Any, name: str) -> JaxOp:
    """An activation without options, a function of `jax.nn`."""

    def call(_: Any, x: Sequence[str], dims: int) -> str:
        return called(f"jax.nn.{name}", *x)

    def readers() -> Iterable[Reader]:
        import jax

        def read(seen: Seen, x: Node) -> Reading:
            return op, [x]

        yield Reader(getattr(jax.nn, name), read)

    return JaxOp(call=call, readers=readers, flat="kept")


def _gelu(op: ops.Gelu, x: Sequence[str], dims: int) -> str:
    return called("jax.nn.gelu", *x, approximate=(op.approximate == "tanh", True))


def _read_gelu() -> Iterable[Reader]:
    import jax

    def read(seen: Seen, x: Node, approximate: bool = True) -> Reading:
        return ops.Gelu("tanh" if approximate else "none"), [x]

    yield Reader(jax.nn.gelu, read)


def _leaky_relu(op: ops.LeakyRelu, x: Sequence[str], dims: int) -> str:
    return called("jax.nn.leaky_relu", *x, negative_slope=(op.slope, 0.01))


def _read_leaky_relu() -> Iterable[Reader]:
    import jax

    def read(seen: Seen, x: Node, negative_slope: float = 0.01) -> Reading:
        return ops.LeakyRelu(negative_slope), [x]

    yield Reader(jax.nn.leaky_relu, read)


_PRELU: Final = Helper(
    "PReLU",
    '''
class PReLU(nnx.Module):
    """x above 0, slope · x below, with a slope learnt for each channel."""

    def __init__(self, channels: int) -> None:
        self.scale = nnx.Param(jnp.full(channels, 0.25))

    def __call__(self, x: Array) -> Array:
        return jnp.where(x > 0, x, self.scale[...] * x)
'''.strip(),
)


def _prelu(op: ops.Prelu, dims: int) -> str:
    return called(_PRELU.name, text(op.channels))


def _read_prelu() -> Iterable[Reader]:
    def read(seen: Seen, module: Any, x: Node) -> Reading:
        return ops.Prelu(module.scale.size), [x]

    yield Reader(_PRELU.name, read)


def _identity(op: ops.Identity, x: Sequence[str], dims: int) -> str:
    return x[0]


RECORDS: Final = {
    "relu": _plain(ops.Relu(), "relu"),
    "relu6": _plain(ops.Relu6(), "relu6"),
    "silu": _plain(ops.Silu(), "silu"),
    "elu": _plain(ops.Elu(), "elu"),
    "hardswish": _plain(ops.HardSwish(), "hard_swish"),
    "hardsigmoid": _plain(ops.HardSigmoid(), "hard_sigmoid"),
    "sigmoid": _plain(ops.Sigmoid(), "sigmoid"),
    "softplus": _plain(ops.Softplus(), "softplus"),
    "mish": _plain(ops.Mish(), "mish"),
    "tanh": _plain(ops.Tanh(), "tanh"),
    "gelu": JaxOp(call=_gelu, readers=_read_gelu, flat="kept"),
    "leaky_relu": JaxOp(call=_leaky_relu, readers=_read_leaky_relu, flat="kept"),
    "prelu": JaxOp(module=_prelu, helper=lambda dims: _PRELU, readers=_read_prelu, flat="kept"),
    "identity": JaxOp(call=_identity, flat="kept"),
}
