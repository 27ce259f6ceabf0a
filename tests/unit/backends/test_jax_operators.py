"""Every operator in JAX against PyTorch, as both are printed: values, gradients, trace.

All operators of one number of dimensions are one function of JAX: compiling it takes most of the
time, and seconds where one at a time would take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from jax.extend.core import Literal, jaxprs_in_params
from jax_networks import drop_nothing
from operator_examples import APPLIED, POSITIVE, Applied, Example, module
from shipped import EVERY_SPEC

from archcompiler.backends.backend import backend
from archcompiler.backends.jax import JaxOp, jax_op
from archcompiler.backends.jax.ops.reduce import merged
from archcompiler.backends.jax.trace import trace
from archcompiler.backends.record import Helper, Value
from archcompiler.emit.load import load_module
from archcompiler.ops.registry import FAMILIES, operator

JAX = backend("jax")
WEIGHTS = {
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
    "batches": "num_batches_tracked",
}
DIMS = (1, 2, 3) if EVERY_SPEC else (2,)
SHOWN = [applied for applied in APPLIED if applied.dims in DIMS]


def needed(helper: Helper) -> Iterator[Helper]:
    for other in helper.needs:
        yield from needed(other)
    yield helper


def source(applied: Applied) -> str:
    """A module that applies an operator, as an emitted file has it."""
    op, dims = applied.op, applied.dims
    names = [f"x{i}" for i in range(1, len(applied.inputs) + 1)]
    made = JAX.record(op).module
    result = JAX.expression(op, [Value(name) for name in names], dims, module="self.op")
    own = JAX.helper(op, dims)
    helpers = [*JAX.frame.helpers(dims), *(needed(own) if own is not None else ())]
    imports = {line for helper in helpers for line in helper.imports}
    return "\n\n".join(
        [
            "from __future__ import annotations",
            "\n".join([*sorted(imports), *JAX.frame.imports.values()]),
            'conv_init = nnx.initializers.variance_scaling(2.0, "fan_out", "normal")',
            *(helper.source for helper in helpers),
            "class Module(nnx.Module):\n"
            "    def __init__(self, rngs: nnx.Rngs) -> None:\n"
            f"        self.op = {made(op, dims) if made is not None else None}\n\n"
            f"    def __call__(self, {', '.join(names)}):\n"
            f"        return {result.text}\n",
        ]
    )


def made(applied: Applied) -> Any:
    """With shapes in place of weights: making these takes longer than all else."""
    file = load_module("jax_operator", source(applied))
    module = nnx.eval_shape(lambda: file.Module(nnx.Rngs(0)))
    module.eval()
    return module


def last(x: Any) -> Any:
    return np.moveaxis(x.detach().numpy(), 1, -1) if x.dim() > 2 else x.detach().numpy()


def first(array: Any) -> Any:
    return np.moveaxis(np.asarray(array), -1, 1)


def weights_of(reference: torch.nn.Module, own: nnx.Module) -> None:
    """Give a module of JAX the weights of PyTorch's, by their names."""
    theirs = dict(reference.op.state_dict()) if reference.op is not None else {}
    for path, variable in nnx.to_flat_state(nnx.state(own, (nnx.Param, nnx.BatchStat))):
        array = theirs.pop(WEIGHTS.get(path[-1], path[-1])).numpy()
        variable.set_value(
            jnp.asarray(np.moveaxis(array, (0, 1), (-1, -2)) if array.ndim > 1 else array)
        )


@pytest.mark.parametrize("dims", DIMS)
def test_values_and_gradients(dims: int) -> None:
    torch.manual_seed(0)
    cases = [applied for applied in SHOWN if applied.dims == dims]
    wanted, arguments, definitions, states = [], [], [], []
    with jax.enable_x64(True):
        for applied in cases:
            reference = module(applied.op, applied.inputs).double().eval()
            for parameter in reference.parameters():
                torch.nn.init.uniform_(parameter, 0.5, 1.5)
            inputs = [
                torch.randn(2, x.channels, *x.size, dtype=torch.float64) for x in applied.inputs
            ]
            if applied.op.kind in POSITIVE:
                inputs = [x.abs() for x in inputs]
            inputs = [x.requires_grad_() for x in inputs]
            output = reference(*inputs)
            towards = torch.randn_like(output)
            slopes = torch.autograd.grad((output * towards).sum(), inputs, allow_unused=True)
            wanted.append(
                (output.detach().numpy(), [None if s is None else s.numpy() for s in slopes])
            )
            own = made(applied)
            weights_of(reference, own)
            drop_nothing([own.op])
            definition, state = nnx.split(own)
            definitions.append(definition)
            states.append(state)
            arguments.append(([last(x) for x in inputs], last(towards)))

        def every(states: list[Any], arguments: list[Any]) -> list[Any]:
            found = []
            for definition, state, (inputs, towards) in zip(
                definitions, states, arguments, strict=True
            ):
                model = nnx.merge(definition, state)
                # JAX makes its derivatives itself, and takes twice as long.
                output, back = jax.vjp(model, *inputs) if EVERY_SPEC else (model(*inputs), None)
                found.append((output, None if back is None else back(towards)))
            return found

        plainly = {"xla_backend_optimization_level": 0}
        found = jax.jit(every, compiler_options=plainly)(states, arguments)
    for applied, (output, slopes), (own_output, own_slopes) in zip(
        cases, wanted, found, strict=True
    ):
        # PyTorch's derivative of a hard sigmoid has a sixth in float32.
        near = 1e-7 if applied.op.kind.startswith("hard") else 1e-10
        np.testing.assert_allclose(first(own_output), output, 1e-10, 1e-10, err_msg=str(applied))
        for slope, own_slope in zip(slopes, own_slopes, strict=True) if EVERY_SPEC else ():
            expected = np.zeros_like(first(own_slope)) if slope is None else slope
            np.testing.assert_allclose(first(own_slope), expected, near, near, err_msg=str(applied))


