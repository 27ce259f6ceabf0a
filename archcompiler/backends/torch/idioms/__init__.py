"""Ways in which others write operators, and emitted files do not. Imports torch.

A trace with these readers says what a module computes at one size: what a file writes as numbers is
read as what it comes to there, for any number of images.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from archcompiler.backends.torch.idioms import axes, factors, functions, nodes, parts, rows, views
from archcompiler.backends.torch.record import Reader, TorchOp


def _readers() -> Iterable[Reader]:
    return chain.from_iterable(
        module.readers() for module in (factors, parts, axes, views, rows, functions, nodes)
    )


IDIOMS: Final = (TorchOp(readers=_readers),)
