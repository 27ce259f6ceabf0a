"""What a search found, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archcompiler.config.located import Located
from archcompiler.config.toml import toml_value
from archcompiler.search.axes import Axis
from archcompiler.search.loading import LoadedSpace
from archcompiler.search.model import NAMES, QuantityName
from archcompiler.search.searching import Candidate, Result
from archcompiler.spec.resolved import resolved
from archcompiler.tables.grid import NOTHING, Field, Grid, Section, as_rows

TITLES: dict[QuantityName, tuple[str, str, bool]] = {
    "params": ("params", "", True),
    "macs": ("MACs", "", True),
    "memory": ("memory", "B", True),
    "depth": ("depth", "", False),
}
"""Title, unit, and whether it takes an SI prefix."""
_MORE = {
    **{(name, "more"): "more" for name in NAMES},
    **{(name, "less"): "less" for name in NAMES},
    ("params", "less"): "fewer",
    ("macs", "less"): "fewer",
}
_LEGENDS = (
    "MACs: multiply-accumulates of convolutions and the classifier, one image.",
    "memory: what autograd keeps of one image for the backward pass, float32.",
    "depth: convolutions and the classifier on the longest path past the masks.",
)


def name_of(space: LoadedSpace, number: int) -> str:
    """What the spec of that number is called, from 1."""
    return f"{space.name}_{number}"


def as_grid(result: Result, candidates: Sequence[Candidate]) -> Grid:
    """The spec that is changed, and below it those that were found."""
    space = result.space
    costs = [result.base, *(candidate.costs for candidate in candidates)]
    numbers = [str(number) for number in range(1, len(candidates) + 1)]
    fields = [Field("spec", None, [space.base.name, *numbers])]
    for name, column in zip(NAMES, zip(*costs, strict=True), strict=True):
        title, unit, scaled = TITLES[name]
        fields.append(Field(title, unit, list(column), scaled))
    of_stages: list[str] = []
    for key, axes in _by_key(space):
        cells = [_words(candidate, axes) for candidate in candidates]
        fields.append(Field(key, None, [_base_words(space, axes), *cells]))
        if axes[0].stage is not None:
            of_stages.append(f"{key} of {_stage_words(axes)}")
    headings, rows = as_rows(fields)
    notes = [*summary(result, len(candidates)), *_LEGENDS]
    if of_stages:
        notes.append(f"Values of several stages stand beside each other: {'; '.join(of_stages)}.")
    return Grid(headings, (Section("", rows),), tuple(notes))


def _by_key(space: LoadedSpace) -> list[tuple[str, list[Axis]]]:
    """Axes that are one value of several stages, or of the whole network."""
    taken = {title for title, *_ in TITLES.values()}
    taken |= {".".join(axis.path) for axis in space.axes if axis.stage is None}
    found: dict[str, list[Axis]] = {}
    for axis in space.axes:
        key = ".".join(axis.path)
        if axis.stage is not None and len(axis.path) > 2:
            key = ".".join(axis.path[2:])
            if key in taken:
                key = f"stages.{key}"
        found.setdefault(key, []).append(axis)
    return [(key, sorted(axes, key=lambda axis: axis.stage or 0)) for key, axes in found.items()]


def _stage_words(axes: Sequence[Axis]) -> str:
    numbers = [str((axis.stage or 0) + 1) for axis in axes]
    if len(numbers) == 1:
        return f"stage {numbers[0]}"
    return f"stages {', '.join(numbers[:-1])} and {numbers[-1]}"


def _base_words(space: LoadedSpace, axes: Sequence[Axis]) -> str:
    """The same values of the spec that is changed."""
    loaded = space.base.loaded
    values = resolved(loaded.spec, loaded.library)
    return " ".join(_at(values, axis.path) for axis in axes)


def _at(value: Any, path: Sequence[str]) -> str:
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = None
    if isinstance(value, Mapping) and "type" in value:
        value = value["type"]
    return NOTHING if value is None else _text(value)


def summary(result: Result, shown: int) -> Iterator[str]:
    """What was looked through, and what it came to."""
    space = result.space
    yield f"{space.size:,} specs like {space.base.name}: {_compiled(result)}."
    if result.networks < result.compiled:
        who = "The others" if result.misfits else "They"
        yield f"{who} are {result.networks:,} networks: some values make no difference to others."
    aims = ", ".join(f"{_MORE[name, how]} {TITLES[name][0]}" for name, how in space.better.items())
    within = "; ".join(
        f"{TITLES[name][0]} {' and '.join(map(str, bounds))}"
        for name, bounds in space.bounds.items()
    )
    count = result.count
    found = "1 is" if count == 1 else f"{count:,} are"
    yield f"{found} beaten by no other ({aims}){f' within {within}' if within else ''}."
    if shown < count:
        yield f"Here are the first {shown:,}."


def _compiled(result: Result) -> str:
    refused = result.misfits.total()
    if not refused:
        return "all compile"
    ((code, message), most), *others = result.misfits.most_common()
    often = f"most often, in {most:,}" if others else "because"
    return f"{refused:,} do not compile, {often}: {message} ({code})"


def nearest(result: Result) -> Iterator[str]:
    """Why nothing may keep to the budget: what each bounded quantity can be."""
    for name, (low, high) in result.ranges.items():
        bounds = " and ".join(map(str, result.space.bounds[name]))
        yield f"{TITLES[name][0]}: from {low:,} to {high:,}, wanted {bounds}"


def as_csv(result: Result, candidates: Sequence[Candidate]) -> str:
    """A line for each spec, with exact integers; memory in bytes."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    axes = result.space.axes
    writer.writerow(["name", *NAMES, *(".".join(axis.path) for axis in axes)])
    for number, candidate in enumerate(candidates, 1):
        values = [_word(choice) for _, choice in candidate.chosen]
        writer.writerow([name_of(result.space, number), *candidate.costs, *values])
    return out.getvalue()


def as_json(result: Result, candidates: Sequence[Candidate]) -> str:
    """Everything, with exact integers; memory in bytes."""
    space = result.space
    found = {
        "extends": space.base.name,
        "specs": space.size,
        "compiled": result.compiled,
        "networks": result.networks,
        "refused": [
            {"code": code, "message": message, "specs": count}
            for (code, message), count in result.misfits.most_common()
        ],
        "objective": dict(space.better),
        "budget": {name: [str(bound) for bound in bounds] for name, bounds in space.bounds.items()},
        "base": result.base._asdict(),
        "found": result.count,
        "front": [
            {
                "name": name_of(space, number),
                **candidate.costs._asdict(),
                "set": {".".join(axis.path): choice.plain() for axis, choice in candidate.chosen},
            }
            for number, candidate in enumerate(candidates, 1)
        ],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _words(candidate: Candidate, axes: Sequence[Axis]) -> str:
    """The values of a key: one, or one for each stage."""
    chosen: dict[Axis, Located] = dict(candidate.chosen)
    return " ".join(_word(chosen[axis]) for axis in axes)


def _word(choice: Located) -> str:
    return _text(choice.plain())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else toml_value(value)
