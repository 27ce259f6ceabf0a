"""What an audit has found, as text, as Markdown and as plain values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from archcompiler.foreign.aligning import Deviation, Kind
from archcompiler.foreign.audit import Audit, Costs
from archcompiler.foreign.difference import Operation

TITLES: Final[dict[Kind, str]] = {
    "padding": "a pool padded otherwise",
    "option": "other options",
    "operator": "another operator",
    "source": "another result read",
    "sum": "a sum too many",
    "extra": "an operator too many",
    "missing": "an operator missing",
    "size": "another size",
}
_SHOWN: Final = 4
"""Places in a line."""


@dataclass(frozen=True)
class Group:
    """Deviations that are one but for their places."""

    kind: Kind
    said: str
    deviations: tuple[Deviation, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Distinct lines of their file, or the places of the spec where it has nothing."""
        found: dict[str, None] = {}
        for deviation in self.deviations:
            known = deviation.difference.theirs or deviation.difference.ours
            assert known is not None
            found[_line(known)] = None
        return tuple(found)


def groups(audit: Audit) -> list[Group]:
    """The deviations of an audit, equal ones together, in the order of the first of each."""
    if audit.alignment is None:
        return []
    found: dict[tuple[Kind, str], list[Deviation]] = {}
    for deviation in audit.alignment.deviations:
        found.setdefault((deviation.kind, deviation.said), []).append(deviation)
    return [Group(kind, said, tuple(own)) for (kind, said), own in found.items()]


def text(audit: Audit) -> str:
    """The report for a terminal."""
    return "\n".join(_lines(audit)) + "\n"


def _lines(audit: Audit) -> Iterator[str]:
    yield verdict(audit)
    if audit.first is not None:
        yield "first, in the order of the computation:"
        yield f"  theirs  {audit.first.theirs or 'nothing more'}"
        yield f"  spec    {audit.first.ours or 'nothing more'}"
    found = groups(audit)
    if found:
        yield "deviations:"
        rows = [(TITLES[g.kind], f"{len(g.deviations)}×", g.said, listed(g.lines)) for g in found]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for title, count, said, where in rows:
            columns = f"{title:{widths[0]}}  {count:>{widths[1]}}  {said:{widths[2]}}"
            yield f"  {columns}  {where}".rstrip()
    yield from notes(audit)
    beside = [("", "theirs", audit.network.name), *costs(audit)]
    widths = [max(len(row[i]) for row in beside) for i in range(3)]
    for name, theirs, ours in beside:
        yield f"{name:{widths[0]}}  {theirs:>{widths[1]}}  {ours:>{widths[2]}}"


def markdown(audit: Audit) -> str:
    """The report as a page."""
    lines = [f"# `{audit.said}` and `{audit.network.name}`", "", verdict(audit, "`")]
    if audit.first is not None:
        lines += ["", "## The first difference", "", "| | where | operator |", "|---|---|---|"]
        for who, known in (("theirs", audit.first.theirs), ("spec", audit.first.ours)):
            where, said = ("–", "nothing more") if known is None else (known.place, known.said)
            lines.append(f"| {who} | {_cell(where)} | {_cell(said)} |")
    found = groups(audit)
    if found:
        lines += ["", "## Deviations", "", "| kind | times | what | where |", "|---|--:|---|---|"]
        lines += [
            f"| {TITLES[g.kind]} | {len(g.deviations)} | {_cell(g.said)} | {listed(g.lines)} |"
            for g in found
        ]
    more = list(notes(audit))
    if more:
        lines += ["", *(f"- {note}" for note in more)]
    lines += ["", "## Costs", "", f"| | theirs | `{audit.network.name}` |", "|---|--:|--:|"]
    lines += [f"| {name} | {theirs} | {ours} |" for name, theirs, ours in costs(audit)]
    return "\n".join(lines) + "\n"


