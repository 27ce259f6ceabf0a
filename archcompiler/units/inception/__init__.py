"""Inception unit, the unit of AttentionInception."""

from pathlib import Path

from archcompiler.units.base import UnitType
from archcompiler.units.inception.lower import lower
from archcompiler.units.inception.spec import InceptionSpec

UNIT = UnitType(
    name="inception",
    class_name="InceptionUnit",
    spec=InceptionSpec,
    lower=lower,
    template=Path(__file__).with_name("template.jinja"),
    preactivation=False,
)
