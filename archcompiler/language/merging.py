"""Branches of a sum that are part of one convolution in inference, as those of RepVGG are.

A convolution is linear. What is added to it and is made of the same map by another convolution of
its stride and groups, by a batch norm or by nothing at all is a part of its weights and its bias
(Ding et al., CVPR 2021, section 3.3).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from archcompiler.language.definition import Branch, Definition, Rule, X
from archcompiler.language.expression import Expression

NO_ARGUMENTS: Final = {"stride": 1, "groups": 1, "dilation": 1, "bias": False}
"""What a convolution has where a step says nothing."""
KEEPING: Final = ("norm", "act")
"""Operators that give the channels that they get, as batch norms do."""


def merged(block: Definition, batch_norms: frozenset[str]) -> Definition:
    """The block, whose batch norms are folded, without the branches that a convolution takes in.

    It does if nothing but the sum reads either, and the branch is there wherever the sum is.
    """
    for rule in block.steps:
        if block.runs(rule, ("add",)):
            while found := next(_found(block, rule.name, batch_norms), None):
                block = _without(block, rule.name, *found)
    return block


def _found(
    block: Definition, name: str, batch_norms: frozenset[str]
) -> Iterator[tuple[Rule, str, Branch]]:
    """A convolution in a sum, and another input of the sum that is a branch of it."""
    total = _step(block, name)
    if total is None:
        return
    for conv in block.steps:
        if conv.name in total.inputs and _takes(block, conv, total):
            for other in total.inputs:
                branch = _branch(block, total, conv, other, batch_norms)
                if branch is not None:
                    yield conv, other, branch


def _step(block: Definition, name: str) -> Rule | None:
    return next((rule for rule in block.steps if rule.name == name), None)


def _takes(block: Definition, conv: Rule, total: Rule) -> bool:
    """Whether a convolution can be in place of a sum that it is in."""
    return _kernel(block, conv) is not None and conv.when is None and _alone(block, conv, total)


def _branch(
    block: Definition, total: Rule, conv: Rule, name: str, batch_norms: frozenset[str]
) -> Branch | None:
    """An input of the sum as a part of the convolution, if it is one."""
    biased = conv.arguments.get("bias", False)
    if name == conv.inputs[0]:
        there = _same_shape(block, conv, total.when, batch_norms) and total.inputs.count(name) == 1
        return Branch(None, None, total.when) if there else None
    other = _step(block, name)
    if (
        other is None
        or other is conv
        or other.inputs != conv.inputs
        or other.condition not in (None, total.condition)
        or not _alone(block, other, total)
    ):
        return None
    if block.runs(other, batch_norms):
        there = biased and _same_shape(block, conv, total.when, batch_norms)
        return Branch(None, other, total.when) if there else None
    own, kernel = _kernel(block, conv), _kernel(block, other)
    if own is None or kernel is None or not _covers(own, kernel) or not _alike(conv, other, kernel):
        return None
    if other.arguments.get("bias", False) and not biased:
        return None
    fold = block.folds.get(name)
    if fold is None:
        return Branch(other, None, total.when)
    return Branch(fold.layer, fold.norm, total.when)


def _alone(block: Definition, rule: Rule, total: Rule) -> bool:
    """Whether a step is read by the sum alone, and once."""
    readers = [r.name for r in block.steps if rule.name in (*r.inputs, r.otherwise)]
    return readers == [total.name] and total.inputs.count(rule.name) == 1


def _kernel(block: Definition, rule: Rule) -> tuple[int, ...] | None:
    """Of a convolution that keeps the middle of its windows in place: odd sides, or one for all."""
    kernel = rule.arguments.get("kernel")
    sides = kernel if isinstance(kernel, tuple) else (kernel,)
    plain = block.runs(rule, ("conv",)) and "padding" not in rule.arguments
    # Where the bias is an expression, it is that of a batch norm which is not always there.
    plain = plain and isinstance(rule.arguments.get("bias", False), bool)
    return sides if plain and all(isinstance(k, int) and k % 2 for k in sides) else None


def _covers(kernel: tuple[int, ...], other: tuple[int, ...]) -> bool:
    axes = max(len(kernel), len(other))
    pairs = zip(*(k * axes if len(k) == 1 else k for k in (kernel, other)), strict=True)
    return all(own >= side for own, side in pairs)


def _alike(conv: Rule, other: Rule, kernel: tuple[int, ...]) -> bool:
    """Whether two convolutions differ in nothing but the kernel."""
    names = ["channels", "stride", "groups"] + ["dilation"] * any(side > 1 for side in kernel)
    return all(_argument(conv, name) == _argument(other, name) for name in names)


def _argument(rule: Rule, name: str) -> Any:
    return rule.arguments.get(name, NO_ARGUMENTS.get(name))


def _same_shape(
    block: Definition, conv: Rule, condition: Expression | None, batch_norms: frozenset[str]
) -> bool:
    """Whether a convolution gives maps of the shape that it gets, if the condition holds."""
    equal = _equal(condition)
    stride = _argument(conv, "stride")
    sides = stride if isinstance(stride, tuple) else (stride,)
    given, channels = _channels(block, conv.inputs[0], batch_norms), _argument(conv, "channels")
    return (
        all(side == 1 or frozenset((str(side), "1")) in equal for side in sides)
        and given is not None
        and (given == channels or frozenset((str(given), str(channels))) in equal)
    )


def _channels(block: Definition, name: str, batch_norms: frozenset[str]) -> Any:
    """Channels of a map, as the block says them; None if it does not."""
    if name == X:
        return "cin"
    rule = _step(block, name)
    if rule is None or rule.when is not None:
        return None
    if block.runs(rule, ("conv", "conv_transpose")):
        return rule.arguments["channels"]
    if block.runs(rule, (*KEEPING, *batch_norms)):
        return _channels(block, rule.inputs[0], batch_norms)
    return None


def _equal(condition: Expression | None) -> set[frozenset[str]]:
    """What a condition says to be equal, in pairs."""
    if condition is None:
        return set()
    tree = condition.tree
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    return {
        frozenset((ast.unparse(part.left), ast.unparse(part.comparators[0])))
        for part in parts
        if isinstance(part, ast.Compare) and [*map(type, part.ops)] == [ast.Eq]
    }


def _without(block: Definition, name: str, conv: Rule, other: str, branch: Branch) -> Definition:
    """The block with a branch in the convolution, which now stands where the sum is."""
    gone = {conv.name} if branch.layer is None and branch.norm is None else {conv.name, other}
    steps: list[Rule] = []
    now = name
    """What gives the sum."""
    for rule in block.steps:
        if rule.name == name:
            steps.append(conv)
            left = tuple(n for n in rule.inputs if n != other)
            if left == (conv.name,):
                now = conv.name
            else:
                steps.append(rule._replace(inputs=left))
        elif rule.name not in gone:
            inputs = tuple(now if n == name else n for n in rule.inputs)
            otherwise = now if rule.otherwise == name else rule.otherwise
            steps.append(rule._replace(inputs=inputs, otherwise=otherwise))
    of_it = block.branches.get(conv.name, ())
    branches = {**block.branches, conv.name: (*of_it, branch, *block.branches.get(other, ()))}
    return replace(block, steps=tuple(steps), branches=branches)
