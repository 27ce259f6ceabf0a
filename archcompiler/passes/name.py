"""The depth in a network's name is its computed depth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archcompiler.analysis.depth import trunk_depth
from archcompiler.diagnostics import Severity
from archcompiler.ir import Graph
from archcompiler.passes.finding import Finding


def check_name(graph: Graph) -> Iterator[Finding]:
    """Warn (W301) about a name such as `attention452` on a network that is 398 deep."""
    match = re.search(r"(?<![0-9])[0-9]{2,4}(?![0-9x])", graph.name)
    if match is None:
        return
    claimed, depth = int(match.group()), trunk_depth(graph)
    if claimed != depth:
        yield Finding(
            "W301",
            f"the name says {claimed} layers, but the trunk has {depth}",
            (("name",),),
            "",
            notes=("counted: convolutions and the classifier on the longest path past the masks",),
            severity=Severity.WARNING,
        )
