"""Images of one row of numbers, in whatever shape: convolutions along the channels, one channel."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import torch.nn.functional as F
from torch import fx, nn

from archcompiler.backends import reading
from archcompiler.backends.reading import PART
from archcompiler.backends.torch.idioms.calls import (
    COPIES,
    FLATTENS,
    PERMUTES,
    SQUEEZES,
    SWAPS,
    UNFLATTENS,
    UNSQUEEZES,
    VIEWS,
    order_of,
)
from archcompiler.backends.torch.idioms.elementwise import is_elementwise
from archcompiler.backends.torch.idioms.nodes import submodule
from archcompiler.backends.torch.idioms.numbers import has_images, images, shape
from archcompiler.backends.torch.reading import Reading, Seen, is_node
from archcompiler.backends.torch.record import Reader
from archcompiler.backends.torch.stored import TENSORS, Stored, stored
from archcompiler.ops.channelwise import ChannelConv
from archcompiler.ops.split import Part


def reword_rows(graph: fx.Graph) -> None:
    """Say an activation of what a convolution along channels has made of the channels of a map."""
    for act in list(graph.nodes):
        if not act.args or not is_node(conv := act.args[0]) or not is_elementwise(act):
            continue
        while _kernel(_viewed(conv)) is not None and len(act.users) == 1:
            (view,) = act.users
            if not is_row(view) or not _keeps_images(view) or not is_row(conv):
                break
            view.replace_all_uses_with(act)
            view.update_arg(0, conv)
            act.update_arg(0, view)
            view.append(act)
            act.meta["tensor_meta"] = view.meta["tensor_meta"]
            conv = view


def is_row(node: fx.Node) -> bool:
    """Whether an image has one axis of more than one element: all views of it are the same."""
    return has_images(node) and sum(side != 1 for side in shape(node)[1:]) <= 1


def channel_conv(seen: Seen) -> Reading | None:
    """What a convolution along channels has made, once these are the channels of a map again."""
    after = shape(seen.node)[1:]
    if len(after) not in (1, seen.dims + 1) or not is_row(seen.node) or after[0] == 1:
        return None
    conv = _viewed(seen.node)
    found = _kernel(conv)
    if found is None or not is_node(conv.args[0]):
        return None
    source = _viewed(conv.args[0])
    if shape(source)[1:2] != after[:1] or len(shape(source)) not in (2, seen.dims + 2):
        return None
    seen.node.meta[TENSORS] = {"weight": found[1]}
    return ChannelConv(found[0]), [source]


def one_channel(seen: Seen, x: fx.Node) -> Reading | None:
    """`v[:, 2].view(-1, 1, 1, 1)`, a channel of a vector as a map."""
    if shape(seen.node)[1:] != (1,) * (seen.dims + 1) or not _is_number(x):
        return None
    source, (_, index) = _parts(x)
    channels = shape(source)[1]
    return Part(index % channels, channels), [source]


def _parts(node: fx.Node) -> tuple[Any, Any]:
    """What an index is of, and the index."""
    source, index = node.args
    return source, index


def _is_number(node: fx.Node) -> bool:
    """Whether a node is one channel of a vector, a number for each image."""
    if node.target is not operator.getitem or not is_node(node.args[0]):
        return False
    source, index = _parts(node)
    whole = isinstance(index, tuple) and len(index) == 2 and index[0] == slice(None)
    return whole and isinstance(index[1], int) and len(shape(source)) == 2 and has_images(source)


def number(seen: Seen, x: Any, index: Any) -> Reading | None:
    """Such a channel, about to be a map."""
    return PART if _is_number(seen.node) else None


def _viewed(node: fx.Node) -> fx.Node:
    """What a row is a view of, for any number of images."""
    while is_row(node) and _keeps_images(node) and is_node(node.args[0]) and is_row(node.args[0]):
        node = node.args[0]
    return node


def _keeps_images(node: fx.Node) -> bool:
    """Whether a node is a view that has each image by itself, along the first axis."""
    given = [*node.args[1:], *node.kwargs.values()]
    if node.target in VIEWS:
        return images(node, given) is not None
    if node.target in (*PERMUTES, *SWAPS):
        order = order_of(node, len(shape(node)))
        return order is not None and order[0] == 0
    if node.target in (*UNSQUEEZES, *SQUEEZES, *FLATTENS, *UNFLATTENS):
        rank = max(len(shape(node)), len(shape(node.args[0])))
        return bool(given) and isinstance(given[0], int) and given[0] % rank > 0
    return node.target in COPIES


def _kernel(node: fx.Node) -> tuple[int, Stored] | None:
    """The weights of a convolution to which a row is one channel, and which keeps its length."""
    if (module := submodule(node)) is not None:
        if type(module) is not nn.Conv1d or module.padding_mode != "zeros":
            return None
        weight = Stored(f"{node.target}.weight")
        options: Any = (module.bias, module.stride, module.padding, module.dilation)
        sides = (module.out_channels, module.in_channels, *module.kernel_size)
    elif node.target is F.conv1d and (found := stored(node.args[1])) is not None:
        weight, sides = found, shape(node.args[1])
        options = {"bias": None, "stride": 1, "padding": 0, "dilation": 1}
        options |= dict(zip(options, node.args[2:], strict=False)) | node.kwargs
        options = tuple(options[name] for name in ("bias", "stride", "padding", "dilation"))
    else:
        return None
    bias, *numbers = options
    stride, padding, dilation = (n[0] if isinstance(n, tuple | list) else n for n in numbers)
    kernel = sides[-1]
    kept = (stride, padding, dilation) == (1, kernel // 2, 1) and kernel % 2 == 1
    return (kernel, weight) if kept and bias is None and sides[:2] == (1, 1) else None


def conv(seen: Seen, *called: Any, **options: Any) -> reading.Part | None:
    """Along the channels of a map; one of a signal is another reader's."""
    x = seen.node.args[0]
    if not is_node(x) or not is_row(x) or _kernel(seen.node) is None:
        return None
    source = _viewed(x)
    return PART if source is not x and shape(source)[1:2] == shape(x)[2:] else None


def readers() -> Iterable[Reader]:
    yield Reader(operator.getitem, number)
    yield Reader(nn.Conv1d, conv)
    yield Reader(F.conv1d, conv)
