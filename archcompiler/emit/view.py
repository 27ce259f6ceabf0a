"""What the templates print: the graph's distinct scopes as classes, its stages as lines.

Everything here is read off the blocks of the graph. Templates only print.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from archcompiler.analysis.depth import trunk_depth
from archcompiler.analysis.parameters import parameter_count
from archcompiler.blocks import (
    ATTENTION,
    HEAD,
    STAGE,
    STEM,
    UNIT,
    AttentionConfig,
    HeadConfig,
    MaskConfig,
    StageConfig,
    StemConfig,
    UnitConfig,
)
from archcompiler.ir import Block, Graph, TensorType
from archcompiler.ops import MaxPool
from archcompiler.spec.model import Init, Norm, Spec
from archcompiler.spec.names import class_name
from archcompiler.units import UnitSpec, UnitType, unit_type

C = TypeVar("C")


@dataclass(frozen=True)
class UnitClass:
    """One emitted unit class. Its options are arguments, with the first use as their defaults."""

    type: UnitType
    defaults: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.type.class_name

    @property
    def summary(self) -> str:
        """First line of the unit module's docstring, without its full stop."""
        return (self.type.spec.__doc__ or self.name).strip().splitlines()[0].rstrip(".")

    @property
    def signature(self) -> str:
        fixed = ["self", "in_channels: int", "channels: int", "stride: int = 1"]
        options = [f"{k}: {type(v).__name__} = {v!r}" for k, v in self.defaults.items()]
        return ", ".join(fixed + options)


@dataclass(frozen=True)
class UnitUse:
    """A unit class with the options of one place."""

    unit: UnitClass
    options: Mapping[str, Any]

    @cached_property
    def arguments(self) -> str:
        """Keyword arguments for the options that differ from the class's defaults."""
        changed = {k: v for k, v in self.options.items() if v != self.unit.defaults[k]}
        return ", ".join(f"{key}={value!r}" for key, value in changed.items())

    @property
    def factory(self) -> str:
        """An expression to call with in_channels, channels and, if not 1, the stride."""
        if self.arguments:
            return f"partial({self.unit.name}, {self.arguments})"
        return self.unit.name

    def call(self, *arguments: str) -> str:
        extra = [self.arguments] if self.arguments else []
        return f"{self.unit.name}({', '.join([*arguments, *extra])})"


@dataclass(frozen=True)
class MaskClass:
    """One emitted mask branch and, if it resamples, its hourglass."""

    prefix: str
    config: MaskConfig
    unit: UnitUse

    @property
    def name(self) -> str:
        return f"{self.prefix}MaskBranch"

    @property
    def hourglass(self) -> str:
        return f"{self.prefix}Hourglass"

    @property
    def pool(self) -> str:
        return pool_arguments(self.config.pool)

    @property
    def interpolation(self) -> str:
        mode = self.config.interpolation.mode
        if mode == "nearest":
            return 'mode="nearest"'
        return f'mode="{mode}", align_corners={self.config.interpolation.align_corners}'


@dataclass(frozen=True)
class AttentionClass:
    """One emitted attention module: every stage whose modules differ only in numbers shares it."""

    prefix: str
    config: AttentionConfig
    trunk: UnitUse
    mask: MaskClass

    @property
    def name(self) -> str:
        return f"{self.prefix}AttentionModule"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Arguments of the constructor after the channels."""
        if self.config.mask.structure == "local":
            return ("p", "t", "mask_units")
        return ("p", "t", "r", "depth")


def attention_arguments(config: AttentionConfig) -> dict[str, int]:
    """Values for `AttentionClass.parameters`."""
    if config.mask.structure == "local":
        return {"p": config.p, "t": config.t, "mask_units": config.mask.units}
    return {"p": config.p, "t": config.t, "r": config.mask.r, "depth": config.mask.depth}


@dataclass(frozen=True)
class StageView:
    """One stage: a line of the network's constructor."""

    name: str
    config: StageConfig
    unit: UnitUse | None
    """None where all units are inside attention modules."""
    attention: AttentionClass | None
    output: TensorType


