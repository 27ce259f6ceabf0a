"""Emitted source as a live Python module."""

from __future__ import annotations

import hashlib
import linecache
import sys
from types import ModuleType


def load_module(name: str, source: str) -> ModuleType:
    """Execute emitted source as a module of its own.

    It is registered under a name with the source's hash, so that dataclasses, pickling and
    tracebacks work as in an imported file.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    qualified = f"archcompiler_emitted_{name}_{digest}"
    if qualified in sys.modules:
        return sys.modules[qualified]
    filename = f"<{qualified}>"
    module = ModuleType(qualified)
    module.__file__ = filename
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[qualified] = module
    try:
        exec(compile(source, filename, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module
