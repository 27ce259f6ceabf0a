"""Parts of a map that are put together again as they were: one `part` of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import gcd

from archcompiler.foreign.decompile.steps import Item


def with_parts_together(items: Sequence[Item], kept: str) -> list[Item]:
    """The steps, with one part for each run of parts that nothing but a concatenation reads.

    `kept` is the value that a block gives.
    """
    readers = Counter(value for item in items for value in item.reads)
    parts = {item.value: item for item in items if item.table["op"] == "part"}
    alone = {value for value in parts if readers[value] == 1 and value != kept}
    changed: dict[str, Item | None] = {}
    for item in items:
        if item.table != {"op": "concat"}:
            continue
        reads: list[str] = []
        for run in _runs(item.reads, parts, alone):
            first = parts.get(run[0])
            if first is not None and _is_no_other(first, len(run)):
                table = {**first.table, "count": len(run)}
                changed |= dict.fromkeys(run) | {run[0]: first._replace(table=table)}
                run = run[:1]
            reads += run
        changed[item.value] = item._replace(reads=tuple(reads))
        joined = changed.get(reads[0])
        if len(reads) == 1 and joined is not None:
            changed |= {reads[0]: None, item.value: joined._replace(value=item.value)}
    found = (changed.get(item.value, item) for item in items)
    return [item for item in found if item is not None]


def _is_no_other(first: Item, count: int) -> bool:
    """Whether so many parts are said as several of them alone: two quarters are a half, all of them
    the map itself, which are other operators.
    """
    of = first.table.get("of", 2)
    return 1 < count < of and gcd(first.table["index"], count, of) == 1


def _runs(
    reads: Sequence[str], parts: dict[str, Item], alone: set[str]
) -> Iterator[tuple[str, ...]]:
    """What is read in order, parts that follow one another together."""

    def place(numbered: tuple[int, str]) -> object:
        number, value = numbered
        if value not in alone or not isinstance(index := parts[value].table["index"], int):
            return number
        return parts[value].reads, parts[value].table.get("of"), index - number

    for _, run in groupby(enumerate(reads), place):
        yield tuple(value for _, value in run)
