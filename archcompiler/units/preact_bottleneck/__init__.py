"""Pre-activation bottleneck residual unit, the unit of Attention-56 and -92."""

from pathlib import Path

from archcompiler.units.base import UnitType
from archcompiler.units.preact_bottleneck.lower import lower
from archcompiler.units.preact_bottleneck.spec import PreActBottleneckSpec

UNIT = UnitType(
    name="preact_bottleneck",
    class_name="PreActBottleneck",
    spec=PreActBottleneckSpec,
    lower=lower,
    template=Path(__file__).with_name("template.jinja"),
    preactivation=True,
)
