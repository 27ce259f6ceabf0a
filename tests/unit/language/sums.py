"""Units that are sums of convolutions and of what is made of the same map."""

from __future__ import annotations

import json
from typing import Any

from tiny import tiny_spec

import archcompiler

BARE: dict[str, Any] = {"stem": {"type": "conv", "norm": False}, "head": {"norm": False}}
"""Neither has a norm."""
Steps = dict[str, dict[str, object]]


def conv(kernel: object = 3, **more: object) -> dict[str, object]:
    return {"op": "conv", "from": "x", "channels": "c", "kernel": kernel} | more


def norm(of: str, **more: object) -> dict[str, object]:
    return {"op": "norm", "from": of} | more


def total(*of: str, **more: object) -> dict[str, object]:
    return {"op": "add", "from": [*of]} | more


A_NORM: Steps = {"a": conv(), "n": norm("a")}
B_NORM: Steps = {"b": conv(1), "m": norm("b")}


def units(cases: dict[str, Steps]) -> archcompiler.CompiledNetwork:
    """A stage for each case."""
    own = {"side": 3}
    blocks = {
        f"own{i}": {"steps": steps} | ({"options": own} if '"side"' in json.dumps(steps) else {})
        for i, steps in enumerate(cases.values())
    }
    stages = ({"channels": 16, "unit": name} for name in blocks)
    return archcompiler.compile(tiny_spec(*stages, blocks=blocks, input=[3, 8, 8], **BARE))
