"""Units of a network's own: runs of one structure that come again, as one block of sizes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from archcompiler.foreign.decompile.expressing import Use, agreed, condition
from archcompiler.foreign.decompile.found import LARGEST, LONGEST, Finder, stride_of
from archcompiler.foreign.decompile.layout import Table
from archcompiler.foreign.decompile.parts import with_parts_together
from archcompiler.foreign.decompile.rows import Run
from archcompiler.foreign.decompile.saying import said
from archcompiler.foreign.decompile.steps import Item, as_steps
from archcompiler.foreign.decompile.variants import Cut, Plan, Structures

_STEP: Final = 45
"""Characters of a step, about."""
_STAGE: Final = 55
"""Characters of a stage."""
_MOST: Final = 4
"""Units of its own that a network gets."""
_BRANCHED: Final = 4
"""How often a unit branches one time after another."""
_CHOICES: Final = 3
"""Ways to cut units apart that are tried."""
_NEAR: Final = 0.8
"""What they have to spare of what the best one does."""
_DEFAULTS: Final[Mapping[str, Any]] = {"stride": 1, "groups": 1, "dilation": 1, "bias": False}
"""What a convolution has where nothing is said."""


class Own(NamedTuple):
    """A block of the spec's own, and the longest run that it says."""

    block: Table
    run: Run


class Member(NamedTuple):
    """A run of a family, and what it lacks of the largest one."""

    run: Run
    use: Use
    cut: Cut | None


@dataclass(frozen=True)
class Family:
    """Runs that one block may say, without two at one place."""

    base: Plan
    members: tuple[Member, ...]
    gain: int


def own_units(finder: Finder, taken: Sequence[str]) -> list[dict[str, Own]]:
    """Blocks for what comes again along a row, by names that are not taken: the likeliest choices.

    Units in a row may be cut apart at several places, such as before an activation or after it.
    """
    structures = Structures(finder.flow)
    groups = _groups(finder, structures)
    variants = {key: _variants(own[0], groups, structures) for key, own in groups.items()}

    def families(covered: set[int]) -> list[Family]:
        found = [_family(own, groups, variants[key], covered) for key, own in groups.items()]
        found = [family for family in found if family.gain > 0]
        return sorted(found, key=lambda family: -family.gain)

    choices: list[dict[str, Own]] = []
    likeliest = families(set())
    for first in likeliest[:_CHOICES]:
        if first.gain < _NEAR * likeliest[0].gain:
            break
        found: dict[str, Own] = {}
        covered: set[int] = set()
        best: Family | None = first
        for _ in range(_MOST):
            if best is None:
                break
            block, members = _block(finder, best, structures)
            if block is None:
                covered |= set(range(best.members[0].run.start, best.members[0].run.end))
            else:
                covered |= {at for m in members for at in range(m.run.start, m.run.end)}
                run = max((member.run for member in members), key=lambda run: len(run.nodes))
                found[_name(block, {*taken, *found})] = Own(block, run)
            best = next(iter(families(covered)), None)
        if found and found not in choices:
            choices.append(found)
    return choices


