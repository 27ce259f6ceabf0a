"""Lowering of a whole network: stem, stages, head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archcompiler.builder import BlockBuilder
from archcompiler.config.path import SpecPath
from archcompiler.diagnostics import CompileError, error
from archcompiler.ir import Block, Graph, Problem, TensorType
from archcompiler.ir.kinds import ATTENTION, HEAD, NETWORK, STAGE, STEM, UNIT
from archcompiler.ir.strides import stride
from archcompiler.language.definition import NONE, Definition
from archcompiler.language.library import Home, Library
from archcompiler.language.target import BlockTarget, Dialect
from archcompiler.language.use import Reference, bind, reference
from archcompiler.lower.context import Context, EndlessBlocks, TooLarge
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.model import Reference as Written
from archcompiler.spec.model import Spec, Stage

MAX_OPERATORS = 5_000_000
"""More operators than this are refused before they are made."""

NORMS = {"batch": "batch_norm", "group": "group_norm", "layer": "layer_norm", NONE: NONE}
"""What `norm.type` says, and the operator that it means."""


def lower(
    loaded: LoadedSpec, size: tuple[int, ...] | None = None, max_operators: int = MAX_OPERATORS
) -> Graph:
    """The graph of a spec at its own input size, or at another (H, W).

    Raises CompileError E310 if the network has more than `max_operators` operators, or a spec of
    few lines asks for rows that are too long.
    """
    spec = loaded.spec
    channels, *own_size = spec.input
    input = TensorType(channels, *(size or own_size))
    context = Context(dialect(spec, loaded.library), max_operators)
    try:
        root = Parts(context, spec).network(input)
        if root.operator_count > max_operators:
            raise TooLarge("operators", root.operator_count, max_operators, ("stages",))
    except TooLarge as refused:
        origins = refused.origins
        written = (span for origin in origins if (span := loaded.written(origin)) is not None)
        raise CompileError(
            error(
                "E310",
                "the network is too large",
                next(written, None) or loaded.span(origins[0]),
                notes=(
                    f"up to here it has {refused.wanted:,} {refused.what}; "
                    f"the bound is {refused.bound:,}",
                ),
            )
        ) from None
    except EndlessBlocks as endless:
        span = loaded.span(endless.origin)
        help = "a call of a block by itself needs a `when` that does not hold at last"
        raise CompileError(error("E222", endless.message, span, help=help)) from None
    return Graph(spec.name, root)


def dialect(spec: Spec, library: Library) -> Dialect:
    """What the words of a block mean in this network."""
    norm = spec.norm
    return Dialect(
        library,
        len(spec.input) - 1,
        Reference(NORMS.get(norm.type, norm.type), norm.model_extra or {}, ("norm",)),
        _reference(spec.activation, ("activation",)),
    )


def _reference(written: Written, origin: SpecPath) -> Reference:
    return Reference(written.type, written.model_extra or {}, origin)


class Parts:
    """The parts of one spec on their way to scopes, together or each by itself."""

    def __init__(self, context: Context, spec: Spec) -> None:
        self.context, self.spec = context, spec
        self.library = context.dialect.library
        self.dilations = [1] * len(spec.stages)
        """What stages have in place of strides, for `output_stride`."""

    def network(self, input: TensorType) -> Block:
        """All of them, one after the other."""
        block = BlockBuilder(NETWORK, input)
        x = block.x
        stem = self.stem(input)
        if stem is not None:
            x = block.add("stem", stem, x)
        passed = stride(block.build(x))
        for index in range(len(self.spec.stages)):
            passed *= self.stride(index, passed)
            x = block.add(f"stage{index + 1}", self.stage(index, x.type), x)
        head = self.head(x.type)
        if head is not None:
            x = block.add("head", head, x)
        return block.build(x)

    def stride(self, index: int, passed: int) -> int:
        """Stride of a stage after others that have `passed`: 1 where its units are dilated."""
        wanted, bound = self.spec.stages[index].stride, self.spec.output_stride
        before = self.dilations[index - 1] if index else 1
        if bound is None or passed * wanted <= bound:
            self.dilations[index] = before
            return wanted
        self.dilations[index] = before * wanted
        return 1

    def stem(self, input: TensorType) -> Block | None:
        """What comes before the stages; None for a spec without."""
        stem = self.spec.stem
        if stem.type == NONE:
            return None
        definition = self._find(stem.type, "stems")
        use = bind(
            definition,
            STEM,
            _reference(stem, ("stem",)),
            {"unit": self._order(0)[0]},
            library=self.library,
            cin=input.channels,
            c=stem.channels or definition.channels or input.channels,
            stride=stem.stride or definition.stride or 1,
            origin=("stem",),
        )
        return self.context.block(use, input)

    def head(self, input: TensorType) -> Block | None:
        """What comes after the stages; None for a spec without."""
        head = self.spec.head
        if head.type == NONE:
            return None
        last = len(self.spec.stages) - 1
        use = bind(
            self._find(head.type, "heads"),
            HEAD,
            _reference(head, ("head",)),
            {"unit": self._order(last)[-1]},
            library=self.library,
            cin=input.channels,
            c=input.channels,
            classes=self.spec.classes,
            origin=("head",),
        )
        return self.context.block(use, input)

    def stage(self, index: int, input: TensorType) -> Block:
        """One stage, with the stride that was settled for it."""
        stage = self.spec.stages[index]
        origin: SpecPath = ("stages", index)
        block = BlockBuilder(STAGE, input, origin=origin)
        unit = self._unit(index)
        call = self._call(unit, 1 if self.dilations[index] > 1 else stage.stride)
        x = block.x

        def row(count: int, key: str, call: BlockTarget, channels: list[int]) -> Block:
            return self.context.row(
                call, x.type, channels, origin=unit.origin, count_origins=((*origin, key),)
            )

        more = "before" if stage.before >= stage.after else "after"
        self.context.enter(stage.before + stage.after, (*origin, more))
        widths = _widths(stage, input.channels)
        if widths is None:
            message = (
                f"from {input.channels} to {stage.channels} channels is no equal step "
                f"for {stage.before} units"
            )
            block.problem(Problem("E307", message, ((*origin, "channels"),)))
            widths = [stage.channels] * stage.before
        x = block.add("before", row(stage.before, "before", call, widths), x)
        if stage.modules:
            attention = self.context.block(self._attention(stage, index, x.type), x.type)
            modules = (*origin, "modules")
            x = self.context.repeat(block, "attention", stage.modules, attention, x, modules)
        if stage.after:
            again = self._call(unit, 1)
            x = block.add(
                "after", row(stage.after, "after", again, [stage.channels] * stage.after), x
            )
        return block.build(x)

    def _attention(self, stage: Stage, index: int, input: TensorType) -> Any:
        offered: dict[str, Any] = {"trunk": self._unit(index)}
        if stage.depth is not None:
            offered["depth"] = stage.depth
        origin = ("stages", index, "attention")
        return bind(
            self._find(stage.attention.type, "modules"),
            ATTENTION,
            _reference(stage.attention, origin),
            offered,
            library=self.library,
            cin=input.channels,
            c=input.channels,
            origin=origin,
        )

    def _call(self, unit: Reference, stride: int) -> BlockTarget:
        return BlockTarget(self._find(unit.type, "blocks"), unit, UNIT, {}, None, stride)

    def _unit(self, index: int) -> Reference:
        """Unit type of the plain units of a stage."""
        own = self.spec.stages[index].unit
        unit = _reference(self.spec.unit, ("unit",))
        if own is not None:
            unit = _reference(own, ("stages", index, "unit"))
        dilation = self.dilations[index]
        if dilation == 1:
            return unit
        return Reference(unit.type, {"dilation": dilation, **unit.options}, unit.origin)

    def _order(self, index: int) -> list[Reference]:
        """Unit types of a stage's trunk in the order of the forward pass."""
        stage, unit = self.spec.stages[index], self._unit(index)
        order = [unit] if stage.before else []
        if stage.modules:
            trunk: Mapping[str, Any] | str | None = (stage.attention.model_extra or {}).get("trunk")
            order.append(
                unit if trunk is None else reference(trunk, ("stages", index, "attention", "trunk"))
            )
        if stage.after:
            order.append(unit)
        return order or [unit]

    def _find(self, name: str, home: Home) -> Definition:
        definition = self.library.find(name, home)
        assert definition is not None, "references are checked before"
        return definition


def _widths(stage: Stage, channels: int) -> list[int] | None:
    """Output channels of the units before the attention modules; None if they do not come out."""
    if not stage.grow or not stage.before:
        return [stage.channels] * stage.before
    wider = stage.channels - channels
    if wider % stage.before:
        return None
    return [channels + wider * i // stage.before for i in range(1, stage.before + 1)]
