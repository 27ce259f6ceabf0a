"""Every operator against torch, as it is printed: shape, parameters, costs, windows, trace."""

from __future__ import annotations

from copy import copy
from dataclasses import FrozenInstanceError, fields
from itertools import product
from typing import Any

import pytest
import torch
from operator_examples import APPLIED, EXAMPLES, POSITIVE, Applied, module
from saved_tensors import kept_bytes
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from archcompiler.backends.torch import torch_op
from archcompiler.backends.torch.trace import trace
from archcompiler.ir import TensorType
from archcompiler.ops.argument import REQUIRED
from archcompiler.ops.base import Operator, ShapeError
from archcompiler.ops.cost import BYTES
from archcompiler.ops.registry import operators
from archcompiler.verify.counts import fvcore_counts


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    torch.set_num_threads(1)


every = pytest.mark.parametrize("applied", APPLIED, ids=str)


def images(inputs: tuple[TensorType, ...], batch: int = 1, **options: Any) -> list[Tensor]:
    return [torch.randn(batch, x.channels, *x.size, **options) for x in inputs]


def test_every_operator_has_an_example() -> None:
    assert {example.kind for example in EXAMPLES} == set(operators())


@every
def test_shape(applied: Applied) -> None:
    op, inputs = applied.op, applied.inputs
    output = op.shape(inputs)
    made = module(op, inputs).eval()(*images(inputs, 2))
    flat = torch_op(op).flat == "made"
    assert made.shape == ((2, output.channels) if flat else (2, output.channels, *output.size))
    assert output.dims == applied.dims
    if op.kind not in OUTPUT_CHANNELS_ARE_PIXELS:
        assert op.out(applied.example.channels) == output.channels


OUTPUT_CHANNELS_ARE_PIXELS = {"dot"}


@every
def test_inputs_without_pixels_give_an_output_without_pixels(applied: Applied) -> None:
    output = applied.op.shape(tuple(x.exhausted for x in applied.inputs))
    assert output.dims == applied.dims
    if applied.example.kind != "linear":
        assert output.empty


@every
def test_an_operator_that_keeps_the_size_keeps_any(applied: Applied) -> None:
    if applied.op.keeps_size:
        for side in (1, 2, 3, 8, 33):
            size = (side,) * applied.dims
            inputs = tuple(TensorType(x.channels, *size) for x in applied.inputs)
            assert applied.op.shape(inputs).size == size


@every
def test_another_number_of_inputs_is_an_error(applied: Applied) -> None:
    x, most = applied.inputs[0], applied.op.arity[1]
    with pytest.raises(ShapeError, match="but gets 0"):
        applied.op.shape(())
    if most is not None:
        with pytest.raises(ShapeError, match=f"takes .*input.*, but gets {most + 1}"):
            applied.op.shape((x,) * (most + 1))


@every
def test_parameters_and_buffers(applied: Applied) -> None:
    made = module(applied.op, applied.inputs)
    assert sum(p.numel() for p in made.parameters()) == applied.op.parameters
    assert sum(b.numel() for b in made.buffers()) == applied.op.buffers


@every
def test_multiply_accumulates(applied: Applied) -> None:
    op, inputs = applied.op, applied.inputs
    work = op.work(inputs, op.shape(inputs))
    made = module(op, inputs).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        made(*images(inputs))
    assert counter.get_total_flops() == 2 * work.macs


@every
def test_what_fvcore_counts(applied: Applied) -> None:
    op, inputs = applied.op, applied.inputs
    work = op.work(inputs, op.shape(inputs))
    counts, unsupported, _ = fvcore_counts(module(op, inputs).eval(), *images(inputs))
    assert counts[""] == work.fvcore_flops
    assert unsupported <= torch_op(op).uncounted


@every
def test_what_autograd_keeps(applied: Applied) -> None:
    """Also where some inputs have no gradient, as the image has none."""
    op, inputs = applied.op, applied.inputs
    output = op.shape(inputs)
    made = module(op, inputs).train()
    roles = op.roles(len(inputs))
    for graded in product((True, False), repeat=len(inputs)):
        counted = tuple(g and role != "size" for g, role in zip(graded, roles, strict=True))
        saved = op.kept(inputs, output, counted)
        assert not all(graded) or saved == op.saved(inputs, output)
        maps = sum(inputs[i].numel for i in saved.inputs) + output.numel * saved.output
        maps += saved.copied(inputs)
        for batch in (1, 3):
            xs = images(inputs, batch)
            for x, gradient in zip(xs, graded, strict=True):
                x.requires_grad_(gradient)
            expected = batch * (BYTES * maps + saved.image_bytes) + saved.batch_bytes
            assert kept_bytes(made, *xs) == expected


@every
def test_windows_are_what_gradients_see(applied: Applied) -> None:
    torch.manual_seed(0)
    op, inputs = applied.op, applied.inputs
    output, roles = op.shape(inputs), op.roles(len(inputs))
    made = module(op, inputs).double().eval()
    for parameter in made.parameters():
        torch.nn.init.uniform_(parameter, 0.2, 1.8)
    # Of many images, one is sure to have its largest element at each place of a window.
    batch = 64 if "max" in str(applied) else 8
    xs = images(inputs, batch, dtype=torch.float64)
    xs = [(x.abs() if op.kind in POSITIVE else x).requires_grad_() for x in xs]
    y = made(*xs)
    y = y.reshape(*y.shape, *(1,) * (applied.dims + 2 - y.dim()))
    for axis in range(applied.dims):
        sizes = [x.size[axis] for x in inputs]
        for position in range(output.size[axis]):
            row = y.select(axis + 2, position)
            weights = torch.rand_like(row) + 0.5
            seen = torch.autograd.grad(
                (row * weights).sum(), xs, retain_graph=True, allow_unused=True
            )
            for gradient, size, role in zip(seen, sizes, roles, strict=True):
                if role == "size":
                    continue
                first, last = window_of(op, role, position, size, output.size[axis], axis)
                found = reach(gradient, axis)
                clipped = (max(0, first), min(size - 1, last))
                if bounds(op):
                    assert found is None or clipped[0] <= found[0] <= found[1] <= clipped[1]
                else:
                    assert found == clipped, (axis, position, role)


