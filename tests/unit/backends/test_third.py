"""A back end is a table: a third one, for NumPy, printed and run against PyTorch.

It has the operators of one network, in evaluation; what is not of operators stands in its frame.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import archcompiler
from archcompiler.backends.backend import Backend, Frame
from archcompiler.backends.python import atom, called, text
from archcompiler.backends.record import Apply, Call, Flat, Helper, always
from archcompiler.emit.load import load_module
from archcompiler.emit.render import render_network
from archcompiler.emit.view import NetworkView
from archcompiler.lower.network import dialect


class Record(NamedTuple):
    module: Callable[[Any, int], str] | None = None
    call: Call | None = None
    parts: Call | None = None
    applied: Apply | None = None
    helper: Callable[[int], Helper] | None = None
    helped: Callable[[Any], bool] = always
    flat: Flat = "never"


def helper(name: str, source: str) -> Callable[[int], Helper]:
    return lambda dims: Helper(name, source.strip())


CONV = """
class Conv:
    def __init__(self, channels, kernel, stride=1, padding=0):
        self.weight, self.kernel, self.stride, self.padding = None, kernel, stride, padding

    def __call__(self, x):
        x = np.pad(x, ((0, 0), (0, 0), *[(self.padding, self.padding)] * 2))
        windows = np.lib.stride_tricks.sliding_window_view(x, (self.kernel,) * 2, (2, 3))
        windows = windows[:, :, :: self.stride, :: self.stride]
        return np.einsum("ncyxij,ocij->noyx", windows, self.weight)
"""
NORM = """
class BatchNorm:
    def __init__(self, eps=1e-05):
        self.eps = eps

    def __call__(self, x):
        scale = self.weight / np.sqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]
"""
POOL = '''
def max_pool(x, kernel, stride):
    """In ceil mode, of a map with an even number of pixels."""
    x = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel,) * 2, (2, 3))
    return windows[:, :, ::stride, ::stride].max((4, 5))
'''
RESIZE = '''
def resize(x, size):
    """Linear along each axis, with the corners aligned."""
    for axis, new in zip((2, 3), size):
        old = np.arange(x.shape[axis])
        place = np.linspace(0, old[-1], new)
        shares = np.maximum(0, 1 - np.abs(place[:, None] - old))
        x = np.moveaxis(np.tensordot(shares, x, (1, axis)), 0, axis)
    return x
'''
TABLE = {
    "conv": Record(
        lambda op, dims: called(
            *("Conv", text(op.out_channels), text(op.kernel), text(op.stride)),
            padding=(op.padding, 0),
        ),
        helper=helper("Conv", CONV),
    ),
    "batch_norm": Record(
        lambda op, dims: called("BatchNorm", eps=(op.eps, 1e-5)), helper=helper("BatchNorm", NORM)
    ),
    "relu": Record(call=lambda op, x, dims: f"np.maximum({x[0]}, 0)"),
    "sigmoid": Record(call=lambda op, x, dims: f"1 / (1 + np.exp(-{atom(x[0])}))"),
    "add": Record(call=lambda op, x, dims: " + ".join(map(atom, x))),
    "gate": Record(call=lambda op, x, dims: f"{atom(x[0])} * (1 + {atom(x[1])})"),
    "max_pool": Record(
        call=lambda op, x, dims: f"max_pool({x[0]}, {text(op.kernel)}, {text(op.stride)})",
        helper=helper("max_pool", POOL),
    ),
    "interpolate": Record(
        call=lambda op, x, dims: f"resize({x[0]}, {atom(x[1])}.shape[2:])",
        helper=helper("resize", RESIZE),
    ),
    "global_avg_pool": Record(call=lambda op, x, dims: f"{atom(x[0])}.mean((2, 3))", flat="never"),
    "dropout": Record(call=lambda op, x, dims: x[0], flat="kept"),
    "linear": Record(
        lambda op, dims: "Linear()",
        helper=helper("Linear", "class Linear:\n    __call__ = lambda self, x: x @ self.weight.T"),
        flat="made",
    ),
}
ROW = """
class row:
    def __init__(self, unit, count, in_channels, channels, stride=1):
        self.count = count
        for i in range(1, count + 1):
            setattr(self, f"unit{i}", unit(in_channels, channels, stride))
            in_channels, stride = channels, 1

    def __call__(self, x):
        for i in range(1, self.count + 1):
            x = getattr(self, f"unit{i}")(x)
        return x
"""
SPEC = {
    "name": "tiny",
    "input": [3, 16, 16],
    "classes": 10,
    "stem": {"type": "conv"},
    "stages": [{"channels": 16, "modules": 1, "depth": 1}],
}


@pytest.fixture
def numpy_backend(tmp_path: Path) -> Backend:
    """The table in a frame of no more than a header, and what makes several units."""
    (tmp_path / "file.py.jinja").write_text("{{ imports }}\n\n{{ body }}\n")
    classes = "{% for source in view.helpers + view.classes %}\n\n{{ source }}\n{% endfor %}"
    (tmp_path / "network.py.jinja").write_text(ROW + classes)
    frame = Frame(
        module="object",
        tensor="np.ndarray",
        forward="__call__",
        templates=tmp_path,
        imports={"np": "import numpy as np"},
        flattened=lambda x: f"{x}.reshape(len({x}), -1)",
        unflattened=lambda x, dims: f"{x}[:, :{', None' * dims}]",
    )
    return Backend("numpy", "NumPy", lambda op: TABLE[op.kind], frame)


def test_a_third_back_end_is_a_table(numpy_backend: Backend) -> None:
    network = archcompiler.compile(SPEC)
    words = dialect(network.spec, network.loaded.library)
    source = render_network(NetworkView(network.graph, network.spec, words, numpy_backend))
    own = load_module("tiny_numpy", source).AttentionModule(16, 1, 2, 1, 1)
    torch.manual_seed(0)
    reference = network.module().double().eval().stage1.attention1
    for name, tensor in reference.state_dict().items():
        path, _, attribute = name.rpartition(".")
        module = own
        for part in path.split("."):
            module = getattr(module, part)
        setattr(module, attribute, tensor.numpy())
    x = torch.randn(2, 16, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        np.testing.assert_allclose(own(x.numpy()), reference(x).numpy(), 1e-9, 1e-9)
