"""A block as it is in inference: batch norms are folded into the layers before them, and what is
added to a convolution of the same map is part of it.

This is done where the block is written, before it has numbers, so that the graph, the proof and the
printed class come of it as of any other block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from archcompiler.language.definition import Definition, Fold, Rule
from archcompiler.language.merging import Words, merged

Steps: TypeAlias = tuple[Rule, ...]

LAYERS: Final = {"conv": False, "conv_transpose": False, "linear": True}
"""Operators that take a batch norm in, and whether they have a bias where a step says nothing."""

TRAINING: Final = ("dropout", "drop_path")
"""Operators that hand their input on in inference."""


def folded(definition: Definition, words: Words) -> Definition:
    """The block without the batch norms that a layer takes in, and without the branches that a
    convolution does.

    A layer does if it is there wherever its batch norm is, and nothing else reads it; so does a
    convolution that has all of a sum in. Steps that act in training alone are left out first.
    """
    steps = definition.steps
    for rule in definition.steps:
        rule = _by_now(steps, rule)
        if definition.runs(rule, TRAINING) and rule.otherwise == rule.inputs[0]:
            steps = _without(steps, rule, rule.otherwise) or steps

    def layers(layer: Rule, norm: Rule) -> bool:
        return definition.runs(layer, LAYERS)

    steps, folds = _norms_taken_in(replace(definition, steps=steps), words, layers)
    block = merged(replace(definition, steps=steps, folds=folds), words)

    def sums(layer: Rule, norm: Rule) -> bool:
        return layer.name in block.branches

    steps, folds = _norms_taken_in(block, words, sums)
    return replace(block, steps=steps, sum_folds=folds)


def _norms_taken_in(
    block: Definition, words: Words, can: Callable[[Rule, Rule], bool]
) -> tuple[Steps, dict[str, Fold]]:
    """The steps of a block, some layers with a batch norm in, and these."""
    steps = block.steps
    folds: dict[str, Fold] = {}
    for norm in steps:
        if not block.runs(norm, words.batch_norms):
            continue
        norm = _by_now(steps, norm)
        layer = next((rule for rule in steps if rule.name in norm.inputs), None)
        if layer is None or layer.name in folds or not can(layer, norm):
            continue
        rest = _without(steps, norm, layer.name) if _fits(layer, norm, steps) else None
        if rest is None:
            continue
        folds[layer.name] = Fold(layer, norm)
        bias = True if norm.when is None or layer.when is not None else norm.when.text
        biased = layer._replace(arguments={**layer.arguments, "bias": bias})
        steps = tuple(biased if rule.name == layer.name else rule for rule in rest)
    return steps, folds


def _by_now(steps: Steps, rule: Rule) -> Rule:
    """A step as it stands among these: what it reads may have another name."""
    return next(step for step in steps if step.name == rule.name)


def _fits(layer: Rule, norm: Rule, steps: Steps) -> bool:
    """Whether a layer can take a batch norm in."""
    readers = [rule.name for rule in steps if layer.name in (*rule.inputs, rule.otherwise)]
    if readers != [norm.name] or norm.otherwise not in (layer.name, layer.otherwise):
        return False
    if layer.condition == norm.condition:
        return True
    # The bias is then there where the batch norm is, which one of its own need not be.
    own = layer.arguments.get("bias", LAYERS[layer.op])
    return layer.when is None and norm.otherwise == layer.name and own is False


def _without(steps: Steps, gone: Rule, other: str) -> Steps | None:
    """The steps but for one, whose readers read another; None if the block then gives no longer
    what it gave, the last of them.
    """
    rest = tuple(rule.reading(other, gone.name) for rule in steps if rule.name != gone.name)
    if steps[-1].name == gone.name and (not rest or rest[-1].name != other):
        return None
    return rest