def window_of(op: Operator, role: str, *place: int) -> tuple[int, int]:
    return (0, place[1] - 1) if role in op.whole else op.window(*place)


def bounds(op: Operator) -> bool:
    """Whether a window is an upper bound: it spans the gaps of a dilation, or other parts."""
    return getattr(op, "dilation", 1) != 1 or (op.kind == "concat" and not op.isotropic)


def reach(gradient: Tensor, axis: int) -> tuple[int, int] | None:
    """First and last position with a gradient along an axis; None if there is none."""
    used = gradient.abs().sum(tuple(d for d in range(gradient.dim()) if d != axis + 2))
    (where,) = torch.nonzero(used > 1e-12 * used.max(), as_tuple=True)
    return (int(where[0]), int(where[-1])) if len(where) else None


@every
def test_the_trace_has_the_operator(applied: Applied) -> None:
    op, inputs = applied.op.simplified, applied.inputs
    traced = trace(module(applied.op, inputs).eval(), *inputs)
    nodes = {name: label for name, label in traced.nodes(data="label") if label[0] != "input"}
    if op is None:
        assert nodes == {}
        return
    ((name, label),) = nodes.items()
    assert label == (op.kind, op.attributes(), op.shape(inputs))
    roles = op.roles(len(inputs))
    expected = {(f"x{i}", role) for i, role in enumerate(roles, 1)}
    assert {(source, role) for source, _, role in traced.in_edges(name, data="role")} == expected
    assert traced.nodes[name]["weights"] == (op.parameters > 0)


@every
def test_operators_are_values(applied: Applied) -> None:
    op = applied.op
    again = copy(op)
    assert again is not op
    assert (again, hash(again)) == (op, hash(op))
    assert eval(repr(op), {type(op).__name__: type(op)}) == op
    others = [other.op for other in APPLIED]
    same = [type(x) is type(op) and vars(x) == vars(op) for x in others]
    assert [x == op for x in others] == same
    for field in fields(op):
        with pytest.raises(FrozenInstanceError):
            setattr(op, field.name, 1)


class Symbol:
    """A number that is not known: it can be calculated with, and not compared."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __add__(self, other: Any) -> Symbol:
        return Symbol(f"({self} + {other})")

    def __radd__(self, other: Any) -> Symbol:
        return Symbol(f"({other} + {self})")

    def __sub__(self, other: Any) -> Symbol:
        return Symbol(f"({self} - {other})")

    def __rsub__(self, other: Any) -> Symbol:
        return Symbol(f"({other} - {self})")

    def __mul__(self, other: Any) -> Symbol:
        return Symbol(f"({self} * {other})")

    def __rmul__(self, other: Any) -> Symbol:
        return Symbol(f"({other} * {self})")

    def __floordiv__(self, other: Any) -> Symbol:
        return Symbol(f"({self} // {other})")

    def __truediv__(self, other: Any) -> Symbol:
        return Symbol(f"({self} / {other})")

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("a symbol was compared")

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __mod__ = _refuse  # type: ignore[assignment]


@every
def test_symbols_print_what_numbers_print(applied: Applied) -> None:
    example, dims = applied.example, applied.dims
    numbers = {f"c{i}": c for i, c in enumerate(example.channels)}
    arguments: dict[str, Any] = {}
    for name, value in example.arguments.items():
        value = value[:dims] if isinstance(value, list) else value
        whole = operators()[example.kind].arguments[name].type in ("int", "ints")
        if whole and isinstance(value, int):
            numbers[name] = value
            arguments[name] = Symbol(name)
        else:
            arguments[name] = value
    channels = tuple(Symbol(f"c{i}") for i in range(len(example.channels)))
    op = operators()[example.kind].make(channels, dims, **arguments)
    names = [f"x{i}" for i in range(len(channels))]
    record = torch_op(op)
    if record.module is not None:
        printed = record.module(op, dims)
    else:
        assert record.call is not None
        printed = record.call(op, names, dims)
    compile(printed, "printed", "eval")
    if applied.example.kind not in OUTPUT_CHANNELS_ARE_PIXELS:
        out = eval(str(op.out(channels)), {}, dict(numbers))
        assert out == applied.op.shape(applied.inputs).channels
    if record.module is not None and record.helper is None:
        made = eval(printed, {"nn": torch.nn}, numbers)
        assert str(made) == str(module(applied.op, applied.inputs).op)


@pytest.mark.parametrize("kind", operators())
def test_defaults_of_a_step_are_those_of_the_operator(kind: str) -> None:
    """Making an operator with all defaults written out changes nothing."""
    for example in (e for e in EXAMPLES if e.kind == kind):
        cls, dims = operators()[kind], example.dims[0]
        given = {k: v[:dims] if isinstance(v, list) else v for k, v in example.arguments.items()}
        defaults = {k: a.default for k, a in cls.arguments.items() if a.default is not REQUIRED}
        made = cls.make(example.channels, dims, **given)
        assert made == cls.make(example.channels, dims, **{**defaults, **given})