def _groups(finder: Finder, structures: Structures) -> dict[Hashable, list[Run]]:
    """Runs that may be units, by structure."""
    groups: dict[Hashable, list[Run]] = {}
    for start in range(finder.length):
        branched = 0
        for end in range(start + 1, min(start + LONGEST, finder.length) + 1):
            branched += bool(finder.row.gaps[end - 1])
            run = finder.run(start, end)
            if branched > _BRANCHED or len(run.nodes) > (LARGEST if branched < 2 else LARGEST // 2):
                break
            if len(run.nodes) > 1 and stride_of(run) is not None:
                groups.setdefault(structures.key(Plan.of(run)), []).append(run)
    return groups


def _variants(
    run: Run, groups: Mapping[Hashable, list[Run]], structures: Structures
) -> dict[Hashable, Cut]:
    """Structures that lack a part of a run's, and that are there."""
    plan = Plan.of(run)
    found: dict[Hashable, Cut] = {}
    for cut in plan.cuts():
        key = structures.key(plan.without(cut))
        if key in groups and (key not in found or len(found[key].nodes) > len(cut.nodes)):
            found[key] = cut
    return found


def _family(
    like: Sequence[Run],
    groups: Mapping[Hashable, list[Run]],
    variants: Mapping[Hashable, Cut],
    covered: set[int],
) -> Family:
    """What a structure and those that lack a part of it cover, from the left to the right."""
    plan = Plan.of(like[0])
    own: dict[int, list[tuple[Run, Cut | None]]] = {}
    for run in like:
        own.setdefault(run.start, []).append((run, None))
    for key, cut in variants.items():
        for run in groups[key]:
            own.setdefault(run.start, []).append((run, cut))
    members: list[Member] = []
    at, saved = 0, 0
    for start in sorted(own):
        run, lacks = max(own[start], key=lambda pair: len(pair[0].nodes))
        if start < at or covered & set(range(run.start, run.end)):
            continue
        at = run.end
        use = _use(run)
        plain = use.stride == 1 and use.c == use.cin
        again = bool(members) and members[-1].run.end == start and plain
        saved += _STEP * len(run.nodes) - _STAGE * (not again)
        members.append(Member(run, use, lacks))
    return Family(plan, tuple(members), saved - 60 - _STEP * len(plan.nodes))


def _use(run: Run) -> Use:
    stride = stride_of(run)
    assert stride is not None
    flow = run.flow
    return Use(flow.type(run.exit).channels, flow.type(run.entry).channels, stride)


def _block(
    finder: Finder, family: Family, structures: Structures
) -> tuple[Table | None, list[Member]]:
    """A block for as many of a family as agree, and these."""
    aligned: list[tuple[Member, dict[str, str]]] = []
    for member in family.members:
        plan = family.base if member.cut is None else family.base.without(member.cut)
        pairs = structures.aligned(plan, Plan.of(member.run))
        if pairs is not None:
            aligned.append((member, pairs))
    while aligned:
        block, odd = _written(finder, family.base, aligned)
        if block is not None:
            return block, [member for member, _ in aligned]
        aligned = [pair for i, pair in enumerate(aligned) if i not in odd]
    return None, []


def _written(
    finder: Finder, base: Plan, aligned: Sequence[tuple[Member, dict[str, str]]]
) -> tuple[Table | None, set[int]]:
    """The steps of a base with numbers as expressions; or those members that do not agree."""
    items: list[Item] = []
    conditions: dict[str, str] = {}
    for node in base.nodes:
        there = [(i, m, pairs[node]) for i, (m, pairs) in enumerate(aligned) if node in pairs]
        if not there:
            return None, set(range(len(aligned)))
        if len(there) < len(aligned):
            held = [node in pairs for _, pairs in aligned]
            when = condition([member.use for member, _ in aligned], held)
            if when is None:
                return None, _odd(held)
            conditions[node] = when
        tables = [finder.words.of(said(finder.flow, other)) for _, _, other in there]
        uses = [member.use for _, member, _ in there]
        table: Table = {"op": tables[0]["op"]}
        for key in dict.fromkeys(key for own in tables for key in own if key != "op"):
            values = [own.get(key, _DEFAULTS.get(key)) for own in tables]
            value, fits = agreed(key, uses, values)
            if not all(fits):
                return None, {i for (i, _, _), fit in zip(there, fits, strict=True) if not fit}
            if value != _DEFAULTS.get(key):
                table[key] = value
        if len({own["op"] for own in tables}) > 1:
            odd = (
                i for (i, _, _), own in zip(there, tables, strict=True) if own["op"] != table["op"]
            )
            return None, set(odd)
        items.append(Item(node, table, base.reads[node]))
    return _with_conditions(base, items, conditions, aligned), set()


def _with_conditions(
    base: Plan,
    items: Sequence[Item],
    conditions: Mapping[str, str],
    aligned: Sequence[tuple[Member, dict[str, str]]],
) -> Table:
    if not conditions:
        items = with_parts_together(items, items[-1].value)
    steps = as_steps(items, base.entry)
    names = {base.entry: "x"} | dict(zip((item.value for item in items), steps, strict=True))
    cuts = [member.cut for member, _ in aligned if member.cut is not None]
    for node, when in conditions.items():
        step = steps[names[node]]
        step["when"] = when
        for cut in cuts:
            first = base.reads[cut.nodes[0]][0]
            if node == cut.nodes[-1] and cut.instead != first:
                step["else"] = names[cut.instead]
    bare = str(steps[list(steps)[-1]]["op"]) in ("add", "concat")
    return {"preactivation": True, "steps": steps} if bare else {"steps": steps}


def _odd(held: Sequence[bool]) -> set[int]:
    """Those of the fewer kind."""
    fewer = held.count(True) < held.count(False)
    return {i for i, own in enumerate(held) if own is fewer}


def _name(block: Table, taken: Collection[str]) -> str:
    ops = {step["op"] for step in block["steps"].values()}
    word = (
        "gated"
        if "gate" in ops
        else "residual"
        if "add" in ops
        else "branched"
        if "concat" in ops
        else "layers"
    )
    return free(word, taken)


def free(word: str, taken: Collection[str]) -> str:
    """A word as a name, with a number if it is taken."""
    name, number = word, 1
    while name in taken:
        number += 1
        name = f"{word}{number}"
    return name
