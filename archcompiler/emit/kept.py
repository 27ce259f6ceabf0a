"""What an emitted file says of a plan: for each block the names of what it keeps, in patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import combinations
from textwrap import wrap

from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.recompute import READ, Recomputation, names_of_maps
from archcompiler.ir import Graph


class RecomputeView:
    """What the templates print of a plan."""

    def __init__(self, graph: Graph, plan: Recomputation) -> None:
        self.plan = plan
        cost = network_cost(graph)
        self.usual, self.macs = cost.saved_image_bytes, cost.macs
        names, every = names_of_maps(graph), names_of_maps(graph, every=True)
        last = graph.root.steps[-1].name
        self.blocks: Mapping[str, list[str]] = {
            path.replace("/", "."): _patterns(path, names, every, plan, ends=path == last)
            for path in plan.blocks
        }

    @property
    def words(self) -> str:
        """How much it keeps, and how much it does again."""
        share = f"{self.plan.macs / self.macs:.1%}" if self.plan.macs else "none"
        text = (
            'Of a name that begins with ">" it is the input; `*` is any part, and "" the block '
            "itself. Autograd keeps "
            f"{self.plan.image_bytes / 1e6:,.1f} MB of an image in place of "
            f"{self.usual / 1e6:,.1f}, and {share} of the multiply-accumulates of a forward pass "
            f"{'are' if self.plan.macs else 'is'} done again."
        )
        return "\n".join(wrap(text, 88, break_on_hyphens=False))


def _patterns(
    block: str,
    names: Mapping[str, str],
    every: Mapping[str, str],
    plan: Recomputation,
    *,
    ends: bool,
) -> list[str]:
    """Patterns for the names, seen from a block, of what it keeps.

    A block that `ends` a network keeps its output, which outlives the backward pass.
    """
    maps: dict[str, set[str]] = {}
    for name, operator in _inside(block, names):
        if plan.maps[operator] == "kept" and name != READ and _is_below(operator, block):
            maps.setdefault(operator, set()).add(name)
    again = {name for name, operator in _inside(block, every) if plan.maps[operator] == "again"}
    found = few_patterns(list(maps.values()), again)
    return found if not ends or "" in found else ["", *found]


def _inside(block: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names as seen from a block, and the operators that make what they stand for."""
    for path, operator in names.items():
        reads, inner = path.startswith(READ), path.removeprefix(READ)
        if _is_below(inner, block) or inner == block:
            yield READ * reads + inner[len(block) + 1 :].replace("/", "."), operator


def _is_below(operator: str, block: str) -> bool:
    return operator.startswith(f"{block}/")


def few_patterns(maps: list[set[str]], others: set[str]) -> list[str]:
    """Patterns that match a name of each of these maps, and none of the `others`."""
    found = []
    left = maps
    while left:
        forms = {form for names in left for name in names for form in _forms(name)}
        best = max(
            (form for form in forms if not _match(form, others)),
            key=lambda form: (sum(_match(form, names) for names in left), -len(form), form),
        )
        found.append(best)
        left = [names for names in left if not _match(best, names)]
    return sorted(found)


def _match(pattern: str, names: set[str]) -> bool:
    reads = pattern.startswith(READ)
    return any(name.startswith(READ) is reads and fnmatchcase(name, pattern) for name in names)


def _forms(name: str) -> Iterator[str]:
    """A name, and patterns of it: any digits, any part in front or behind."""
    yield name
    reads = READ * name.startswith(READ)
    parts = name.removeprefix(READ).split(".")
    for start, end in combinations(range(len(parts) + 1), 2):
        inner = ".".join(parts[start:end])
        for form in (inner, re.sub(r"\d", "?", inner)):
            yield f"{reads}{'*.' if start else ''}{form}{'.*' if end < len(parts) else ''}"
