"""A trace as it runs: shapes, numbers, and what changes in place."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from archcompiler.backends.reading import UnknownOperation

VALUE: Final = "value"
"""The `meta` of a node that is a number or several, and no tensor: what it comes to."""


class InPlace:
    """A function whose result takes the place of its first argument, as a run has to see it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = f"{function.__name__}_"

    def __call__(self, x: Tensor, *args: Any, **named: Any) -> Tensor:
        return x.copy_(self.function(x, *args, **named))


class _Change(NamedTuple):
    """The last operator that has changed a tensor in place."""

    by: fx.Node
    result: Tensor


class Run(ShapeProp):
    """Notes the shapes of tensors, the numbers that are read of them, and what changes in place."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.stale: list[tuple[fx.Node, fx.Node, fx.Node]] = []
        """Who reads what after it has been changed, and by whom."""
        self._versions: dict[fx.Node, int] = {}
        """Of each tensor, as it was made."""
        self._changes: dict[int, _Change] = {}
        """By the storage."""
        self.at: fx.Node | None = None
        """What runs, or has failed at it."""

    def run_node(self, n: fx.Node) -> Any:
        self.at = n
        result = self._run(n)
        self.at = None
        return result

    def _run(self, n: fx.Node) -> Any:
        read = {x: v for x in n.all_input_nodes if isinstance(v := self.env[x], Tensor)}
        for source, value in read.items():
            if value._version != self._versions[source]:
                self.stale.append((n, source, self._changed(n, source, value)))
        before = {source: value._version for source, value in read.items()}
        result = super().run_node(n)
        for source, value in read.items():
            if value._version != before[source]:
                self._changes[_storage(value)] = _Change(n, result)
        if isinstance(result, Tensor):
            self._versions[n] = result._version
        elif n.op != "output" and isinstance(result, int | float | torch.Size):
            n.meta[VALUE] = result
        return result

    def _changed(self, reader: fx.Node, source: fx.Node, value: Tensor) -> fx.Node:
        """What a tensor was changed to. Raises UnknownOperation where a part of it was changed."""
        change = self._changes[_storage(value)]
        if change.result is not value:
            what = f"`{reader.name}` reads `{source.name}`"
            raise UnknownOperation(
                f"{what}, of which `{change.by.name}` has changed a view in place"
            )
        return change.by


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class Ahead(Run):
    """Runs a graph as far as it has been traced, for who has to know what a node comes to."""

    def __init__(self, root: nn.Module, graph: fx.Graph, images: Sequence[Tensor]) -> None:
        super().__init__(fx.GraphModule(nn.Module(), fx.Graph()))
        self.module = self.real_module = root
        self.submodules = dict(root.named_modules())
        self.graph = graph
        self.args_iter = iter(images)
        self._last: fx.Node | None = None

    def value(self, node: fx.Node) -> Any:
        """What a node comes to."""
        with redirect_stderr(io.StringIO()):  # where ShapeProp would print a traceback
            while node not in self.env:
                last = self._last
                self._last = next(iter(self.graph.nodes)) if last is None else last.next
                self.env[self._last] = self.run_node(self._last)
        return self.env[node]