class NetworkView:
    """The whole file."""

    def __init__(self, graph: Graph) -> None:
        root = graph.root
        assert isinstance(root.config, Spec)
        self.graph = graph
        self.spec = root.config
        self.class_name = class_name(self.spec)
        self.title = self.spec.title or self.class_name
        self.input, self.depth = graph.input, trunk_depth(graph)
        self.parameters = parameter_count(graph)
        self.stem_output = root.step("stem").type
        self.stem = _config(root.step("stem").body, STEM, StemConfig)
        self.head = _config(root.step("head").body, HEAD, HeadConfig)
        self.units = {u.name: u for u in self._unit_classes()}
        self.attentions = self._attention_classes()
        self.stages = list(self._stages())

    @property
    def stem_pool(self) -> str:
        stem = self.graph.root.step("stem").body
        assert isinstance(stem, Block)
        pool = stem.step("pool").body
        assert isinstance(pool, MaxPool)
        return pool_arguments(pool)

    @property
    def mask_classes(self) -> str:
        """The mask classes as isinstance takes them."""
        names = [attention.mask.name for attention in self.attentions.values()]
        return names[0] if len(names) == 1 else f"({', '.join(names)})"

    @property
    def norm(self) -> Norm:
        return self.spec.norm

    @property
    def init(self) -> Init:
        return self.spec.init

    @cached_property
    def stage_unit(self) -> UnitUse | None:
        """The unit of all stages that have plain units, or None if they differ or none has."""
        return _only(self.stage_units)

    @cached_property
    def stage_units(self) -> list[UnitUse]:
        """The units of the stages that have plain units."""
        return [stage.unit for stage in self.stages if stage.unit]

    @cached_property
    def stage_attention(self) -> AttentionClass | None:
        """The attention module of all stages that have one, or None if they differ."""
        return _only(stage.attention for stage in self.stages if stage.attention)

    @property
    def stages_differ_in_unit(self) -> bool:
        """Whether a stage takes its unit as an argument."""
        return bool(self.stage_units) and self.stage_unit is None

    @property
    def stages_differ_in_attention(self) -> bool:
        return bool(self.attentions) and self.stage_attention is None

    @property
    def has_before(self) -> bool:
        return any(stage.config.before for stage in self.stages)

    @property
    def has_after(self) -> bool:
        return any(stage.config.after for stage in self.stages)

    @cached_property
    def attention_defaults(self) -> dict[str, int]:
        """Defaults of the stage's arguments for its attention modules: those of the first."""
        if self.stage_attention is None:
            return {}
        return attention_arguments(self.stage_attention.config)

    def stage_arguments(self, stage: StageView) -> str:
        """Arguments of one `Stage(…)`: the shape always, the rest where it is not the default."""
        config = stage.config
        arguments = [str(config.in_channels), str(config.channels)]

        def add(name: str, value: object, default: object = None) -> None:
            if value != default:
                arguments.append(f"{name}={value}")

        add("stride", config.stride, 1)
        if self.has_before:
            add("before", config.before, 1)
        add("modules", config.modules, 0)
        add("after", config.after, 0)
        if self.stages_differ_in_unit and stage.unit and stage.unit != self.stage_units[0]:
            add("unit", stage.unit.factory)
        if stage.attention is not None and config.attention is not None:
            values = attention_arguments(config.attention)
            if self.stages_differ_in_attention:
                given = ", ".join(f"{name}={value}" for name, value in values.items())
                add("attention", f"partial({stage.attention.name}, {given})")
            else:
                for name, value in values.items():
                    add(name, value, self.attention_defaults[name])
        return ", ".join(arguments)

    @property
    def uses_torch(self) -> bool:
        """Whether an attention module calls a function of the `torch` namespace itself."""
        return any(
            a.config.learning == "residual" or a.config.mask.activation != "channel"
            for a in self.attentions.values()
        )

    @property
    def uses_partial(self) -> bool:
        """Whether a unit is handed on with changed options."""
        handed_on = [a.trunk for a in self.attentions.values()]
        handed_on += [a.mask.unit for a in self.attentions.values()]
        handed_on += self.stage_units
        return self.stages_differ_in_attention or any(use.arguments for use in handed_on)

    def _unit_classes(self) -> Iterator[UnitClass]:
        seen = set()
        for _, block in self.graph.blocks():
            if block.kind == UNIT:
                assert isinstance(block.config, UnitConfig)
                unit = block.config.unit
                if unit.type not in seen:
                    seen.add(unit.type)
                    yield UnitClass(unit_type(unit.type), unit.options())

    def _use(self, unit: UnitSpec) -> UnitUse:
        return UnitUse(self.units[unit_type(unit.type).class_name], unit.options())

    def _attention_classes(self) -> dict[object, AttentionClass]:
        """Distinct attention modules, keyed by what no constructor argument can change."""
        configs: dict[object, AttentionConfig] = {}
        for _, block in self.graph.blocks():
            if block.kind == ATTENTION:
                assert isinstance(block.config, AttentionConfig)
                configs.setdefault(_traits(block.config), block.config)
        prefixes = _prefixes(list(configs.values()))
        return {
            key: AttentionClass(
                prefix,
                config,
                self._use(config.trunk),
                MaskClass(prefix, config.mask, self._use(config.mask.unit)),
            )
            for prefix, (key, config) in zip(prefixes, configs.items(), strict=True)
        }

    def _stages(self) -> Iterator[StageView]:
        for step in self.graph.root.steps:
            if isinstance(step.body, Block) and step.body.kind == STAGE:
                config = _config(step.body, STAGE, StageConfig)
                attention = None
                if config.attention is not None:
                    attention = self.attentions[_traits(config.attention)]
                # The unit type of a stage without plain units has perhaps no class to use.
                unit = self._use(config.unit) if config.before or config.after else None
                yield StageView(step.name, config, unit, attention, step.type)


