"""The trace of an emitted module; each back end reads its own."""

from archcompiler.backends.reading import UnknownOperation
from archcompiler.backends.torch.trace import trace, unlike_in_training

__all__ = ["UnknownOperation", "trace", "unlike_in_training"]
