"""Texts of operators: brackets, vectors in place of maps, what torch's defaults leave out."""

from __future__ import annotations

import pytest

from archcompiler.backends.python import atom, called, text
from archcompiler.backends.torch import Value, expression, torch_op
from archcompiler.language.symbol import Symbol
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import operator


def make(kind: str, *channels: int, dims: int = 2, **arguments: object) -> Operator:
    return operator(kind).make(channels or (8,), dims, **arguments)


def printed(kind: str, *texts: str, dims: int = 2, **arguments: object) -> str:
    op = make(kind, *(8,) * len(texts), dims=dims, **arguments)
    return expression(op, [Value(text) for text in texts], dims, module="self.op").text


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("conv", {"channels": 4, "kernel": 1}, "nn.Conv2d(8, 4, 1, bias=False)"),
        (
            "conv",
            {"channels": 8, "kernel": 3, "stride": 2, "groups": 8},
            "nn.Conv2d(8, 8, 3, 2, padding=1, groups=8, bias=False)",
        ),
        (
            "conv",
            {"channels": 8, "kernel": [1, 7], "dilation": 2, "bias": True},
            "nn.Conv2d(8, 8, (1, 7), padding=(0, 6), dilation=2)",
        ),
        ("batch_norm", {}, "nn.BatchNorm2d(8)"),
        ("batch_norm", {"eps": 2e-5, "momentum": 0.1}, "nn.BatchNorm2d(8, eps=2e-5)"),
        ("linear", {"features": 3}, "nn.Linear(8, 3)"),
        ("linear", {"features": 3, "bias": False}, "nn.Linear(8, 3, bias=False)"),
        ("dropout", {"probability": 0.5}, "nn.Dropout(0.5)"),
        ("layer_norm", {}, "ChannelLayerNorm(8, eps=1e-6)"),
    ],
)
def test_modules(kind: str, arguments: dict[str, object], expected: str) -> None:
    op = make(kind, **arguments)
    module = torch_op(op).module
    assert module is not None
    assert module(op, 2) == expected


NEAREST = 'F.interpolate(y, scale_factor=2, mode="nearest")'


@pytest.mark.parametrize(
    ("kind", "texts", "arguments", "expected"),
    [
        ("relu", ["y"], {}, "F.relu(y)"),
        ("sigmoid", ["y"], {}, "torch.sigmoid(y)"),
        ("max_pool", ["x"], {"kernel": 3, "ceil": True}, "F.max_pool2d(x, 3, ceil_mode=True)"),
        ("global_avg_pool", ["x"], {}, "F.adaptive_avg_pool2d(x, 1)"),
        ("upsample", ["y"], {"mode": "nearest"}, NEAREST),
        ("gate", ["t", "m"], {}, "torch.addcmul(t, t, m)"),
        ("gate", ["t", "a + b"], {"learning": "naive"}, "t * (a + b)"),
        ("add", ["f(x)", "y", "a + b"], {}, "f(x) + y + (a + b)"),
        ("add", ["a + b * c", "d * e"], {}, "a + b * c + d * e"),
        ("mul", ["a + b", "m[0]"], {}, "(a + b) * m[0]"),
        ("mul", ["a * b", "c * d"], {}, "a * b * (c * d)"),
        ("scale", ["a * b"], {"factor": -0.5}, "a * b * -0.5"),
        ("scale", ["a + b"], {"factor": Symbol("self.n / 2")}, "(a + b) * (self.n / 2)"),
        ("maximum", ["a", "b", "c"], {}, "torch.maximum(torch.maximum(a, b), c)"),
        ("concat", ["a", "b"], {}, "torch.cat([a, b], dim=1)"),
        ("channel_norm", ["y"], {}, "F.normalize(y, dim=1)"),
        ("spatial_norm", ["y"], {}, "F.instance_norm(y)"),
        ("reduce", ["x"], {"how": "max", "axis": "channels"}, "x.amax(1, keepdim=True)"),
        ("reduce", ["x"], {"how": "mean", "axis": "positions"}, "x.mean((2, 3), keepdim=True)"),
        ("take", ["x", "y"], {"axis": "height"}, "x[:, :, : y.shape[2]]"),
        ("identity", ["x"], {}, "x"),
        ("part", ["x"], {"index": 0}, "x.chunk(2, dim=1)[0]"),
        ("part", ["x"], {"index": 1, "of": 4, "count": 3}, "channel_parts(x, 1, 3)[1]"),
    ],
)  # fmt: skip
def test_calls(kind: str, texts: list[str], arguments: dict[str, object], expected: str) -> None:
    assert printed(kind, *texts, **arguments) == expected


@pytest.mark.parametrize(("dims", "mode"), [(1, "linear"), (2, "bilinear"), (3, "trilinear")])
def test_other_dimensions(dims: int, mode: str) -> None:
    assert printed("relu", "y", dims=dims) == "F.relu(y)"
    assert printed("max_pool", "y", dims=dims, kernel=2) == f"F.max_pool{dims}d(y, 2)"
    pool = printed("avg_pool", "y", dims=dims, kernel=3, stride=2)
    assert pool == f"F.avg_pool{dims}d(y, 3, 2)"
    assert printed("interpolate", "y", "x", dims=dims) == (
        f'F.interpolate(y, size=x.shape[-{dims}:], mode="{mode}", align_corners=True)'
    )


def test_a_vector_is_flattened_once_and_made_a_map_where_one_is_needed() -> None:
    pooled = expression(make("global_avg_pool"), [Value("x")], 2)
    linear = expression(make("linear", features=4), [pooled], 2, module="self.fc1")
    assert linear == ("self.fc1(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))", True)
    act = expression(make("relu"), [linear], 2)
    assert act.flat
    second = expression(make("linear", features=8), [act], 2, module="self.fc2")
    assert second.text == f"self.fc2({act.text})"
    scaled = expression(make("mul", 8, 8), [Value("x"), Value("y", True)], 2)
    assert scaled == ("x * y[:, :, None, None]", False)
    both = expression(make("add", 8, 8), [Value("a", True), Value("b", True)], 2)
    assert both == ("a + b", True)
    conv = make("conv", channels=8, kernel=1, dims=1)
    assert expression(conv, [Value("a + b", True)], 1, module="self.conv").text == (
        "self.conv((a + b)[:, :, None])"
    )
    flat = expression(make("flatten", size=7), [Value("x")], 2)
    assert flat == ("torch.flatten(x, 1)", True)


def test_texts_of_values() -> None:
    assert [text(v) for v in (3, 0.5, 1e-6, True, (1, 7), (2,), "none")] == [
        "3", "0.5", "1e-6", "True", "(1, 7)", "(2,)", '"none"'
    ]  # fmt: skip
    assert called("f", "x", a=(1, 1), b=(2, 1)) == "f(x, b=2)"
    assert [atom(t) for t in ("x", "f(x)", "x.y[0]", "-x", "a * b")] == [
        "x", "f(x)", "x.y[0]", "(-x)", "(a * b)"
    ]  # fmt: skip
