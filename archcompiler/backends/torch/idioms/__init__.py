"""Ways in which others write operators, and emitted files do not. Imports torch.

A trace with these readers says what a module computes at one size: what a file writes as numbers is
read as what it comes to there, for any number of images. A call that is one operator has a reader:

- `functions`: functions with tensors of the module, forms of torch's own layers, `clamp`
- `factors`: products and quotients by numbers and parameters, gates, powers, adaptive pools
- `parts`: splits, slices, and the values of maxima
- `axes`: orders of axes, layer norms between two of them
- `views`: views and axes of 1; shuffles and softmax between two of them
- `rows`: convolutions along the channels, and activations of these; one channel of a vector

What is several calls, or one that is several operators, is reworded before that, by `wording`,
which says in which order:

- `stacks`: maps along an axis of their own: sums, softmax over them, one of them
- `reductions`: axes that are dropped and put back, one axis after another
- `channels_last`: what is done to maps with their channels last
- `positions`: attention as products of matrices
- `wording` itself: variances, L2 norms, unequal parts and others, node by node

Both ask `calls` for the names of calls, `numbers` for what a size comes to, `elementwise` for what
may be done in any order of axes, and `nodes` for new nodes of a trace.
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
