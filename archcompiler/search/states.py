"""What a network is after some of its stages, as far as the next one can tell, and how it goes on.

A stage sees of what is before it the type of the map that it gets, whether that is kept already,
and what strides have gone by. So each of its variants is compiled once for each such state, however
many networks lead there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from archcompiler.analysis.sizes import type_after
from archcompiler.config.located import Located, merge
from archcompiler.diagnostics import CompileError, Span
from archcompiler.ir import Block, TensorType
from archcompiler.ir.strides import stride
from archcompiler.lower.context import Context, EndlessBlocks, TooLarge
from archcompiler.lower.network import MAX_OPERATORS, Parts, dialect
from archcompiler.search.axes import Axis, combined
from archcompiler.search.loading import LoadedSpace
from archcompiler.search.parts import Costs, Measure, Misfit
from archcompiler.spec.bounds import sides_of
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.loader import load_values
from archcompiler.spec.rules import rules_of_all, rules_of_stage, stem_channels

Chosen: TypeAlias = tuple[tuple[Axis, Located], ...]
"""A value for each of some axes."""


class State(NamedTuple):
    """What a stage sees of all that is before it."""

    type: TensorType
    pending: int | None
    """Bytes that are kept as soon as an operator keeps the map; None while it is the image."""
    passed: int = 1
    """Pixels of the input from one position to the next, and"""
    dilation: int = 1
    """what there is in place of strides; both for `output_stride` alone."""
    gradient: bool = False
    """Whether the map has a gradient, which the image has not."""
    positions: bool = False
    """Whether its channels are positions, which nothing may have weights for."""
    others: tuple[TensorType, ...] = ()
    """What the map is for inputs of the sizes that the spec expects to be valid."""


class Move(NamedTuple):
    """From one state to the next by one variant of a stage."""

    chosen: Chosen
    costs: Costs
    after: State


@dataclass
class Walk:
    """Every way through the networks that share what is not of one stage."""

    chosen: Chosen
    """The values that they share."""
    start: State
    layers: list[dict[State, list[Move]]] = field(default_factory=list)
    """For each stage, the moves from each state before it."""
    compiled: int = 0
    """How many specs they are, all of which compile, and"""
    networks: int = 0
    """how many networks: what changes nothing makes no other."""
    misfits: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many others there are, by the code and words of the first error."""
    first: dict[tuple[str, str], tuple[Span | None, str | None]] = field(default_factory=dict)
    """Where such an error was first told, and what would help."""
    steps: int = 0
    """More different steps than these has none of them, and"""
    operators: int = 0
    """no more operators."""


MANY: Final = 5_000
"""Variants after which what was made for them is made anew: it takes 30 kB of each."""


def walks(space: LoadedSpace, tick: Callable[[], None]) -> Iterator[Walk]:
    """All networks of a space, in walks; `tick` is called for each variant of a stage."""
    shared = [axis for axis in space.axes if axis.stage is None]
    known = _Known()
    for values in product(*(axis.choices for axis in shared)):
        yield _Walker(space, tuple(zip(shared, values, strict=True)), known, tick).walk()


class _Walker:
    def __init__(
        self,
        space: LoadedSpace,
        chosen: Chosen,
        known: _Known,
        tick: Callable[[], None],
    ) -> None:
        self.space, self.chosen, self.known, self.tick = space, chosen, known, tick
        self.values = self._laid(())
        stages = self.values.child("stages")
        assert stages is not None
        self.stages = stages
        # What is no list of stages is told of its first.
        self.count = max(1, len(stages.value)) if isinstance(stages.value, list) else 1

    def _laid(self, more: Chosen) -> Located:
        return merge(self.space.values, combined((*self.chosen, *more), self.space.own.text))

    def walk(self) -> Walk:
        base = self.space.base
        walk = Walk(self.chosen, State(base.graph.input, None))
        counts = {walk.start: (1, 1)}
        variants = [list(self._variants(index)) for index in range(self.count)]
        for index, every in enumerate(variants):
            rest = 1
            for later in variants[index + 1 :]:
                rest *= len(later)
            layer: dict[State, list[Move]] = {state: [] for state in counts}
            after: dict[State, tuple[int, int]] = {}
            seen: set[object] = set()
            steps = operators = 0
            for chosen in every:
                loaded = self._alone(index, chosen)
                for state, (specs, networks) in counts.items():
                    try:
                        if isinstance(loaded, Misfit):
                            raise loaded
                        self.known.count += 1
                        made = _Variant(self, loaded, index, state)
                        costs, end = made.run()
                    except Misfit as misfit:
                        reason = misfit.code, misfit.message
                        walk.misfits[reason] += specs * rest
                        walk.first.setdefault(reason, (misfit.span, misfit.help))
                        continue
                    before = after.get(end, (0, 0))
                    twin = (state, end, made.seal) in seen
                    after[end] = before[0] + specs, before[1] + (0 if twin else networks)
                    if twin:
                        continue
                    seen.add((state, end, made.seal))
                    layer[state].append(Move(chosen, costs, end))
                    steps, operators = max(steps, made.steps), max(operators, made.operators)
                self.tick()
            self.known.forget()
            walk.layers.append(layer)
            walk.steps += steps
            walk.operators += operators
            counts = after
        walk.compiled = sum(specs for specs, _ in counts.values())
        walk.networks = sum(networks for _, networks in counts.values())
        return walk

    def _variants(self, index: int) -> Iterator[Chosen]:
        axes = [axis for axis in self.space.axes if axis.stage == index]
        for values in product(*(axis.choices for axis in axes)):
            yield tuple(zip(axes, values, strict=True))

    def _alone(self, index: int, chosen: Chosen) -> LoadedSpec | Misfit:
        """The spec with this variant of a stage for its only one, or why there is none."""
        values = self._laid(chosen)
        stages = values.child("stages")
        if stages is not None and isinstance(stages.value, list) and stages.value:
            alone = Located([stages.value[index]], stages.text, stages.path)
            values = Located({**values.value, "stages": alone}, values.text, values.path)
        source = self.space.base.loaded.source
        try:
            return load_values(values, source, rules=rules_of_all)
        except CompileError as wrong:
            return _misfit(wrong)


