"""Hypothesis strategies over the whole spec language: specs as plain dicts.

`valid_specs()` draws networks that compile, small enough to run; `any_specs()` draws what a spec
file may hold after a slip of the pen, or of a hostile one.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

import archcompiler
from archcompiler.diagnostics import Severity

CHANNELS = (8, 16, 32, 64)
NAMES = ("net", "net_2", "a", "drawn_network")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120
) | st.sampled_from(
    ['"""', "ends in \\", 'a"' * 60, "\\x" * 60, "{{ view }}", "two\nlines", "'''", "# noqa"]
)


def maybe(**entries: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A table in which each entry may be left out."""
    return st.fixed_dictionaries({}, optional=entries)


def units(channels: int) -> st.SearchStrategy[str | dict[str, Any]]:
    """A unit type whose options fit the channels: by name alone, or as a table."""
    reductions = st.sampled_from([n for n in (1, 2, 4) if channels % n == 0])
    groups = st.sampled_from([1, 2])
    names = ["preact_bottleneck", "bottleneck"]
    if channels == 64:
        names.append("resnext")
    tables = [
        st.builds(lambda r: {"type": "preact_bottleneck", "reduction": r}, reductions),
        st.builds(
            lambda r, g: {"type": "bottleneck", "reduction": r, "groups": g}, reductions, groups
        ),
        st.builds(lambda g: {"type": "resnext", "reduction": 2, "groups": g}, groups),
    ]
    if channels % 32 == 0:
        names.append("inception")
        parts = st.integers(1, 6)
        tables.append(
            st.builds(
                lambda a, b, c: {"type": "inception", "branch1": a, "branch3": b, "branch5": c},
                parts,
                parts,
                parts,
            )
        )
    return st.sampled_from(names) | st.one_of(tables)


def pools() -> st.SearchStrategy[dict[str, Any]]:
    """Max pooling with a padding that fits its kernel."""
    return st.integers(1, 4).flatmap(
        lambda kernel: maybe(
            stride=st.integers(1, 3), padding=st.integers(0, kernel // 2), ceil=st.booleans()
        ).map(lambda rest: {"kernel": kernel, **rest})
    )


def masks(channels: int) -> st.SearchStrategy[dict[str, Any]]:
    return maybe(
        unit=units(channels),
        activation=st.sampled_from(["mixed", "channel", "spatial"]),
        structure=st.sampled_from(["encoder_decoder", "local"]),
        units=st.integers(1, 3),
        norm=st.booleans(),
        pool=pools(),
        interpolation=maybe(
            mode=st.sampled_from(["bilinear", "nearest"]), align_corners=st.booleans()
        ),
    )


def attentions(channels: int) -> st.SearchStrategy[dict[str, Any]]:
    return maybe(
        p=st.integers(0, 2),
        t=st.integers(1, 3),
        r=st.integers(1, 2),
        trunk=units(channels),
        learning=st.sampled_from(["residual", "naive"]),
        mask=masks(channels),
    )


def stems() -> st.SearchStrategy[dict[str, Any]]:
    kernels = st.sampled_from([1, 3, 5, 7])
    conv = maybe(channels=st.sampled_from(CHANNELS), kernel=kernels, stride=st.integers(1, 2),
                 norm=st.booleans())  # fmt: skip
    conv_pool = maybe(channels=st.sampled_from(CHANNELS), kernel=kernels,
                      stride=st.integers(1, 2), pool=pools())  # fmt: skip
    return conv.map(lambda t: {"type": "conv", **t}) | conv_pool.map(
        lambda t: {"type": "conv_pool", **t}
    )


@st.composite
def stages(draw: st.DrawFn, incoming: int) -> dict[str, Any]:
    """One stage after `incoming` channels; without units before, it keeps them."""
    before = draw(st.sampled_from([1, 1, 1, 2, 0]))
    channels = incoming if before == 0 else draw(st.sampled_from(CHANNELS))
    modules = draw(st.sampled_from([1, 1, 2, 0]))
    after = draw(st.integers(0 if before or modules else 1, 1))
    stage: dict[str, Any] = {"channels": channels, "modules": modules, "after": after}
    if before != 1 or draw(st.booleans()):
        stage["before"] = before
    if modules or draw(st.booleans()):
        stage["depth"] = draw(st.integers(1, 3))
    if before:
        stage |= draw(maybe(stride=st.integers(1, 2)))
    return stage | draw(maybe(unit=units(channels), attention=attentions(channels)))


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """A spec in which every part has sense; the parts need not fit each other."""
    stem = draw(stems())
    channels = stem.get("channels", 16 if stem["type"] == "conv" else 64)
    drawn = []
    for _ in range(draw(st.integers(1, 3))):
        drawn.append(draw(stages(channels)))
        channels = drawn[-1]["channels"]
    narrowest = min(stage["channels"] for stage in drawn)
    spec = {
        "name": draw(st.sampled_from(NAMES)),
        "input": [draw(st.integers(1, 4)), draw(st.integers(8, 36)), draw(st.integers(8, 36))],
        "classes": draw(st.integers(1, 12)),
        "stem": stem,
        "stages": drawn,
    }
    return spec | draw(
        maybe(
            class_name=st.sampled_from(["Net", "Drawn2"]),
            title=TEXTS,
            description=TEXTS,
            unit=units(narrowest),
            attention=attentions(narrowest),
            head=maybe(
                norm=st.booleans(), dropout=st.sampled_from([0.0, 0.25]), bias=st.booleans()
            ),
            norm=maybe(
                eps=st.sampled_from([1e-5, 1e-3, 0.5]), momentum=st.sampled_from([0.1, 0.01, 1.0])
            ),
            init=maybe(
                conv=st.sampled_from(
                    ["he_normal", "he_uniform", "xavier_normal", "xavier_uniform", "torch"]
                ),
                fan=st.sampled_from(["in", "out"]),
            ),
        )
    )


def valid_specs() -> st.SearchStrategy[dict[str, Any]]:
    """Specs that pass the checks. A network of them runs on a CPU in a fraction of a second."""
    return specs().filter(compiles)


def compiles(spec: Mapping[str, Any]) -> bool:
    found = archcompiler.check(spec)
    return all(diagnostic.severity is not Severity.ERROR for diagnostic in found)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([10**9, 2**63, 10**30, -(10**20)]),
    st.floats(),
    TEXTS,
    st.sampled_from(["", "none", "class", "zip", "\ud800", "../x", "0", "preact_bottlneck"]),
    st.just([]),
    st.just({}),
    st.just({"type": "conv"}),
    st.just([[[]]]),
    st.sampled_from([b"bytes", 1j, {1, 2}, {(1, 2): 3}]),
)
SLIPS = ("drop", "misspell", "replace", "insert", "nest")


@st.composite
def any_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A sensible spec after one to three slips anywhere in it."""
    spec = copy.deepcopy(draw(specs()))
    for _ in range(draw(st.integers(1, 3))):
        tables = [table for table in _containers(spec) if table]
        if not tables:
            break
        table = draw(st.sampled_from(tables))
        key = draw(st.sampled_from(list(table) if isinstance(table, dict) else range(len(table))))
        match draw(st.sampled_from(SLIPS)):
            case "drop":
                del table[key]
            case "misspell" if isinstance(table, dict):
                table[f"{key}{draw(st.sampled_from(['s', '_', '', 'É', '.']))}"] = table.pop(key)
            case "insert" if isinstance(table, dict):
                table[draw(st.sampled_from(["extends", "type", "unit", "0", "", "mask"]))] = (
                    copy.deepcopy(draw(JUNK))
                )
            case "nest":
                table[key] = [table[key]] if draw(st.booleans()) else {key: table[key]}
            case _:
                table[key] = copy.deepcopy(draw(JUNK))
    return spec


def _containers(value: Any) -> list[Any]:
    """Every table and array in a spec, the outermost first."""
    if isinstance(value, dict):
        return [value, *(inner for child in value.values() for inner in _containers(child))]
    if isinstance(value, list):
        return [value, *(inner for child in value for inner in _containers(child))]
    return []


def to_toml(spec: Mapping[str, Any]) -> str:
    """The spec as a TOML document; tables below the first level are written inline."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in spec.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(child)}" for key, child in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's strings are TOML's, but for a character that only TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
