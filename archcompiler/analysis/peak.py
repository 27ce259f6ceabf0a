"""The most memory that a training step holds at once, by the life of every map and gradient.

The forward pass is followed operator by operator, and the backward pass in the order of autograd's
engine, which is the reverse: what an operator has kept goes when it has been differentiated, the
gradient of a map when its producer has, and a gradient that nothing else holds is added to in
place. Workspaces of kernels are not seen, nor what an allocator loses between its blocks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import lru_cache
from itertools import groupby

from archcompiler.analysis.gathering import REST, Gathering
from archcompiler.analysis.held import Amount, Held
from archcompiler.analysis.kept_maps import Beside, KeptMaps, What
from archcompiler.analysis.memory import Graded
from archcompiler.analysis.moments import Moment, StepMemory, highest_of
from archcompiler.analysis.parts import taken_at_once
from archcompiler.analysis.recompute import Recomputation, chain_path
from archcompiler.analysis.repeats import Turn, kept_between, moments_of_all, repeats, without
from archcompiler.analysis.segments import Segment, segments
from archcompiler.analysis.widths import HALF, Widths
from archcompiler.ir import INPUT, Graph, Node
from archcompiler.ops.base import Autocast
from archcompiler.ops.conv import Convolution
from archcompiler.ops.cost import BYTES


def step_memory(
    graph: Graph,
    *,
    autocast: Autocast | None = None,
    checkpointing: bool = False,
    plan: Recomputation | None = None,
    accumulated: bool = False,
    shards: int = 1,
    in_place: bool = True,
) -> StepMemory:
    """One forward and backward pass.

    In float32, or by the `autocast` of a device: maps in 16 bits but for those that it has in
    float32, and copies of the weights that are multiplied with. With `checkpointing` the blocks of
    stages keep their input alone, and are run again when their turn comes; with a `plan` it is as
    that says. With gradients that are `accumulated`, all are there from the first moment. Of
    several `shards` of the gradients one is counted. Autograd adds up gradients `in_place` unless a
    dispatch mode is on, as one is that looks at memory.
    """
    return _Step(graph, autocast, checkpointing, plan, accumulated, shards, in_place).run()


class _Step:
    """The tables of a training step: filled by the forward pass, used up by the backward pass."""

    def __init__(
        self,
        graph: Graph,
        autocast: Autocast | None,
        checkpointing: bool,
        plan: Recomputation | None,
        accumulated: bool,
        shards: int,
        in_place: bool,
    ) -> None:
        self.accumulated, self.shards = accumulated, shards
        self.in_place = in_place
        self.graph = graph
        self.rows = repeats(graph, plan)
        self.nodes = tuple(without(graph, self.rows).nodes())
        self.gathering = Gathering(self.nodes, shards) if shards > 1 else None
        self.segments = segments(self.nodes, checkpointing)
        self.types = {INPUT: graph.input} | {node.path: node.type for node in self.nodes}
        self.widths = Widths(self.nodes, graph.input, autocast)
        self.sizes = {
            name: Amount(self.widths.of[name] * type.numel) for name, type in self.types.items()
        }
        """Of maps."""
        copied = ("conv", "linear") if autocast else ()
        self.copies = {
            node.path: HALF * node.op.parameters * (node.op.role in copied) for node in self.nodes
        }
        """What autocast makes of weights, to multiply with."""
        self.graded = Graded(self.nodes)
        self.inputs = {
            node.path: tuple([self.types[name] for name in node.inputs]) for node in self.nodes
        }
        self.parts = taken_at_once(self.nodes)
        self.saved = {
            node.path: node.op.kept(self.inputs[node.path], node.type, self.graded.inputs(node))
            for node in self.nodes
        }
        self.passing = Held()
        self.gradients = 0
        self.storage = {INPUT: INPUT}
        """Whose memory a map is."""
        self.arrived: dict[str, Hashable] = {}
        """The gradient of each map that is not used up, so far."""
        self.plan = plan
        self.kept = KeptMaps(self.nodes, plan, self.storage, self.sizes)
        for node in self.nodes:
            first = self.storage[node.inputs[0]]
            self.storage[node.path] = first if node.op.view else node.path

    def run(self) -> StepMemory:
        kept = [list(self._forward(segment)) for segment in self.segments]
        image, batch = self.kept.amount
        forward = moments_of_all(list(self._passed()), self.rows, backward=False)
        if self.accumulated:
            self.gradients = sum(map(self._gradient, self.graph.nodes()))
        last = self.nodes[-1].path
        self.arrived[last] = self._new(last)
        turns: list[Turn] = []
        for segment, inputs in zip(reversed(self.segments), reversed(kept), strict=True):
            turns += self._backward(segment, inputs)
        turns.append(Turn("", highest_of((*self._turn(REST), *self._exchange()))))
        backward = moments_of_all(turns, self.rows, backward=True)
        between = kept_between(turns, self.rows)
        kept_then = Amount(image + between.image, batch + between.batch)
        return StepMemory(tuple(highest_of((*forward, *backward))), kept_then)

    def _forward(self, segment: Segment) -> Iterator[str]:
        """Hold what the backward pass needs; yield what only the whole segment is done with."""
        if not segment.recomputed:
            self._keep(segment)
            return
        name = self.storage[segment.nodes[0].inputs[0]]
        if name != INPUT:
            self.kept.keep(name, self.sizes[name])
            yield name

    def _keep(self, segment: Segment) -> None:
        for node in segment.nodes:
            self.kept.foresee(node, self.saved[node.path])
            segment.keeps[node.path] = list(self._kept_by(node))

    def _kept_by(self, node: Node) -> Iterator[What]:
        """Hold what an operator keeps for its derivative."""
        saved = self.saved[node.path]
        # Of a map that is made again a copy is made when it is needed.
        again = self.plan is not None and chain_path(node) in self.plan.blocks
        read = [node.inputs[i] for i in saved.inputs + saved.copies * again]
        # What autocast copies is kept in place of the map, also where that is made again.
        cast = [(name, width) for name in read if (width := self.widths.copy(name, node))]
        names = [self.storage[name] for name in read if not self.widths.copy(name, node)]
        for name in names + [self.storage[node.path]] * saved.output:
            if name != INPUT:  # which is there anyway
                self.kept.keep(name, self.sizes[name])
                yield name
        width = self.widths.of[node.path]
        beside = saved.image_bytes - (BYTES - width) * saved.typed
        beside += 0 if again else width * saved.copied(self.inputs[node.path])
        beside += sum(width * self.types[name].numel for name, width in cast)
        own = Amount(beside, saved.batch_bytes + self.copies[node.path])
        if any(own):
            self.kept.keep(Beside(node.path), own)
            yield Beside(node.path)

    def _passed(self) -> Iterator[Turn]:
        """The forward pass again, with the maps that nothing keeps."""
        alive, kept = Held(), Held()
        ends: dict[int, list[str]] = {}
        for name, end in self._ends().items():
            ends.setdefault(end, []).append(name)
        place = 0
        for segment in self.segments:
            for block, nodes in groupby(segment.nodes, chain_path):
                before, moments = kept.amount, []
                for node in nodes:
                    if self.storage[node.path] == node.path:
                        alive.hold(node.path, self.sizes[node.path])
                    held = () if segment.recomputed else segment.keeps[node.path]
                    for what in (*held, *self.kept.sources.get(node.path, ())):
                        if what not in self.kept.unmade:
                            alive.hold(what, self.kept.sizes[what])
                            kept.hold(what, self.kept.sizes[what])
                    image, batch = alive.amount
                    image += self._dropped_copies(node)
                    passing = Amount(image - kept.image, batch - kept.batch)
                    whole = self.gathering.forward(node) if self.gathering else 0
                    moments.append(Moment(node.path, kept.amount, 0, passing, whole))
                    for name in ends.get(place, ()):
                        alive.drop(name)
                    place += 1
                yield Turn(block, highest_of(moments), kept.amount.beyond(before))

    def _ends(self) -> dict[str, int]:
        """The operator, by its place, after which a map has no name any more.

        A block has a name for its input until it is done, and for what it reads twice.
        """
        last: dict[str, int] = {}
        """Of each scope, and of each operator by itself."""
        readers: dict[str, set[str]] = {}
        """Of each map: the outermost scopes that it is given to, and operators beside its own."""
        for place, node in enumerate(self.nodes):
            scope = node.scope
            last[node.path] = place
            last |= dict.fromkeys(_scopes(scope), place)
            for name in node.inputs:
                if self.storage[name] != INPUT:
                    given = _given(scope, name.rpartition("/")[0]) or node.path
                    readers.setdefault(name, set()).add(given)
        ends: dict[str, int] = {}
        for name, paths in readers.items():
            first = min(paths, key=lambda path: path.count("/"))
            end = last[first.rpartition("/")[0] if len(paths) > 1 else first]
            ends[self.storage[name]] = max(ends.get(self.storage[name], 0), end)
        return ends

    def _backward(self, segment: Segment, inputs: list[str]) -> Iterator[Turn]:
        """The turns of a segment, which at its end is done with `inputs`."""
        before, gradients = self.kept.amount, self.gradients
        if segment.recomputed:
            self._keep(segment)
        for block, nodes in groupby(reversed(segment.nodes), chain_path):
            turned = (m for node in nodes for m in self._turned(node, segment.keeps[node.path]))
            moments = highest_of(turned)
            # These are only of a segment that is one block.
            for what in inputs:
                self.kept.drop(what)
            kept = self.kept.amount
            yield Turn(block, moments, kept.beyond(before), self.gradients - gradients)
            before, gradients = kept, self.gradients

    def _turned(self, node: Node, keeps: list[What]) -> Iterator[Moment]:
        """An operator is differentiated, with what it keeps."""
        if self.gathering is not None:
            yield from self._turn(self.gathering.group(node))
        gradients = self._used_up(node)
        for what in keeps:
            for again in self.kept.make(what):
                yield self._now(again)
        made = []
        if gradients:
            made = [(x, self._made(x, node, gradients[0])) for x in self._graded_inputs(node)]
            copies = self.copies[node.path]
            yield self._differentiated(node) if copies else self._graded(node)
            for gradient in gradients:
                self.passing.drop(gradient)
        for what in keeps:
            self.kept.drop(what)
        if gradients and copies:
            # The gradient of a copy is cast when the copy is gone.
            yield self._graded(node)
        for name, new in made:
            if self.widths.copy(name, node):
                copy, new = new, self._new(name)
                yield self._now(node.path)
                self.passing.drop(copy)
            yield from self._arrive(name, new)

    def _used_up(self, node: Node) -> list[Hashable]:
        """The gradients that an operator takes, if there are any, or that all parts do at once."""
        parts = self.parts.get(node.path, (node.path,))
        if node.path != parts[0]:
            return []
        arrived = (self.arrived.pop(path, None) for path in parts)
        return [gradient for gradient in arrived if gradient is not None]

    def _graded(self, node: Node) -> Moment:
        """The gradient of its parameters comes to those that are there."""
        self.gradients += 0 if self.accumulated else self._gradient(node)
        # `fully_shard` has its weights in the plain order, and gradients come as the maps are.
        copied = self.shards > 1 and isinstance(node.op, Convolution) and node.op.ordered
        # Before it is added to the one that was there.
        added = BYTES * node.op.parameters if self.accumulated or copied else 0
        return self._differentiated(node, added)

    def _differentiated(self, node: Node, added: int = 0) -> Moment:
        image, batch = self.passing.amount
        types, width = (self.inputs[node.path], node.type), self.widths.of[node.path]
        scratch = width * node.op.scratch(*types) + node.op.scratch_bytes(*types)
        if node.path in self.parts:
            scratch = 0  # No part is without a gradient, in place of which there would be zeros.
        # Gradients have the type of the output and are cast to that of a map at the end, when of
        # the scratch only what is yet to be summed is there.
        cast = [
            (self.types[x].numel, self._taken(x, node))
            for x in self._graded_inputs(node)
            if self._taken(x, node) < width and not self._lent(x, node)
        ]
        after = sum(count * taken for count, taken in cast)
        scratch = max(scratch - after, min(scratch, width * node.type.numel))
        image += width * sum(count for count, _ in cast) + scratch
        passing = Amount(image, batch + self.copies[node.path] + added)
        return self._now(node.path)._replace(passing=passing)

    def _now(self, where: str, gathered: int | None = None) -> Moment:
        if gathered is None:
            gathered = self.gathering.backward if self.gathering else 0
        return Moment(where, self.kept.amount, self.gradients, self.passing.amount, gathered)

    def _turn(self, group: str) -> Iterator[Moment]:
        """Give up the parameters of one block, and gather those of another."""
        gathering = self.gathering
        if gathering is None or gathering.current == group:
            return
        if gathering.current != REST:
            yield from self._exchange()
        if group != REST:
            yield self._now(group, gathering.enter(group))

    def _exchange(self) -> Iterator[Moment]:
        """Gradients of the group whose turn ends, until a shard of them is left."""
        if self.gathering is not None:
            group = self.gathering.current
            yield self._now(group, self.gathering.leave())
            if not self.accumulated:
                self.gradients -= self.gathering.sizes[group] - self.gathering.shard(group)

    def _graded_inputs(self, node: Node) -> list[str]:
        graded = zip(node.inputs, self.graded.inputs(node), strict=True)
        return [name for name, has in graded if has]

    def _gradient(self, node: Node) -> int:
        """Of its parameters; of shards, until its block has had its turn."""
        whole = BYTES * node.op.parameters
        return -(-whole // self.shards) if self.accumulated else whole

    def _taken(self, name: str, node: Node) -> int:
        """Bytes of an element of a map as an operator reads it."""
        return self.widths.copy(name, node) or self.widths.of[name]

    def _dropped_copies(self, node: Node) -> int:
        """Bytes of the copies that autocast makes and the derivative has no need of."""
        copies = self.widths.copies.get(node.path, {}).items()
        if not copies:
            return 0
        needed = {node.inputs[i] for i in self.saved[node.path].inputs}
        return sum(width * self.types[x].numel for x, width in copies if x not in needed)

    def _new(self, name: str, width: int | None = None) -> Hashable:
        """The gradient of a map, or of a copy of it that has another width."""
        gradient = object()
        size = self.sizes[name] if width is None else Amount(width * self.types[name].numel)
        self.passing.hold(gradient, size)
        return gradient

    def _made(self, name: str, node: Node, gradient: Hashable) -> Hashable:
        """The gradient of an input as it is read: a sum hands its own on, a view looks at it."""
        taken = self._taken(name, node)
        if taken == self.widths.of[node.path] and self._lent(name, node):
            self.passing.hold(gradient)
            return gradient
        return self._new(name, taken)

    def _lent(self, name: str, node: Node) -> bool:
        return node.op.lends(node.inputs.index(name), self.types[name], node.type)

    def _arrive(self, name: str, gradient: Hashable) -> Iterator[Moment]:
        """Another part of the gradient of a map."""
        if name not in self.arrived:
            self.arrived[name] = gradient
            return
        old = self.arrived[name]
        if not (self.in_place and self.passing.alone(old)):
            # Something else holds it: the sum is a map of its own.
            self.arrived[name] = self._new(name)
            yield self._now(name)
            self.passing.drop(old)
        self.passing.drop(gradient)


@lru_cache(1 << 12)
def _scopes(scope: str) -> tuple[str, ...]:
    """A scope and all around it."""
    parts = scope.split("/")
    return tuple("/".join(parts[:depth]) for depth in range(len(parts) + 1))


@lru_cache(1 << 12)
def _given(reader: str, maker: str) -> str | None:
    """The outermost scope around that of a reader that is not around that of the maker of a map."""
    around = set(_scopes(maker))
    return next((scope for scope in _scopes(reader) if scope not in around), None)
