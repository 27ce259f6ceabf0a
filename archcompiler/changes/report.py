"""Changes as text for a terminal, Markdown for a pull request, and plain data for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from archcompiler.changes.compare import Changes, Keys, Pair, by_scope
from archcompiler.ops.cost import Cost
from archcompiler.tables import markdown, text
from archcompiler.tables.grid import Grid, Heading, Section

Quantity = tuple[str, str, Callable[[Cost], int]]
QUANTITIES: Final[tuple[Quantity, ...]] = (
    ("params", "params", lambda cost: cost.params),
    ("macs", "MACs", lambda cost: cost.macs),
    ("saved_bytes", "saved", lambda cost: cost.saved_bytes),
)
LEGEND: Final = (
    "MACs: multiply-accumulates of convolutions and the classifier, for one image.",
    "saved: bytes that autograd keeps of one image for the backward pass, in float32.",
)
MOST: Final = 20
"""Lines about keys in a text; JSON has all."""
NOTHING: Final = "–"


def record(changes: Changes) -> dict[str, Any]:
    """Plain data with exact integers; of two numbers, the old one comes first."""
    old, new, keys = changes.old, changes.new, changes.keys
    return {
        "old": {"spec": old.loaded.source.name, "name": old.name, "sha256": old.loaded.sha256},
        "new": {"spec": new.loaded.source.name, "name": new.name, "sha256": new.loaded.sha256},
        "equal": changes.equal,
        "values": [{"path": path, "old": a, "new": b} for path, a, b in changes.values],
        "depth": list(changes.depth),
        "costs": [_costs(pair) for pair in (*changes.stages, changes.total)],
        "state_dict": keys
        and {
            "kept": len(keys.kept),
            "appear": keys.appear,
            "vanish": keys.vanish,
            "reshaped": keys.reshaped,
        },
    }


def _costs(pair: Pair) -> dict[str, Any]:
    found: dict[str, Any] = {"name": pair.name}
    for key, _, value in QUANTITIES:
        found[key] = [cost and value(cost) for cost in (pair.old, pair.new)]
    return found


def as_text(changes: Changes, *, color: bool = False) -> str:
    """For a terminal."""
    parts = [f"{_title(changes)}\n"]
    if changes.equal:
        return f"{parts[0]}the same network\n"
    if changes.values:
        parts.append(text.render([_values_grid(changes)], color=color))
    parts.append(text.render([_cost_grid(changes)], color=color))
    parts.append("".join(f"{line}\n" for line in _key_lines(changes.keys)))
    return "\n".join(parts)


def as_markdown(changes: Changes) -> str:
    """For a pull request: the totals first, what takes room folded away."""
    parts = [f"### {_code(changes.old.name)} → {_code(changes.new.name)}\n\n{_sources(changes)}\n"]
    if changes.equal:
        return f"{parts[0]}\nThe same network.\n"
    if changes.values:
        parts.append(markdown.render([_values_grid(changes)]))
    parts.append(markdown.render([_cost_grid(changes)]))
    first, *rest = _key_lines(changes.keys)
    if rest:
        listed = "\n".join(rest)
        parts.append(
            f"<details><summary>{first}</summary>\n\n```text\n{listed}\n```\n\n</details>\n"
        )
    else:
        parts.append(f"{first}\n")
    return "\n".join(parts)


def _title(changes: Changes) -> str:
    return f"{changes.old.name} → {changes.new.name}, {_sources(changes)}"


def _sources(changes: Changes) -> str:
    return f"{changes.old.loaded.source.name} → {changes.new.loaded.source.name}"


def _code(name: str) -> str:
    return f"`{name}`"


def _values_grid(changes: Changes) -> Grid:
    headings = (_heading("value"), _heading("old"), _heading("new"))
    return Grid(headings, (Section("", tuple(changes.values)),), ())


def _cost_grid(changes: Changes) -> Grid:
    headings = [_heading("stage")]
    for _, title, _ in QUANTITIES:
        headings += [Heading(title, ""), Heading("Δ", "")]
    rows = tuple(_cells(pair) for pair in changes.stages)
    before, after = changes.depth
    depth = f"depth of the trunk: {before:,}" + (f" → {after:,}" if before != after else "")
    return Grid(tuple(headings), (Section("", rows, _cells(changes.total)),), (depth, *LEGEND))


def _heading(title: str) -> Heading:
    return Heading(title, "", left=True)


def _cells(pair: Pair) -> tuple[str, ...]:
    cells = [pair.name]
    for _, _, value in QUANTITIES:
        old = 0 if pair.old is None else value(pair.old)
        new = 0 if pair.new is None else value(pair.new)
        cells += [NOTHING if pair.new is None else f"{new:,}", _change(new - old)]
    return tuple(cells)


def _change(difference: int) -> str:
    return f"{difference:+,}" if difference else "0"


def _key_lines(keys: Keys | None) -> Iterator[str]:
    """What becomes of weights that are there: a sentence, and a line for each scope."""
    if keys is None:
        yield "state_dict: not compared, because torch cannot be imported"
        return
    counts = (
        f"{len(keys.appear):,} appear, {len(keys.vanish):,} vanish, "
        f"{len(keys.reshaped):,} change shape"
    )
    yield f"state_dict: {len(keys.kept):,} keys stay; {counts}"
    stay = {**keys.reshaped, **dict.fromkeys(keys.kept)}
    lines = [
        *(f"+ {line}" for line in _scopes(keys.appear, {**stay, **keys.vanish})),
        *(f"- {line}" for line in _scopes(keys.vanish, {**stay, **keys.appear})),
        *(f"~ {key}  {_shape(a)} → {_shape(b)}" for key, (a, b) in keys.reshaped.items()),
    ]
    yield from lines[:MOST]
    if len(lines) > MOST:
        yield f"… and {len(lines) - MOST:,} more, which --format json has"


def _scopes(keys: Any, others: Any) -> Iterator[str]:
    for scope, count in by_scope(keys, others).items():
        yield scope if scope in keys else f"{scope}.*  {count:,} keys"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a number"
