"""The trace of an emitted module; each back end reads its own."""

from archcompiler.backends.reading import UnknownOperation
from archcompiler.backends.torch.trace import trace

__all__ = ["UnknownOperation", "trace"]
