"""A block as it is in inference: batch norms are folded into the layers before them.

This is done where the block is written, before it has numbers, so that the graph, the proof and the
printed class come of it as of any other block.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from archcompiler.language.definition import Definition, Fold, Rule

LAYERS: Final = {"conv": False, "linear": True}
"""Operators that take a batch norm in, and whether they have a bias where a step says nothing."""


def folded(definition: Definition, batch_norms: frozenset[str]) -> Definition:
    """The block without the batch norms, steps of these operators, that a layer takes in.

    A layer does if it is one wherever its batch norm is, and nothing else reads it.
    """
    steps = list(definition.steps)
    folds: dict[str, Fold] = {}
    for norm in definition.steps:
        if norm.op not in batch_norms or norm.op in definition.slots:
            continue
        at = next((i for i, rule in enumerate(steps) if rule.name in norm.inputs), None)
        if at is None or not _takes(definition, steps[at], norm):
            continue
        layer = steps[at]
        bias: Any = True
        if layer.when is None and norm.when is not None:
            bias = norm.when.text
        folds[layer.name] = Fold(layer, norm)
        steps[at] = replace(layer, arguments={**layer.arguments, "bias": bias})
        steps = [_renamed(r, norm.name, layer.name) for r in steps if r.name != norm.name]
    return replace(definition, steps=tuple(steps), folds=folds) if folds else definition


def _takes(definition: Definition, layer: Rule, norm: Rule) -> bool:
    """Whether a layer can take a batch norm in."""
    if layer.op not in LAYERS or layer.op in definition.slots:
        return False
    readers = [r for r in definition.steps if layer.name in (*r.inputs, r.otherwise)]
    if readers != [norm] or norm.inputs != (layer.name,):
        return False
    *_, before, last = definition.steps
    if norm is last and layer.name != before.name:
        return False  # what a block gives is its last step
    if norm.otherwise not in (layer.name, layer.otherwise):
        return False
    if _text(layer) == _text(norm):
        return True
    # The bias is then there where the batch norm is, which one of its own need not be.
    own = layer.arguments.get("bias", LAYERS[layer.op])
    return layer.when is None and norm.otherwise == layer.name and own is False


def _text(rule: Rule) -> str | None:
    return None if rule.when is None else rule.when.text


def _renamed(rule: Rule, old: str, new: str) -> Rule:
    """A step that reads `new` in place of `old`."""
    inputs = tuple(new if name == old else name for name in rule.inputs)
    return replace(rule, inputs=inputs, otherwise=new if rule.otherwise == old else rule.otherwise)
