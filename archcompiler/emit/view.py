"""What the templates print, read off the graph: distinct blocks as classes, stages as lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

from archcompiler.analysis.channels_last import narrow_strided, normed_images
from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.parameters import parameter_count
from archcompiler.backends.backend import Backend
from archcompiler.backends.record import Helper
from archcompiler.emit.body import Bodies
from archcompiler.emit.classes import AXES, ClassPrinter, rounding
from archcompiler.emit.constructor import reads
from archcompiler.emit.inference import InferenceView
from archcompiler.emit.plan import ClassPlan, ClassPlans
from archcompiler.emit.stages import StageView, stages_of
from archcompiler.ir import INPUT, Block, Graph, Step, TensorType
from archcompiler.ir.kinds import ATTENTION, HEAD, STAGE, STEM
from archcompiler.ir.strides import stride
from archcompiler.language.target import Dialect
from archcompiler.language.use import Use
from archcompiler.ops import Operator
from archcompiler.spec.model import Init, Spec
from archcompiler.spec.names import EMITTED, HELPERS, class_name

if TYPE_CHECKING:
    from archcompiler.analysis.recompute import Recomputation
    from archcompiler.emit.kept import RecomputeView

T = TypeVar("T")


class NetworkView:
    """The whole file."""

    def __init__(
        self,
        graph: Graph,
        spec: Spec,
        dialect: Dialect,
        backend: Backend,
        trained: str | None = None,
        plan: Recomputation | None = None,
    ) -> None:
        self.graph, self.spec, self.backend = graph, spec, backend
        self.trained = trained
        """Of a file for inference, the name of the network that is trained."""
        self.recompute = None if plan is None else _recompute_view(graph, plan)
        self.class_name = class_name(spec)
        self.title = spec.title or self.class_name
        self.input, self.depth = graph.input, trunk_depth(graph)
        self.parameters = parameter_count(graph)
        self.plans = ClassPlans(
            graph, EMITTED | HELPERS | {self.class_name, f"{self.class_name}Config"}
        )
        self.bodies = Bodies(self.plans, dialect, backend)
        self.stages = list(stages_of(graph))

    @property
    def dims(self) -> int:
        return self.input.dims

    @property
    def axes(self) -> str:
        return ", ".join(AXES[self.dims])

    def shape(self, channels: object, axes: str) -> str:
        """A shape without the batch in words, for axes in words."""
        return self.backend.frame.shape(channels, axes.split(", "))

    @property
    def memory_format(self) -> str | None:
        """The order of maps with channels last; None of sequences, for which torch has none."""
        if self.plain_images:
            return None
        return {2: "channels_last", 3: "channels_last_3d"}.get(self.dims)

    @cached_property
    def narrow(self) -> bool:
        """Whether a CPU is to train it in the plain order."""
        return self.trained is None and narrow_strided(self.graph)

    @cached_property
    def plain_images(self) -> bool:
        """Whether images are not to have channels last."""
        return normed_images(self.graph)

    @property
    def init(self) -> Init:
        return self.spec.init

    @property
    def convolutions(self) -> str:
        """The modules whose weights start as the spec says."""
        plain = f"nn.Conv{self.dims}d"
        transposed = any(op.kind == "conv_transpose" for op in _operators(self.graph))
        return f"({plain}, nn.ConvTranspose{self.dims}d)" if transposed else plain

    @cached_property
    def classes(self) -> list[str]:
        printer = ClassPrinter(self.bodies)
        return [printer.source(plan, self.bodies.bodies[plan.name]) for plan in self.plans]

    @cached_property
    def helpers(self) -> list[str]:
        """Classes and functions that operators need, each after those that it needs itself."""
        return [helper.source for helper in self._helpers]

    @cached_property
    def helper_imports(self) -> list[str]:
        return sorted({statement for helper in self._helpers for statement in helper.imports})

    @cached_property
    def _helpers(self) -> list[Helper]:
        bodies = self.bodies.bodies.values()
        found = {name: helper for body in bodies for name, helper in body.helpers.items()}
        ordered: dict[str, Helper] = {}

        def add(helper: Helper) -> None:
            for other in helper.needs:
                add(other)
            ordered.setdefault(helper.name, helper)

        for helper in self.backend.frame.helpers(self.dims):
            if any(reads(text, helper.name) for text in self.classes):
                add(helper)
        for name in sorted(found):
            add(found[name])
        return list(ordered.values())

    @cached_property
    def stem(self) -> ClassPlan | None:
        return self._plan(STEM)

    @cached_property
    def head(self) -> ClassPlan | None:
        return self._plan(HEAD)

    @property
    def stem_type(self) -> TensorType:
        return self.graph.root.step("stem").type

    @property
    def head_arguments(self) -> str:
        return "config.num_classes, config.dropout" if self.has_dropout else "config.num_classes"

    @property
    def has_dropout(self) -> bool:
        """Whether the head lets its dropout be changed."""
        if self.head is None or self.trained is not None:
            return False
        return "dropout" in self.head.definition.options

    @property
    def dropout(self) -> float:
        assert self.head is not None
        return float(self.head.uses[0].number("dropout"))

    @property
    def outputs(self) -> str:
        """Shapes of several outputs, in words."""
        outputs = self.spec.head.outputs or {}
        return ", ".join(f"{name} (N, {count})" for name, count in outputs.items())

    @property
    def output_ends(self) -> list[int]:
        """Where, in the logits, each of several outputs but the last ends."""
        return list(accumulate((self.spec.head.outputs or {}).values()))[:-1]

    @property
    def classifiers(self) -> list[tuple[str, str]]:
        """What of the head depends on the number of classes: attributes and their constructors."""
        return [] if self.head is None else self.bodies.bodies[self.head.name].classifiers

    def _plan(self, kind: str) -> ClassPlan | None:
        return next((plan for plan in self.plans if plan.kind == kind), None)

    @cached_property
    def masks(self) -> dict[str, Use]:
        """What attention modules call the blocks that make their masks, and a use of each."""
        found: dict[str, Use] = {}
        for _, block in self.graph.blocks():
            if block.kind == ATTENTION:
                for step in block.steps:
                    found |= dict(_mask_inputs(block, step))
        return found

    @cached_property
    def mask_plans(self) -> list[ClassPlan]:
        """Classes of masks."""
        masks = [use for _, block in self.graph.blocks() for use in _masks_of(block)]
        plans = (self.plans.find(use) for use in masks)
        return list({plan.name: plan for plan in plans if plan is not None}.values())

    @property
    def mask_test(self) -> str:
        """What tells a mask from other modules."""
        names = [plan.name for plan in self.mask_plans]
        classes = names[0] if len(names) == 1 else f"({', '.join(names)})"
        test = f"isinstance(module, {classes})"
        uses = [use for plan in self.mask_plans for use in plan.uses]
        masks = {id(use) for _, block in self.graph.blocks() for use in _masks_of(block)}
        if any(id(use) not in masks for use in uses):
            steps = " or ".join(f'name.endswith(".{name}")' for name in sorted(self.masks))
            test += f" and ({steps})" if len(self.masks) > 1 else f" and {steps}"
        return test

    @property
    def inference(self) -> InferenceView:
        """What layers have taken in."""
        return InferenceView(self.bodies)

    @property
    def transposed(self) -> bool:
        """Whether there are convolutions whose weights go from the channels in."""
        return any(op.kind == "conv_transpose" for op in _operators(self.graph))

    @property
    def norms(self) -> bool:
        """Whether there are running statistics."""
        return any(op.buffers for op in _operators(self.graph))

    @property
    def relus(self) -> bool:
        return any(op.kind == "relu" for op in _operators(self.graph))

    @property
    def copying_norms(self) -> bool:
        """Whether there are norms that keep a copy of a map in another order than theirs."""
        return any(op.kind in ("spatial_norm", "group_norm") for op in _operators(self.graph))

    @property
    def max_pools(self) -> bool:
        return any(op.kind == "max_pool" for op in _operators(self.graph))

    @property
    def feature_info(self) -> dict[str, dict[str, int]]:
        """Channels and stride of what each stage returns; the stride is that of the last axis."""
        passed, found = 1, {}
        for step in self.graph.root.steps:
            assert isinstance(step.body, Block)
            passed *= stride(step.body)
            if step.body.kind == STAGE:
                found[step.name] = {"channels": step.type.channels, "stride": passed}
        return found

    @property
    def attentions(self) -> bool:
        return any(stage.attention is not None for stage in self.stages)

    @property
    def has_rows(self) -> bool:
        return any(f"{self.backend.frame.row}(" in text for text in self.classes) or self.has_units

    @property
    def has_units(self) -> bool:
        return any(stage.unit is not None for stage in self.stages)

    @property
    def grows(self) -> bool:
        return any(stage.grow for stage in self.spec.stages)

    @cached_property
    def stage_unit(self) -> str | None:
        """What makes the units of all stages that have plain units, or None if they differ."""
        return _only(self._factory(stage.unit) for stage in self.stages if stage.unit)

    @cached_property
    def usual_unit(self) -> str:
        """What makes the units of most stages; no call, so that it can be a default."""
        factories = [self._factory(stage.unit) for stage in self.stages if stage.unit]
        usual = max(factories, key=factories.count)
        return "None" if "(" in usual else usual

    @cached_property
    def stage_attention(self) -> ClassPlan | None:
        """The attention module of all stages that have one, or None if they differ."""
        plans = (self.plans.find(stage.attention) for stage in self.stages if stage.attention)
        return _only(plans)

    @property
    def stages_differ_in_unit(self) -> bool:
        """Whether a stage takes its unit as an argument."""
        return self.has_units and self.stage_unit is None

    @property
    def stages_differ_in_attention(self) -> bool:
        return self.attentions and self.stage_attention is None

    @property
    def has_before(self) -> bool:
        return any(stage.before for stage in self.stages)

    @property
    def has_after(self) -> bool:
        return any(stage.after for stage in self.stages)

    @property
    def rounding(self) -> str:
        """How stages make sizes that their strides do not divide, in words."""
        return rounding((stage.block, stage.stride) for stage in self.stages)

    @cached_property
    def attention_defaults(self) -> dict[str, Any]:
        """Defaults of the stage's arguments for its attention modules: those of the first."""
        plan = self.stage_attention
        return {} if plan is None else self.bodies.used(plan)

    def _factory(self, unit: Use) -> str:
        plan = self.plans.find(unit)
        assert plan is not None
        return self.bodies.factory(plan, unit)

    def stage_arguments(self, stage: StageView) -> str:
        """Arguments of one `Stage(…)`: the shape always, the rest where it is not the default."""
        arguments = [str(stage.block.input.channels), str(stage.output.channels)]

        def add(name: str, value: object, default: object = None) -> None:
            if value != default:
                arguments.append(f"{name}={value}")

        add("stride", stage.stride, 1)
        if self.has_before:
            add("before", stage.before, 1)
        add("modules", stage.modules, 0)
        add("after", stage.after, 0)
        if self.grows:
            add("grow", self.spec.stages[self.stages.index(stage)].grow, False)
        if self.stages_differ_in_unit and stage.unit is not None:
            add("unit", self._factory(stage.unit), self.usual_unit)
        if stage.attention is not None:
            plan = self.plans.find(stage.attention)
            assert plan is not None
            values = {name: stage.attention.number(name) for name in self.bodies.used(plan)}
            if self.stages_differ_in_attention:
                given = "".join(f", {name}={value}" for name, value in values.items())
                add("attention", f"partial({plan.name}{given})" if given else plan.name)
            else:
                for name, value in values.items():
                    add(name, value, self.attention_defaults[name])
        return ", ".join(arguments)

    @property
    def uses_partial(self) -> bool:
        """Whether a class is handed on with changed options."""
        lines = [self.stage_arguments(stage) for stage in self.stages]
        return any("partial(" in text for text in [*self.classes, *lines, self.stage_unit or ""])


