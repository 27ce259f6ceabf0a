"""What has which width by autocast, against what torch casts."""

from __future__ import annotations

import pytest
import torch
from cuda_autocast import HALF, SINGLE, CudaAutocast, dispatched
from operator_examples import EXAMPLES, Applied, module

from archcompiler.analysis.widths import Widths
from archcompiler.ir import INPUT, Node, TensorType
from archcompiler.ops.channelwise import LayerScale
from archcompiler.ops.conv import Conv

BATCH = 3
BYTES = {HALF: 2, SINGLE: 4}
OF = {2: HALF, 4: SINGLE}
ASKS_CUDA = ("batch_norm", "take")
"""What torch asks a device for, even for tensors without data."""
APPLIED = [Applied(example, dims) for example in EXAMPLES for dims in example.dims]


def typed(path: str, type: TensorType, dtype: torch.dtype) -> Node:
    """An operator whose output has a type."""
    op = Conv(type.channels, type.channels, 1) if dtype is HALF else LayerScale(type.channels)
    return Node(path, op, (INPUT,), type, (), ())


def expected(
    applied: Applied, device: str, dtypes: tuple[torch.dtype, ...]
) -> tuple[torch.dtype, set[tuple[int, torch.dtype]]]:
    inputs = applied.inputs
    names = tuple(f"x{i}" for i in range(len(inputs)))
    nodes = [typed(*each) for each in zip(names, inputs, dtypes, strict=True)]
    node = Node("op", applied.op, names, applied.op.shape(inputs), (), ())
    widths = Widths([*nodes, node], inputs[0], device)  # type: ignore[arg-type]
    copies = {
        (BATCH * type.numel, OF[width])
        for name, type in zip(names, inputs, strict=True)
        if (width := widths.copy(name, node))
    }
    return OF[widths.of["op"]], copies


def patterns(count: int) -> list[tuple[torch.dtype, ...]]:
    """All of one type, and the first unlike the others."""
    same = [(HALF,) * count, (SINGLE,) * count]
    mixed = [(HALF, *(SINGLE,) * (count - 1)), (SINGLE, *(HALF,) * (count - 1))]
    return same + mixed * (count > 1)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("applied", APPLIED, ids=str)
def test_what_torch_casts(applied: Applied, device: str) -> None:
    kind, inputs = applied.example.kind, applied.inputs
    if device == "cuda" and kind in ASKS_CUDA:
        pytest.skip("torch asks the device")
    made = module(applied.op, inputs).train()
    sizes = {BATCH * type.numel for type in inputs}
    shapes = [(BATCH, type.channels, *type.size) for type in inputs]
    for dtypes in patterns(len(inputs)):
        found, casts = dispatched(made, device, list(zip(shapes, dtypes, strict=True)))
        of_maps = {cast for cast in casts if cast[0] in sizes}
        foreseen = expected(applied, device, dtypes)
        if kind == "blur_pool":
            # Its edges are reflected in another type than it is then multiplied in.
            assert found == foreseen[0]
        else:
            assert (found, of_maps) == foreseen, dtypes


@pytest.mark.parametrize("applied", APPLIED, ids=str)
def test_what_a_cpu_does_in_place_of_cuda(applied: Applied) -> None:
    """The tests of plans on CUDA run by an autocast of ours: it gives the types that torch does."""
    kind, inputs = applied.example.kind, applied.inputs
    shapes = [(BATCH, type.channels, *type.size) for type in inputs]
    for dtypes in patterns(len(inputs)):
        made = module(applied.op, inputs).train().to("meta")
        maps = [torch.empty(s, dtype=d, device="meta") for s, d in zip(shapes, dtypes, strict=True)]
        with CudaAutocast():
            found = made(*maps)
        assert found.dtype == expected(applied, "cuda", dtypes)[0], kind
