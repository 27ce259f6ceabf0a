"""Spec → Graph."""

from archcompiler.lower.network import MAX_OPERATORS, lower

__all__ = ["MAX_OPERATORS", "lower"]
