"""Blocks that are written in a spec, for tests of what is not built in."""

from __future__ import annotations

from typing import Any

SQUEEZED: dict[str, Any] = {
    "unit": "squeezed",
    "blocks": {
        "squeezed": {
            "steps": {
                "conv1": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
                "norm1": {"op": "norm"},
                "relu1": {"op": "act"},
                "conv2": {"op": "conv", "channels": "c", "kernel": 3},
                "norm2": {"op": "norm"},
                "weights": {"op": "squeeze"},
                "scale": {"op": "mul", "from": ["norm2", "weights"]},
                "project": {
                    "op": "conv",
                    "from": "x",
                    "channels": "c",
                    "kernel": 1,
                    "stride": "stride",
                    "when": "stride != 1 or cin != c",
                },
                "add": {"op": "add", "from": ["scale", "project"]},
                "relu2": {"op": "act"},
            },
        },
        "squeeze": {
            "steps": {
                "pool": {"op": "global_avg_pool"},
                "down": {"op": "conv", "channels": "c / 4", "kernel": 1},
                "relu": {"op": "relu"},
                "up": {"op": "conv", "channels": "c", "kernel": 1},
                "sigmoid": {"op": "sigmoid"},
            },
        },
    },
    "stages": [
        {"channels": 32, "modules": 1, "depth": 2},
        {
            "channels": 64,
            "stride": 2,
            "before": 2,
            "modules": 1,
            "depth": 1,
            "attention": {"mask": "squeeze"},
        },
    ],
}
"""Units with squeeze and excitation, and a module whose mask is that too."""
