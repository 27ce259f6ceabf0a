"""ResNeXt unit, the unit of AttentionNeXt: a post-activation bottleneck with grouped 3×3.

The graph and the printed class are the bottleneck's; only the defaults and the name differ.
"""

from archcompiler.units.base import UnitType
from archcompiler.units.bottleneck import UNIT as BOTTLENECK
from archcompiler.units.bottleneck.lower import lower
from archcompiler.units.resnext.spec import ResNeXtSpec

UNIT = UnitType(
    name="resnext",
    class_name="ResNeXtUnit",
    spec=ResNeXtSpec,
    lower=lower,
    template=BOTTLENECK.template,
    preactivation=False,
)
