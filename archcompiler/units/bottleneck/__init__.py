"""Post-activation bottleneck residual unit, the unit of ResNet-50."""

from pathlib import Path

from archcompiler.units.base import UnitType
from archcompiler.units.bottleneck.lower import lower
from archcompiler.units.bottleneck.spec import BottleneckSpec

UNIT = UnitType(
    name="bottleneck",
    class_name="Bottleneck",
    spec=BottleneckSpec,
    lower=lower,
    template=Path(__file__).with_name("template.jinja"),
    preactivation=False,
)