def verdict(audit: Audit, quote: str = "") -> str:
    """One sentence: it is the network, or it is not."""
    said = f"{quote}{audit.said}{quote}"
    name = f"{quote}{audit.network.name}{quote}"
    place = f"at {audit.input}"
    if audit.same:
        as_it_is = ""
        if audit.folded:
            as_it_is = ", with batch norms folded into the layers before them"
        elif audit.inference:
            as_it_is = " as it is in inference"
        count = f"{audit.theirs.operators:,} operators, each isomorphic"
        return f"{said} is {name} {place}{as_it_is}: {count}"
    if audit.first is None and audit.alignment is None:
        return f"{said} computes what {name} does {place}, but not as that network"
    return f"{said} is not {name} {place}"


def notes(audit: Audit) -> Iterator[str]:
    """What is neither a difference of operators nor of costs."""
    if audit.stopped is not None and audit.alignment is not None:
        ours, theirs = (len(nodes) for nodes in audit.alignment.unmatched)
        yield (
            f"no further than {audit.stopped.place}: {theirs:,} operators of theirs and {ours:,} "
            "of the spec are not compared"
        )
    if audit.dead:
        values = sum(audit.dead.values())
        yield f"dead: {values:,} parameters that the logits do not depend on: {listed(audit.dead)}"
    if audit.shared:
        yield f"shared by several operators: {listed(audit.shared)}"
    if audit.fixed:
        yield f"no parameters, and not learnt: {listed(audit.fixed)}"
    if audit.unread:
        yield f"computed for nothing: {listed(str(known) for known in audit.unread)}"
    if audit.unknown:
        yield f"no operator here: {listed(str(known) for known in audit.unknown)}"


def costs(audit: Audit) -> list[tuple[str, str, str]]:
    """Costs side by side: what they are of, theirs, ours."""
    dead = sum(audit.dead.values())
    rows = [("parameters", f"{audit.theirs.parameters:,}", f"{audit.ours.parameters:,}")]
    if dead:
        rows.append(("of them dead", f"{dead:,}", "0"))
    rows.append(("MACs", _number(audit.theirs.macs), _number(audit.ours.macs)))
    rows.append(("operators", _number(audit.theirs.operators), _number(audit.ours.operators)))
    return rows


def facts(audit: Audit) -> dict[str, Any]:
    """All of it as values of JSON."""
    return {
        "implementation": audit.said,
        "isomorphic": audit.same,
        "batch_norms_folded": audit.folded,
        "in_inference": audit.folded or audit.inference,
        "first": audit.first
        and {"theirs": _operation(audit.first.theirs), "ours": _operation(audit.first.ours)},
        "deviations": [
            {
                "kind": deviation.kind,
                "what": deviation.said,
                "theirs": _operation(deviation.difference.theirs),
                "ours": _operation(deviation.difference.ours),
            }
            for deviation in (audit.alignment.deviations if audit.alignment else ())
        ],
        "not_compared": [len(nodes) for nodes in audit.alignment.unmatched]
        if audit.alignment
        else [0, 0],
        "dead": dict(audit.dead),
        "shared": list(audit.shared),
        "fixed": list(audit.fixed),
        "unread": [_operation(known) for known in audit.unread],
        "unknown": [_operation(known) for known in audit.unknown],
        "costs": {"theirs": _costs(audit.theirs), "ours": _costs(audit.ours)},
    }


def _operation(known: Operation | None) -> dict[str, Any] | None:
    if known is None:
        return None
    return {
        "name": known.name,
        "operator": known.said,
        "file": known.line and known.line.file,
        "line": known.line and known.line.number,
    }


def _costs(known: Costs) -> dict[str, int | None]:
    return {"params": known.parameters, "macs": known.macs, "operators": known.operators}


def _line(known: Operation) -> str:
    """`model.py:83`, or the name where there is no line."""
    return known.place.partition(" (")[0]


def listed(names: Any) -> str:
    """The first few of them, and how many there are more."""
    all_: Sequence[str] = list(names)
    more = f" and {len(all_) - _SHOWN:,} more" if len(all_) > _SHOWN else ""
    return ", ".join(all_[:_SHOWN]) + more


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
