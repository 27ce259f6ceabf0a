"""Hypothesis: small networks that exercise every cost rule, as specs that compile."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

UNITS = ["preact_bottleneck", "bottleneck", {"type": "resnext", "groups": 4}, "inception"]


@st.composite
def small_specs(draw: st.DrawFn) -> dict[str, Any]:
    """One or two stages with attention modules of any kind, on 20 to 28 pixels a side."""
    depths = draw(st.lists(st.tuples(st.integers(1, 2), st.integers(0, 2)), min_size=1, max_size=2))
    unit = st.sampled_from(UNITS)
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
