"""Activations that are written out: SiLU and its kin, a map times a function of it."""

from __future__ import annotations

from math import isclose

from archcompiler.foreign.rewriting import Read, is_alone, rewritten
from archcompiler.ops.activation import (
    HardSigmoid,
    HardSwish,
    Mish,
    Relu6,
    Sigmoid,
    Silu,
    Softplus,
    Tanh,
)
from archcompiler.ops.arithmetic import Shift
from archcompiler.ops.channelwise import Scale
from archcompiler.ops.join import Mul
from archcompiler.verify.isomorphism import Dataflow


def with_activations_read(view: Dataflow) -> Dataflow:
    """A view with one operator in place of each activation that is several."""
    # A product may be with an activation that is several operators itself.
    return rewritten(rewritten(view, _hard), _product)


def _hard(view: Dataflow, node: str) -> Read | None:
    """`relu6(x + 3) / 6`, and the product of `x` with it."""
    if (inner := _sixth(view, node)) is None:
        return None
    if (shift := _ramp(view, inner)) is not None:
        return Read(HardSigmoid(), (_input(view, shift),), (inner, shift))
    if isinstance(view.nodes[inner]["op"], Mul):
        for x, ramp in _pairs(view, inner):
            shift = _ramp(view, ramp) if is_alone(view, ramp) else None
            if shift is not None and _input(view, shift) == x:
                return Read(HardSwish(), (x,), (inner, ramp, shift))
    return None


def _sixth(view: Dataflow, node: str) -> str | None:
    """What a node is a sixth of, if nothing else reads that."""
    op = view.nodes[node]["op"]
    if not isinstance(op, Scale) or not isclose(op.factor, 1 / 6, rel_tol=1e-6):
        return None
    inner = _input(view, node)
    return inner if is_alone(view, inner) else None


def _ramp(view: Dataflow, node: str) -> str | None:
    """The `x + 3` of `relu6(x + 3)`."""
    if not isinstance(view.nodes[node]["op"], Relu6):
        return None
    shift = _input(view, node)
    return shift if is_alone(view, shift) and view.nodes[shift]["op"] == Shift(3) else None


def _product(view: Dataflow, node: str) -> Read | None:
    """`x * sigmoid(x)`, `x * hardsigmoid(x)` and `x * tanh(softplus(x))`."""
    if not isinstance(view.nodes[node]["op"], Mul):
        return None
    for x, factor in _pairs(view, node):
        op = view.nodes[factor]["op"]
        if not is_alone(view, factor):
            continue
        if isinstance(op, Sigmoid | HardSigmoid) and _input(view, factor) == x:
            return Read(Silu() if isinstance(op, Sigmoid) else HardSwish(), (x,), (factor,))
        if isinstance(op, Tanh):
            inner = _input(view, factor)
            softplus = isinstance(view.nodes[inner]["op"], Softplus) and is_alone(view, inner)
            if softplus and _input(view, inner) == x:
                return Read(Mish(), (x,), (factor, inner))
    return None


def _pairs(view: Dataflow, node: str) -> list[tuple[str, str]]:
    """The two factors of a product, in either order."""
    factors = [source for source, _ in view.in_edges(node)]
    return [(factors[0], factors[1]), (factors[1], factors[0])] if len(factors) == 2 else []


def _input(view: Dataflow, node: str) -> str:
    """What an operator of one input reads."""
    (source,) = view.predecessors(node)
    return str(source)
