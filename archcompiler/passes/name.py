"""The depth in a network's name is its computed depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from archcompiler.analysis.depth import trunk_depth
from archcompiler.diagnostics import Severity
from archcompiler.ir import Graph
from archcompiler.passes.finding import Finding

FAMILIES: Final = {
    **dict.fromkeys(("attention", "attentionnext", "attentioninception"), 0),
    **dict.fromkeys(("resnet", "resnext", "preresnet", "preactresnet", "preact"), 0),
    **dict.fromkeys(("seresnet", "seresnext", "densenet", "vgg"), 0),
    **dict.fromkeys(("wrn", "wideresnet"), 2),
}
"""Words whose number is the layers of a network, and how many more than its path has it counts.

A wide residual network counts its three projections beside the path. What goes before the size of
an image, or names a data set, is not here.
"""
_NAME: Final = re.compile(
    rf"(?:^|_)(?P<family>{'|'.join(sorted(FAMILIES, key=len, reverse=True))})"
    # A letter after the number, as in `resnet50_d`, says that something differs.
    r"(?P<apart>_?)(?P<layers>[0-9]{2,4})(?![0-9x])(?!_?[a-z](?:_|$))"
)


def check_name(graph: Graph) -> Iterator[Finding]:
    """Warn (W301) about a name such as `attention452` on a network that is 398 deep."""
    match = _NAME.search(graph.name)
    if match is None:
        return
    claimed, depth = int(match["layers"]), trunk_depth(graph)
    if match["apart"] and claimed in graph.input.size:
        return
    if claimed != depth + FAMILIES[match["family"]]:
        yield Finding(
            "W301",
            f"the name says {claimed} layers, but the trunk has {depth}",
            (("name",),),
            "",
            notes=("counted: convolutions and the classifier on the longest path past the masks",),
            severity=Severity.WARNING,
        )
