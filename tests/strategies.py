"""Hypothesis strategies over the whole spec language: specs as plain dicts.

`valid_specs()` draws networks that compile, small enough to run; `small_specs()` a few kinds of
them, of which none has to be drawn again; `any_specs()` draws what a spec
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


def table(type: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A block or an operator with all of these options."""
    return st.fixed_dictionaries({"type": st.just(type), **options})


def units(channels: int) -> st.SearchStrategy[str | dict[str, Any]]:
    """A unit type whose options fit the channels: by name alone, or as a table."""
    reductions = st.sampled_from([n for n in (1, 2, 4) if channels % n == 0])
    groups = st.sampled_from([1, 2])
    names = ["preact_bottleneck", "bottleneck"]
    if channels == 64:
        names.append("resnext")
    gates = st.sampled_from(
        ["none", "eca", {"type": "se", "ratio": 4}, {"type": "cbam", "ratio": 2}]
    )
    tables = [
        table("preact_bottleneck", reduction=reductions),
        table("bottleneck", reduction=reductions, groups=groups, gate=gates),
        table("resnext", reduction=st.just(2), groups=groups),
        table("basic", gate=gates, drop_path=st.sampled_from([0.0, 0.5])),
        table("preact_basic", dilation=st.integers(1, 2)),
        table("inverted", expansion=st.integers(1, 3), kernel=st.sampled_from([3, 5]), gate=gates),
    ]
    if channels % 32 == 0:
        names.append("inception")
        parts = st.integers(1, 6)
        tables.append(table("inception", branch1=parts, branch3=parts, branch5=parts))
    return st.sampled_from(names) | st.one_of(tables)


def pools() -> st.SearchStrategy[dict[str, Any]]:
    """Max pooling with a padding that fits its kernel."""
    return st.integers(1, 4).flatmap(
        lambda kernel: maybe(
            stride=st.integers(1, 3), padding=st.integers(0, kernel // 2), ceil=st.booleans()
        ).map(lambda rest: {"kernel": kernel, **rest})
    )


def masks(channels: int) -> st.SearchStrategy[str | dict[str, Any]]:
    activation = st.sampled_from(["mixed", "channel", "spatial"])
    mode = st.sampled_from(["bilinear", "nearest"])
    own = {"unit": units(channels), "activation": activation, "norm": st.booleans()}
    hourglasses = maybe(
        **own,
        type=st.just("hourglass"),
        skip=st.sampled_from(["unit", "identity", "both"]),
        pool=pools(),
        interpolation=maybe(mode=mode, align_corners=st.booleans()),
    )
    locals = maybe(**own, units=st.integers(1, 3)).map(lambda t: {"type": "local", **t})
    others = st.sampled_from(["eca", {"type": "se", "ratio": 4}, {"type": "bam", "ratio": 4}])
    return hourglasses | hourglasses | locals | others


def attentions(channels: int) -> st.SearchStrategy[dict[str, Any]]:
    return maybe(
        p=st.integers(0, 2),
        t=st.integers(1, 3),
        r=st.integers(1, 2),
        trunk=units(channels),
        post=st.integers(0, 2),
        learning=st.sampled_from(["residual", "naive"]),
        mask=masks(channels),
    )


def stems() -> st.SearchStrategy[dict[str, Any]]:
    kernels = st.sampled_from([1, 3, 5, 7])
    conv = maybe(channels=st.sampled_from(CHANNELS), kernel=kernels, stride=st.integers(1, 2),
                 norm=st.booleans())  # fmt: skip
    conv_pool = maybe(channels=st.sampled_from(CHANNELS), kernel=kernels,
                      stride=st.integers(1, 2), pool=pools())  # fmt: skip
    return st.one_of(
        conv.map(lambda t: {"type": "conv", **t}),
        conv.map(lambda t: {"type": "conv", **t}),
        conv_pool.map(lambda t: {"type": "conv_pool", **t}),
        table("deep", channels=st.sampled_from(CHANNELS)),
    )


def heads() -> st.SearchStrategy[str | dict[str, Any]]:
    dropout = st.sampled_from([0.0, 0.25])
    linear = maybe(norm=st.booleans(), dropout=dropout, bias=st.booleans())
    wide = table("conv_linear", width=st.integers(1, 20), dropout=dropout)
    return linear | linear | wide | st.sampled_from(["norm_linear", "conv"])


def norms() -> st.SearchStrategy[str | dict[str, Any]]:
    eps = st.sampled_from([1e-5, 1e-3, 0.5])
    batch = maybe(eps=eps, momentum=st.sampled_from([0.1, 0.01, 1.0]))
    group = table("group", groups=st.sampled_from([1, 2]), eps=eps)
    return batch | batch | group | st.sampled_from(["layer", "none"])


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
    side = st.integers(8, 36)
    size = draw(
        st.tuples(side, side) | st.tuples(side, side) | st.tuples(side, side) | st.tuples(side)
    )
    drawn = []
    for _ in range(draw(st.integers(1, 3))):
        drawn.append(draw(stages(channels)))
        channels = drawn[-1]["channels"]
    narrowest = min(stage["channels"] for stage in drawn)
    spec = {
        "name": draw(st.sampled_from(NAMES)),
        "input": [draw(st.integers(1, 4)), *size],
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
            head=heads(),
            norm=norms(),
            activation=st.sampled_from(["relu", "silu", {"type": "leaky_relu", "slope": 0.2}]),
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


SMALL_UNITS = ["preact_bottleneck", "bottleneck", {"type": "resnext", "groups": 4}, "inception"]


@st.composite
def small_specs(draw: st.DrawFn) -> dict[str, Any]:
    """Networks that exercise every cost rule, and compile.

    One or two stages with attention modules of any kind, on 20 to 28 pixels a side.
    """
    depths = draw(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=2))
    unit = st.sampled_from(SMALL_UNITS)
    mask = {
        "unit": draw(unit),
        "activation": draw(st.sampled_from(["mixed", "channel", "spatial"])),
        "type": draw(st.sampled_from(["hourglass", "hourglass", "local"])),
    }
    interpolations = [{"mode": "nearest"}, {"align_corners": True}, {"align_corners": False}]
    if mask["type"] == "hourglass":
        mask["interpolation"] = draw(st.sampled_from(interpolations))
        mask["pool"] = {
            "kernel": 3,
            "padding": draw(st.integers(0, 1)),
            "ceil": draw(st.booleans()),
        }
    stages = [
        {
            "channels": 32 * 2**i,
            "stride": 1 + min(i, 1),
            "before": draw(st.integers(1 - min(modules, 1), 2)) if i == 0 else 1,
            "modules": modules,
            "after": draw(st.integers(0, 1)),
            "depth": depth if i == 0 else 1,
        }
        for i, (depth, modules) in enumerate(depths)
    ]
    stem: dict[str, Any] = {"type": "conv", "channels": 32}
    return {
        "name": "drawn",
        "input": [3, draw(st.integers(20, 28)), draw(st.integers(20, 28))],
        "classes": draw(st.integers(2, 12)),
        "stem": draw(
            st.sampled_from(
                [stem, {**stem, "norm": True}, {"type": "conv_pool", "channels": 32, "stride": 1}]
            )
        ),
        "unit": draw(unit),
        "attention": {
            "p": draw(st.integers(0, 1)),
            "t": draw(st.integers(1, 2)),
            "r": 1,
            "learning": draw(st.sampled_from(["residual", "naive"])),
            "mask": mask,
        },
        "stages": stages,
        "head": {"dropout": draw(st.sampled_from([0.0, 0.5])), "bias": draw(st.booleans())},
    }


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
