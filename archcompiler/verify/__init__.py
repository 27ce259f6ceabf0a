"""Proof that an emitted module is the checked graph."""

from archcompiler.verify.comparing import Proof
from archcompiler.verify.proof import verify

__all__ = ["Proof", "verify"]