LARGEST = [
    Applied(Example("global_max_pool"), 2),
    Applied(Example("adaptive_max_pool", {"size": 3}), 2),
    Applied(Example("adaptive_max_pool", {"size": 3}), 3),
    Applied(Example("max_pool", {"kernel": 3, "stride": 2, "padding": 1}), 2),
    Applied(Example("max_pool", {"kernel": 3, "stride": 1, "padding": 1, "dilation": 2}), 2),
    Applied(Example("reduce", {"how": "max", "axis": "channels"}), 1),
    Applied(Example("reduce", {"how": "max", "axis": "positions"}), 1),
    Applied(Example("reduce", {"how": "max", "axis": "positions"}), 2),
    Applied(Example("reduce", {"how": "max", "axis": "height"}), 2),
    Applied(Example("maximum", channels=(4, 1), sizes=((7, 6, 5), (7, 6, 5))), 2),
]


@pytest.mark.parametrize("applied", LARGEST, ids=str)
def test_equal_elements_have_the_gradients_of_pytorch(applied: Applied) -> None:
    """Which are shared evenly by some operators, and that of the first by others."""
    torch.manual_seed(0)
    inputs = [
        torch.randint(0, 3, (2, x.channels, *x.size)).double().requires_grad_()
        for x in applied.inputs
    ]
    output = module(applied.op, applied.inputs)(*inputs)
    towards = torch.randn_like(output)
    wanted = torch.autograd.grad((output * towards).sum(), inputs)
    with jax.enable_x64(True):
        own, back = jax.vjp(made(applied), *(last(x) for x in inputs))
        found = back(jnp.asarray(last(towards)))
    np.testing.assert_array_equal(first(own), output.detach().numpy())
    for slope, own_slope in zip(wanted, found, strict=True):
        np.testing.assert_allclose(first(own_slope), slope.numpy(), 1e-12, 1e-12)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("applied", LARGEST[:-1], ids=str)
def test_a_gradient_of_the_largest_survives_what_xla_computes_again(
    applied: Applied, level: int
) -> None:
    """At level 0 it rounds a `tanh` otherwise where it is fused with what comes after it."""
    (type_,) = applied.inputs
    own = made(applied)

    def loss(x: Any, scale: Any) -> Any:
        y = jnp.tanh(x) * scale * scale + scale
        return jnp.sum(own(y) * jnp.sum(y * y))

    with jax.enable_x64(True):
        generator = np.random.default_rng(0)
        x = generator.standard_normal((2, *type_.size, type_.channels))
        scale = generator.standard_normal(type_.channels)
        slopes = jax.grad(loss, (0, 1))
        options = {"xla_backend_optimization_level": level}
        found = jax.jit(slopes, compiler_options=options)(x, scale)
        for own_slope, slope in zip(found, slopes(x, scale), strict=True):
            np.testing.assert_allclose(own_slope, slope, 1e-9, 1e-9)


@pytest.mark.parametrize("applied", SHOWN, ids=str)
def test_no_gradient_asks_what_equals_a_result(applied: Applied) -> None:
    """XLA may compute either once more, rounded otherwise."""
    own = made(applied)

    def slopes(towards: Any, *inputs: Any) -> Any:
        return jax.vjp(own, *inputs)[1](towards)

    with jax.enable_x64(True):
        inputs = [
            jax.ShapeDtypeStruct((2, *x.size, x.channels), jnp.float64) for x in applied.inputs
        ]
        weights = nnx.state(own, (nnx.Param, nnx.BatchStat))
        nnx.update(own, jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), weights))
        jaxpr = jax.make_jaxpr(slopes)(jax.eval_shape(own, *inputs), *inputs)
    compared = [
        equation
        for equation in equations(jaxpr.jaxpr)
        if equation.primitive.name in ("eq", "eq_to")
        and all(
            jnp.issubdtype(x.aval.dtype, jnp.floating) and not isinstance(x, Literal)
            for x in equation.invars
        )
    ]
    if applied.op.kind == "softmax":
        return  # it stops the gradient of what it subtracts, and nobody reads the comparison
    # An element has the largest index beside.
    assert len(compared) <= (getattr(applied.op, "how", "") == "max"), compared


def equations(jaxpr: Any) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for below in jaxprs_in_params(equation.params):
            yield from equations(below)


@pytest.mark.parametrize("applied", SHOWN, ids=str)
def test_the_trace_has_the_operator(applied: Applied) -> None:
    op, inputs = merged(applied.op).simplified, applied.inputs
    traced = trace(made(applied), *inputs)
    nodes = {name: label for name, label in traced.nodes(data="label") if label[0] != "input"}
    if op is None:
        assert nodes == {}
        return
    ((name, label),) = nodes.items()
    assert label == (op.kind, op.attributes(), op.shape(inputs))
    expected = {(f"x{i}", role) for i, role in enumerate(op.roles(len(inputs)), 1)}
    assert {(source, role) for source, _, role in traced.in_edges(name, data="role")} == expected
    assert traced.nodes[name]["weights"] == (op.parameters > 0)


def test_every_operator_has_a_record() -> None:
    assert {kind for kind in FAMILIES if isinstance(jax_op(operator(kind)), JaxOp)} == set(FAMILIES)
