"""Branches of a sum that are part of one convolution in inference, as those of RepVGG are.

A convolution is linear. What is added to it and is made of the same map by another convolution of
its stride and groups, by a batch norm or by nothing at all is a part of its weights and its bias
(Ding et al., CVPR 2021, section 3.3). One that is dilated has zeros between its weights (Ding et
al., CVPR 2024, section 3.1).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from archcompiler.language.definition import Branch, Definition, Rule, X
from archcompiler.language.expression import Expression

NO_ARGUMENTS: Final = {"stride": 1, "groups": 1, "dilation": 1, "bias": False}
"""What a convolution has where a step says nothing."""
WINDOW: Final = ("kernel", "padding", "dilation")
"""Arguments that say which positions a convolution reads."""


class Words(NamedTuple):
    """What steps call the operators that matter here."""

    batch_norms: frozenset[str]
    keeping: frozenset[str]
    """Those that give maps of the shape that they get."""


def merged(block: Definition, words: Words) -> Definition:
    """The block, whose batch norms are folded, without the branches that a convolution takes in.

    It does if nothing but the sum reads either, and the branch is there wherever the sum is.
    """
    for rule in block.steps:
        if block.runs(rule, ("add",)):
            while found := next(_found(block, rule.name, words), None):
                block = _without(block, rule.name, *found)
    return block


def _found(block: Definition, name: str, words: Words) -> Iterator[tuple[Rule, str, Branch]]:
    """A convolution in a sum, and another input of the sum that is a branch of it."""
    total = _step(block, name)
    if total is None:
        return
    # In the order of the sum: of equal branches the first is the one that stays.
    for conv in (_step(block, input) for input in total.inputs):
        if conv is not None and _takes(block, conv, total):
            for other in total.inputs:
                branch = _branch(block, total, conv, other, words)
                if branch is not None:
                    yield conv, other, branch


def _step(block: Definition, name: str) -> Rule | None:
    return next((rule for rule in block.steps if rule.name == name), None)


def _takes(block: Definition, conv: Rule, total: Rule) -> bool:
    """Whether a convolution can be in place of a sum that it is in."""
    return _plain(block, conv) and conv.when is None and _alone(block, conv, total)


def _branch(block: Definition, total: Rule, conv: Rule, name: str, words: Words) -> Branch | None:
    """An input of the sum as a part of the convolution, if it is one."""
    biased = conv.arguments.get("bias", False)
    if name == conv.inputs[0]:
        there = _keeps(block, conv, total.when, words) and total.inputs.count(name) == 1
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
    if block.runs(other, words.batch_norms):
        there = biased and _keeps(block, conv, total.when, words)
        return Branch(None, other, total.when) if there else None
    if not _plain(block, other) or not _alike(conv, other) or not _covers(conv, other):
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


def _plain(block: Definition, rule: Rule) -> bool:
    """Whether a step is a convolution of which it is known whether it has a bias."""
    # Where that is an expression, it is the bias of a batch norm which is not always there.
    return block.runs(rule, ("conv",)) and isinstance(rule.arguments.get("bias", False), bool)


def _kernel(rule: Rule) -> tuple[int, ...] | None:
    """Of a convolution that keeps the middle of its windows in place: odd sides, or one for all."""
    sides = _per_axis(rule, "kernel")
    odd = all(isinstance(side, int) and side % 2 for side in sides)
    return sides if odd and "padding" not in rule.arguments else None


def _covers(conv: Rule, other: Rule) -> bool:
    """Whether all that another convolution reads for a position is in the window of the first."""
    if all(_argument(conv, name) == _argument(other, name) for name in WINDOW):
        return True
    kernel, small = _kernel(conv), _kernel(other)
    if kernel is None or small is None:
        return False
    step, wide = _per_axis(conv, "dilation"), _per_axis(other, "dilation")
    windows = [kernel, step, small, wide]
    axes = max(map(len, windows))
    each = zip(*(w * axes if len(w) == 1 else w for w in windows), strict=True)
    return all(_within(*axis) for axis in each)


def _within(side: int, step: Any, less: int, wide: Any) -> bool:
    """Whether a window of `less` positions, `wide` apart, has only some of `side`, `step` apart."""
    if step == wide or less == 1:
        return less <= side
    known = isinstance(step, int) and isinstance(wide, int)
    return known and wide % step == 0 and wide * (less - 1) <= step * (side - 1)


def _alike(conv: Rule, other: Rule) -> bool:
    """Whether two convolutions differ in nothing but what they read, and their bias."""
    return all(_argument(conv, n) == _argument(other, n) for n in ("channels", "stride", "groups"))


def _per_axis(rule: Rule, name: str) -> tuple[Any, ...]:
    """An argument for each axis, or one for all."""
    value = _argument(rule, name)
    return value if isinstance(value, tuple) else (value,)


def _argument(rule: Rule, name: str) -> Any:
    return rule.arguments.get(name, NO_ARGUMENTS.get(name))


def _keeps(block: Definition, conv: Rule, condition: Expression | None, words: Words) -> bool:
    """Whether a convolution gives maps of the shape that it gets, and the middle of its window is
    the position that it gives, if the condition holds.
    """
    equal = _equal(condition)
    sides = _per_axis(conv, "stride")
    given, channels = _channels(block, conv.inputs[0], words.keeping), _argument(conv, "channels")
    return (
        _kernel(conv) is not None
        and all(side == 1 or frozenset((str(side), "1")) in equal for side in sides)
        and given is not None
        and (given == channels or frozenset((str(given), str(channels))) in equal)
    )


def _channels(block: Definition, name: str, keeping: frozenset[str]) -> Any:
    """Channels of a map, as the block says them; None if it does not."""
    if name == X:
        return "cin"
    rule = _step(block, name)
    if rule is None or rule.when is not None:
        return None
    if block.runs(rule, ("conv", "conv_transpose")):
        return rule.arguments["channels"]
    if block.runs(rule, keeping):
        return _channels(block, rule.inputs[0], keeping)
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
            steps.append(rule.reading(now, name))
    of_it = block.branches.get(conv.name, ())
    branches = {**block.branches, conv.name: (*of_it, branch, *block.branches.get(other, ()))}
    return replace(block, steps=tuple(steps), branches=branches)
