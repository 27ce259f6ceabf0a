"""What is printed of a class is what a person would have written; and it is the graph still."""

from __future__ import annotations

from typing import Any

import archcompiler
from archcompiler.verify import verify

SHUFFLE = {
    "left": {"op": "part", "index": 0, "when": "stride == 1"},
    "right": {"op": "part", "from": "x", "index": 1, "when": "stride == 1"},
    "depthwise": {
        "op": "conv",
        "from": "left",
        "channels": "cin",
        "kernel": 3,
        "stride": "stride",
        "groups": "cin",
        "when": "stride != 1",
    },
    "norm1": {"op": "norm", "when": "stride != 1"},
    "conv1": {"op": "conv", "channels": "c / 2", "kernel": 1, "when": "stride != 1"},
    "conv2": {
        "op": "conv",
        "from": "right",
        "channels": "c / 2",
        "kernel": 3,
        "stride": "stride",
    },
    "concat": {"op": "concat", "from": ["conv1", "conv2"]},
    "norm2": {"op": "norm"},
}
"""A unit as ShuffleNet V2 has: Ma et al., ECCV 2018, figure 3."""


def printed(steps: dict[str, Any], **block: Any) -> str:
    """The class `Own` of a unit with these steps, used with and without a stride."""
    network = archcompiler.compile(
        {
            "name": "net",
            "input": [3, 16, 16],
            "classes": 4,
            "unit": "own",
            "stem": {"type": "conv", "channels": 8},
            "stages": [{"channels": 8, "before": 2}, {"channels": 16, "stride": 2, "before": 2}],
            "blocks": {"own": {"steps": steps, **block}},
        }
    )
    proof = verify(network)
    assert proof.holds, str(proof)
    return network.source.partition("class Own(nn.Module):")[2].partition("\n\n\n")[0]


def test_a_width_is_not_asked_again_what_is_known_of_it() -> None:
    text = printed(SHUFFLE)
    assert "            self.norm1 = nn.BatchNorm2d(in_channels)\n" in text
    assert "self.norm2 = nn.BatchNorm2d(channels)\n" in text
    assert text.count("stride == 1 else in_channels") == 1  # what the last convolution reads


def test_sums_of_widths_are_products() -> None:
    text = printed(
        {
            "both": {"op": "concat", "from": ["x", "x"]},
            "conv": {"op": "conv", "channels": "width", "kernel": 1, "stride": "stride"},
            "out": {"op": "conv", "channels": "c", "kernel": 1},
        },
        let={"width": "2 * c / 2"},
    )
    assert "self.conv = nn.Conv2d(2 * in_channels, channels, 1, stride, bias=False)" in text
