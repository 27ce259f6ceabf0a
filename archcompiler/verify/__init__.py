"""Proof that an emitted module is the checked graph."""

from archcompiler.verify.proof import Proof, verify

__all__ = ["Proof", "verify"]