def _recompute_view(graph: Graph, plan: Recomputation) -> RecomputeView:
    # Most files have no plan.
    from archcompiler.emit.kept import RecomputeView

    return RecomputeView(graph, plan)


def _masks_of(block: Block) -> Iterator[Use]:
    """What makes the masks of an attention module; nothing for another block."""
    if block.kind == ATTENTION:
        for step in block.steps:
            yield from (use for _, use in _mask_inputs(block, step))


def _mask_inputs(block: Block, step: Step) -> Iterator[tuple[str, Use]]:
    """Blocks that a step, if it is a gate, takes as the mask."""
    if isinstance(step.body, Block):
        return
    for name, role in zip(step.inputs, step.body.roles(len(step.inputs)), strict=True):
        if role == "mask" and name != INPUT:
            body = block.step(name).body
            if isinstance(body, Block) and isinstance(body.use, Use):
                yield name, body.use


def _operators(graph: Graph) -> Iterator[Operator]:
    for _, block in graph.blocks():
        for step in block.steps:
            if not isinstance(step.body, Block):
                yield step.body


def _only(values: Iterable[T]) -> T | None:
    """The one value that all of these are, or None."""
    distinct = list(values)
    return distinct[0] if distinct and all(v == distinct[0] for v in distinct) else None
