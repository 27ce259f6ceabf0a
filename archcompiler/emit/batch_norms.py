"""What a file for inference says of the batch norms and branches that its layers have taken in."""

from __future__ import annotations

from typing import Any, Final

from archcompiler.backends.python import called, text
from archcompiler.language.definition import Branch, Fold, Rule
from archcompiler.language.target import Dialect, OperatorTarget, target
from archcompiler.language.use import Use
from archcompiler.ops import Operator
from archcompiler.ops.conv import Convolution
from archcompiler.ops.linear import Linear
from archcompiler.ops.norm import BatchNorm

EPS: Final = BatchNorm.arguments["eps"].default
"""What `FoldedNorm` has where its text says nothing."""


def batch_norm(
    use: Use, rule: Rule, op: Operator, widths: tuple[Any, ...], dialect: Dialect
) -> str | None:
    """The text of a `FoldedNorm` for the layer that a step is in inference; None without one.

    `op` is the operator that the step is written as, for inputs of these `widths`.
    """
    if dialect.library.words is None:
        return None
    if isinstance(op, BatchNorm):
        return called("FoldedNorm", text(rule.name), eps=(op.eps, EPS))
    fold = use.definition.folds.get(rule.name)
    return None if fold is None else folded_norm(use, fold, widths, dialect)


def folded_norm(use: Use, fold: Fold, widths: tuple[Any, ...], dialect: Dialect) -> str:
    """The text of a `FoldedNorm` for what a layer of inputs of these `widths` has taken in."""
    layer = _made(use, fold.layer, widths, dialect)
    norm = _made(use, fold.norm, (layer.out(widths),), dialect)
    assert isinstance(layer, Convolution | Linear)
    assert isinstance(norm, BatchNorm)
    return called("FoldedNorm", text(fold.norm.name), eps=(norm.eps, EPS), bias=(layer.bias, False))


def branch_of(
    use: Use, branch: Branch, into: Operator, widths: tuple[Any, ...], dialect: Dialect
) -> tuple[str, bool]:
    """The text of a `MergedBranch` of a convolution with inputs of these `widths`.

    And whether it is dilated otherwise than that.
    """
    assert isinstance(into, Convolution)
    options: dict[str, tuple[Any, Any]] = {}
    if branch.layer is not None:
        conv = _made(use, branch.layer, widths, dialect)
        assert isinstance(conv, Convolution)
        # An option of the block is a symbol, which stands for all axes.
        sides, steps, others = (
            value if isinstance(value, tuple) else (value,) * conv.dims
            for value in (conv.kernel, conv.dilation, into.dilation)
        )
        options |= {"kernel": (sides, ()), "bias": (conv.bias, False)}
        if steps != others:
            options |= {"dilation": (steps, ())}
        widths = (conv.out(widths),)
    if branch.norm is not None:
        norm = _made(use, branch.norm, widths, dialect)
        assert isinstance(norm, BatchNorm)
        options |= {"norm": (branch.norm.name, None), "eps": (norm.eps, EPS)}
    layer = None if branch.layer is None else branch.layer.name
    return called("MergedBranch", text(layer), **options), "dilation" in options


def _made(use: Use, rule: Rule, widths: tuple[Any, ...], dialect: Dialect) -> Operator:
    """The operator that a step is written as."""
    found = target(use, rule, dialect)
    assert isinstance(found, OperatorTarget)
    return found.make(widths, dialect.dims)