def pool_arguments(pool: MaxPool) -> str:
    """Arguments of torch's max pooling, without those at their defaults."""
    arguments = [str(pool.kernel), str(pool.stride)]
    if pool.padding:
        arguments.append(f"padding={pool.padding}")
    if pool.ceil:
        arguments.append("ceil_mode=True")
    return ", ".join(arguments)


def _config(body: object, kind: str, cls: type[C]) -> C:
    assert isinstance(body, Block)
    assert body.kind == kind
    assert isinstance(body.config, cls)
    return body.config


T = TypeVar("T")


def _only(values: Iterable[T]) -> T | None:
    """The one value that all of these are, or None."""
    distinct = list(values)
    return distinct[0] if distinct and all(v == distinct[0] for v in distinct) else None


def _traits(config: AttentionConfig) -> tuple[object, ...]:
    mask = config.mask
    return (
        config.trunk,
        config.learning,
        mask.unit,
        mask.structure,
        mask.activation,
        mask.norm,
        mask.pool if mask.structure == "encoder_decoder" else None,
        mask.interpolation if mask.structure == "encoder_decoder" else None,
    )


def _prefixes(configs: list[AttentionConfig]) -> list[str]:
    """Names for the classes: none for one alone, else what is special about each, else numbers."""
    if len(configs) == 1:
        return [""]
    names = []
    for config in configs:
        mask = config.mask
        words = [
            mask.activation,
            "naive" if config.learning == "naive" else "",
            "local" if mask.structure == "local" else "",
        ]
        names.append("".join(word.capitalize() for word in words))
    # Two that differ in what has no word here, such as their pooling, are told apart by a number.
    return [
        name if names.index(name) == i else f"{name}{names[: i + 1].count(name)}"
        for i, name in enumerate(names)
    ]
