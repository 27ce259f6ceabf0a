"""The registry of unit types. Built-in and outside ones come through the same entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from archcompiler.units.base import UnitSpec, UnitType

__all__ = ["UnitSpec", "UnitType", "unit_type", "unit_types"]


@cache
def unit_types() -> dict[str, UnitType]:
    """Every registered unit type by name, in alphabetical order.

    Raises RuntimeError, naming the package, if an entry point is not a unit type, its name is
    not the one it is registered under, or it shares a name or a class with another; and if there
    is none, as in a checkout that is not installed.
    """
    found: dict[str, UnitType] = {}
    for point in sorted(entry_points(group=UnitType.GROUP), key=lambda p: (p.name, p.value)):
        unit = point.load()
        if not isinstance(unit, UnitType):
            raise RuntimeError(f"entry point {point.name} = {point.value} is no UnitType")
        if unit.name != point.name:
            raise RuntimeError(f"entry point {point.name} loads a unit type named {unit.name}")
        if unit.name in found and found[unit.name] is not unit:
            raise RuntimeError(f"two packages register the unit type {unit.name}")
        for other in found.values():
            if other.class_name == unit.class_name and other is not unit:
                raise RuntimeError(f"{unit.name} and {other.name} are both {unit.class_name}")
        found[unit.name] = unit
    if not found:
        raise RuntimeError("no unit type is registered: install archcompiler with pip")
    return found


def unit_type(name: str) -> UnitType:
    """The unit type registered as `name`. Raises KeyError."""
    return unit_types()[name]
