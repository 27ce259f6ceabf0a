"""Changes as text for a terminal, Markdown for a pull request, and plain data for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from archcompiler.analysis.total import Cost
from archcompiler.changes.compare import Changes, Keys, Pair, by_scope
from archcompiler.diagnostics.render.visible import visible
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
    parts.append(text.render([_long_grid(changes)], color=color))
    parts.append("".join(f"{line}\n" for line in _key_lines(changes.keys)))
    return "\n".join(parts)


def as_markdown(changes: Changes) -> str:
    """For a pull request: the totals first, what takes room folded away."""
    names = (_code(network.loaded.source.name) for network in (changes.old, changes.new))
    parts = [f"### {_code(changes.new.name)}\n\n{' → '.join(names)}\n"]
    if changes.equal:
        return f"{parts[0]}\nThe same network.\n"
    if changes.values:
        parts.append(markdown.render([_values_grid(changes)]))
    parts.append(markdown.render([_wide_grid(changes)]))
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
    old, new = changes.old, changes.new
    return f"{old.name} of {old.loaded.source.name} → {new.name} of {new.loaded.source.name}"


def _code(text: str) -> str:
    """A word in Markdown, in which nothing of it means anything."""
    return f"`{visible(text).replace('`', '')}`"


def _values_grid(changes: Changes) -> Grid:
    headings = (_heading("value"), _heading("old"), _heading("new"))
    return Grid(headings, (Section("", tuple(changes.values)),), ())


def _long_grid(changes: Changes) -> Grid:
    """Quantities below each other, for a terminal."""
    headings = [_heading("stage"), *(Heading(title, "") for title in ("old", "new", "Δ", "Δ %"))]
    sections = tuple(
        Section(
            title,
            tuple((pair.name, *_cells(pair, value)) for pair in changes.stages),
            (changes.total.name, *_cells(changes.total, value)),
        )
        for _, title, value in QUANTITIES
    )
    return Grid(tuple(headings), sections, (_depth(changes), *LEGEND))


def _wide_grid(changes: Changes) -> Grid:
    """Quantities beside each other, for a page; stages that stay as they are left out."""
    headings = [_heading("stage")]
    for _, title, _ in QUANTITIES:
        headings += [Heading(title, ""), Heading("Δ", "")]
    rows = tuple(_row(pair) for pair in changes.stages if pair.old != pair.new)
    return Grid(
        tuple(headings), (Section("", rows, _row(changes.total)),), (_depth(changes), *LEGEND)
    )


def _row(pair: Pair) -> tuple[str, ...]:
    return (pair.name, *(cell for _, _, value in QUANTITIES for cell in _cells(pair, value)[1:3]))


def _depth(changes: Changes) -> str:
    before, after = changes.depth
    return f"depth of the trunk: {before:,}" + (f" → {after:,}" if before != after else "")


def _heading(title: str) -> Heading:
    return Heading(title, "", left=True)


def _cells(pair: Pair, value: Callable[[Cost], int]) -> tuple[str, ...]:
    """The old number, the new one, what is between them, and that as a share of the old one."""
    old, new = (0 if cost is None else value(cost) for cost in (pair.old, pair.new))
    numbers = (NOTHING if cost is None else f"{value(cost):,}" for cost in (pair.old, pair.new))
    change = f"{new - old:+,}" if new != old else "0"
    return (*numbers, change, f"{(new - old) / old:+.1%}"[:-1] if old and new != old else NOTHING)


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