class _Known:
    """Blocks that were made, and what they measure."""

    def __init__(self) -> None:
        self.count = 0
        self._made: dict[str, tuple[Context, Measure]] = {}

    def forget(self) -> None:
        """Begin anew, if there is much."""
        if self.count > MANY:
            self.count = 0
            self._made.clear()

    def of(self, loaded: LoadedSpec) -> tuple[Context, Measure]:
        """What was made for the same meaning of words, by other choices as well."""
        spec, blocks = loaded.spec, loaded.values.child("blocks")
        key = repr(
            (len(spec.input), spec.norm, spec.activation, blocks and sorted(blocks.plain().items()))
        )
        if key not in self._made:
            context = Context(dialect(spec, loaded.library), MAX_OPERATORS)
            self._made[key] = context, Measure()
        return self._made[key]


class _Variant:
    """One variant of a stage from one state; the stem goes before the first, the head after the
    last.
    """

    def __init__(self, walker: _Walker, loaded: LoadedSpec, index: int, state: State) -> None:
        self.loaded, self.index, self.state = loaded, index, state
        self.is_last = index == walker.count - 1
        self.context, self.measure = walker.known.of(loaded)
        self.costs = Costs()
        self.operators = self.steps = 0
        self.seal: tuple[int, ...] = ()
        """What it is made of: equal from one state for variants that are the same."""

    def run(self) -> tuple[Costs, State]:
        """What it costs, and where it leads. Raises Misfit."""
        self.context.restart()
        try:
            self._run()
        except TooLarge:
            raise Misfit("E310", "the network is too large") from None
        except EndlessBlocks as endless:
            raise Misfit("E222", endless.message) from None
        except CompileError as wrong:
            raise _misfit(wrong) from None
        self.steps = self.context.named
        return self.costs, self.state

    def _run(self) -> None:
        loaded, state, index = self.loaded, self.state, self.index
        spec = loaded.spec
        (stage,) = spec.stages
        # Of the other stages nothing is read.
        spec = spec.model_copy(update={"stages": (stage,) * (index + 1)})
        parts = Parts(self.context, spec)
        parts.dilations[index - 1] = state.dilation
        passed = state.passed
        channels: int | None = state.type.channels
        if index == 0:
            passed, channels = self._begin(parts), stem_channels(loaded)
        for problem in rules_of_stage(loaded, 0, channels, index + 1):
            raise Misfit(problem.code, problem.message, problem.span, problem.help)
        settled = parts.stride(index, passed)
        self._add(parts.stage(index, self.state.type))
        if spec.output_stride is not None:
            self.state = self.state._replace(
                passed=passed * settled, dilation=parts.dilations[index]
            )
        if self.is_last:
            head = parts.head(self.state.type)
            if head is not None:
                self._add(head)

    def _begin(self, parts: Parts) -> int:
        """The stem; returns what strides it has."""
        spec = self.loaded.spec
        input = TensorType(*spec.input)
        valid = spec.expect.valid if spec.expect is not None else None
        sizes = (sides_of(size, input.dims) for size in valid or ())
        others = tuple(TensorType(input.channels, *size) for size in sizes if size is not None)
        self.state = State(input, None, others=others)
        stem = parts.stem(input)
        if stem is None:
            return 1
        self._add(stem)
        return stride(stem)

    def _add(self, block: Block) -> None:
        state = self.state
        part = self.measure.part(block, state.gradient, state.positions)
        self.operators += block.operator_count
        self.seal += (self.measure.seal(block),)
        if self.operators > MAX_OPERATORS:
            raise Misfit("E310", "the network is too large")
        kept, pending = 0, state.pending
        if part.keeps_input and pending != 0:
            kept = self.measure.image_bytes(block) if pending is None else pending
            pending = 0
        if not part.passes_through:
            pending = part.output_bytes
        others = tuple(found for type in state.others if (found := type_after(block, type)))
        if len(others) < len(state.others):
            raise Misfit("E320", "the network does not take a size that is expected to be valid")
        self.costs = self.costs.plus(part.costs).plus(Costs(memory=kept))
        self.state = state._replace(
            type=block.output_type,
            pending=pending,
            gradient=part.gives_gradient,
            positions=part.gives_positions,
            others=others,
        )


def _misfit(wrong: CompileError) -> Misfit:
    first = wrong.diagnostics[0]
    return Misfit(first.code, first.message, first.span, first.help)
