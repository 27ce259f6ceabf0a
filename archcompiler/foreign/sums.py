"""Sums that are another operator: T + T·M is the gate (1 + M)·T, and X + Y·(-1) is X - Y."""

from __future__ import annotations

from archcompiler.foreign.rewriting import Read, is_alone, rewritten
from archcompiler.ops.arithmetic import Sub
from archcompiler.ops.channelwise import Scale
from archcompiler.ops.join import Add, Gate, Mul
from archcompiler.verify.isomorphism import Dataflow


def with_sums_read(view: Dataflow) -> Dataflow:
    """A view with another operator in place of each sum, and the term of it, that is one."""
    return rewritten(view, _read)


def _read(view: Dataflow, node: str) -> Read | None:
    """What a sum of two is; of two negatives it is left open which is subtracted."""
    terms = [source for source, _ in view.in_edges(node)]
    if not isinstance(view.nodes[node]["op"], Add) or len(terms) != 2:
        return None
    pairs = [(other, term) for other, term in (terms, terms[::-1]) if is_alone(view, term)]
    for trunk, product in pairs:
        factors = [source for source, _ in view.in_edges(product)]
        # A gate has the shape of its trunk: one that is spread over the mask is none.
        spread = view.nodes[trunk]["label"][2] != view.nodes[node]["label"][2]
        if isinstance(view.nodes[product]["op"], Mul) and trunk in factors and not spread:
            factors.remove(trunk)
            return Read(Gate("residual"), (trunk, factors[0]), (product,))
    negatives = [pair for pair in pairs if view.nodes[pair[1]]["op"] == Scale(-1)]
    if len(negatives) != 1:
        return None
    minuend, negative = negatives[0]
    (subtrahend,) = view.predecessors(negative)
    return Read(Sub(), (minuend, subtrahend), (negative,))
