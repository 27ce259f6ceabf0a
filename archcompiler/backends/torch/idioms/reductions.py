"""Reductions that drop an axis, which is put back; of one axis after another; of a row."""

from __future__ import annotations

from typing import Any, Final

from torch import fx

from archcompiler.backends.torch.idioms.calls import (
    MAXIMA,
    MAXIMA_ALONG,
    MEANS_ALONG,
    SUMS_ALONG,
    UNSQUEEZES,
)
from archcompiler.backends.torch.idioms.nodes import drop
from archcompiler.backends.torch.idioms.numbers import shape
from archcompiler.backends.torch.idioms.positions import is_row_of_positions
from archcompiler.backends.torch.reading import is_node

_SAME: Final = (MEANS_ALONG, SUMS_ALONG, MAXIMA_ALONG)
"""Those that are the same of one axis after another, as of both."""


def reword_reductions(graph: fx.Graph) -> None:
    """Say reductions with the axes that they leave, and as one where they follow each other."""
    for node in list(graph.nodes):
        if not node.args or not is_node(node.args[0]):
            continue
        if any(node.target in names for names in _SAME) and shape(node):
            _of_row(node)
            _of_both(node)
        if any(node.target in names for names in (*_SAME, MAXIMA)):
            _kept(node)


def _axes(node: fx.Node) -> tuple[int, ...] | None:
    """Along which axes a reduction is, and of what it keeps nothing; None for another call."""
    given = {**dict(zip(("dim", "keepdim"), node.args[1:], strict=False)), **node.kwargs}
    dim = given.pop("dim", None)
    dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if given.pop("keepdim", False) or given or not all(isinstance(d, int) for d in dims):
        return None
    rank = len(shape(node.args[0]))
    return tuple(sorted(d % rank for d in dims)) if rank else None


def _put(node: fx.Node, x: Any, axes: tuple[int, ...], keepdim: bool) -> None:
    node.args = (x,)
    node.kwargs = {"dim": axes if len(axes) > 1 else axes[0], "keepdim": keepdim}


def _of_row(node: fx.Node) -> None:
    """Of positions in a row: of all of the map."""
    row: Any = node.args[0]
    source = row.args[0] if is_node(row) and row.args else None
    if not is_node(source) or _axes(node) != (2,) or not is_row_of_positions(row, source):
        return
    _put(node, source, tuple(range(2, len(shape(source)))), keepdim=False)


def _of_both(node: fx.Node) -> None:
    """Of one axis after another."""
    inner = node.args[0]
    alike = next(names for names in _SAME if node.target in names)
    if not is_node(inner) or inner.target not in alike:
        return
    first, then = _axes(inner), _axes(node)
    if first is None or then is None or len(first) != len(shape(inner.args[0])) - len(shape(inner)):
        return
    left = [axis for axis in range(len(shape(inner.args[0]))) if axis not in first]
    _put(node, inner.args[0], tuple(sorted((*first, *(left[i] for i in then)))), keepdim=False)
    drop(inner)


def _kept(node: fx.Node) -> None:
    """With an axis that all who read it put back where it was."""
    axes = _axes(node)
    if axes is None or len(axes) != 1:
        return
    values = [node] if node.target not in MAXIMA else list(node.users)
    readers = [user for value in values for user in value.users]
    if not readers or not all(_puts_back(user, axes[0]) for user in readers):
        return
    if node.target in MAXIMA and any(value.args[1:] not in ((0,), ("values",)) for value in values):
        return
    _put(node, node.args[0], axes, keepdim=True)
    for value in values:
        value.meta["tensor_meta"] = readers[0].meta["tensor_meta"]
    for user in readers:
        kept: Any = user.args[0]
        user.replace_all_uses_with(kept)
        node.graph.erase_node(user)


def _puts_back(node: fx.Node, axis: int) -> bool:
    dim: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    known = node.target in UNSQUEEZES and isinstance(dim, int)
    return known and dim % len(shape(node)) == axis
