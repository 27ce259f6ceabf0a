"""Activations in PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from archcompiler.backends.torch.python import called
from archcompiler.backends.torch.record import Reader, TorchOp
from archcompiler.ops.activation import Relu, Sigmoid


def _relu(op: Relu, x: Sequence[str], dims: int, inplace: bool) -> str:
    return called("F.relu", *x, inplace=(inplace, False))


def _sigmoid(op: Sigmoid, x: Sequence[str], dims: int, inplace: bool) -> str:
    return called("torch.sigmoid", *x)


def _read_relu() -> Iterable[Reader]:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.torch.reading import one_input, one_input_module

    yield Reader(nn.ReLU, one_input_module(Relu()))
    for target in (F.relu, torch.relu, "relu", "relu_"):
        yield Reader(target, one_input(Relu()))


def _read_sigmoid() -> Iterable[Reader]:
    import torch
    import torch.nn.functional as F
    from torch import nn

    from archcompiler.backends.torch.reading import one_input, one_input_module

    yield Reader(nn.Sigmoid, one_input_module(Sigmoid()))
    for target in (F.sigmoid, torch.sigmoid, "sigmoid"):
        yield Reader(target, one_input(Sigmoid()))


RECORDS: Final = {
    "relu": TorchOp(call=_relu, readers=_read_relu, flat="kept", inplace=True),
    "sigmoid": TorchOp(
        call=_sigmoid,
        readers=_read_sigmoid,
        flat="kept",
        uncounted=frozenset({"aten::sigmoid"}),
    ),
}
