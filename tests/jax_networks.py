"""Networks for the tests of the JAX back end: small, and with most of what a spec can say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flax import nnx
from tiny import tiny_spec

_ATTENTION = {"channels": 16, "modules": 1, "depth": 1}
PLANE = tiny_spec(
    {**_ATTENTION, "depth": 2, "after": 1, "unit": {"type": "resnext", "groups": 4}},
    input=[3, 16, 16],
    head={"type": "linear", "dropout": 0.5},
)
SIGNAL = tiny_spec(_ATTENTION, input=[2, 32])
VOLUME = tiny_spec(_ATTENTION, input=[1, 8, 8, 8])
PLAIN = tiny_spec({"channels": 8, "before": 2}, input=[3, 16, 16], classes=1000)


def drop_nothing(parts: Iterable[Any]) -> None:
    """Have modules of JAX give what they get, without random numbers."""
    for part in parts:
        if isinstance(part, nnx.Dropout):
            part.rate, part.rngs = 0.0, nnx.data(None)
