"""Numbers of a class that its `forward` reads are kept as attributes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import archcompiler
from archcompiler.verify import verify

UNITS: dict[str, dict[str, Any]] = {
    "stride": {
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 3},
            "pool": {
                "op": "avg_pool",
                "kernel": "stride",
                "stride": "stride",
                "when": "stride != 1",
            },
        }
    },
    "option": {
        "options": {"slope": 0.3},
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
            "act": {"op": "leaky_relu", "slope": "slope / 2"},
        },
    },
    "quotient": {
        "options": {"share": 0.5},
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
            "scale": {"op": "scale", "factor": "share / 2"},
        },
    },
    "quotients of whole numbers": {
        "options": {"share": {"type": "float", "default": "3 / c"}},
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
            "own": {"op": "scale", "factor": "share"},
            "known": {"op": "scale", "factor": "1 / 9"},
            "shift": {"op": "shift", "amount": "(1 if stride == 1 else 2) / c"},
        },
    },
    "a whole number for a start": {
        "options": {"start": 1},
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
            "scale": {"op": "layer_scale", "init": "start"},
        },
    },
    "let": {
        "options": {"reach": 1},
        "let": {"side": "2 * reach + 1"},
        "steps": {
            "conv": {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"},
            "pool": {"op": "max_pool", "kernel": "side", "stride": 1, "padding": "reach"},
        },
    },
    "a step of the option's name": {
        "options": {"pool": 3},
        "steps": {
            "pool": {"op": "conv", "channels": "c", "kernel": "pool", "stride": "stride"},
            "largest": {"op": "max_pool", "kernel": "pool", "stride": 1, "padding": 1},
        },
    },
}


@pytest.mark.parametrize("unit", UNITS)
def test_forward_reads_a_number_of_the_class(unit: str) -> None:
    network = archcompiler.compile(
        {
            "name": "net",
            "input": [3, 16, 16],
            "classes": 4,
            "unit": "own",
            "stem": "conv",
            "stages": [{"channels": 8, "before": 2}, {"channels": 16, "stride": 2, "before": 1}],
            "blocks": {"own": UNITS[unit]},
        }
    )
    proof = verify(network)
    assert proof.holds, proof
    assert network.module()(torch.randn(2, 3, 16, 16)).shape == (2, 4)
