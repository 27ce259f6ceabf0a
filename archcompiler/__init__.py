"""Compile a short spec of a Residual Attention Network into everything kept in step by hand.

>>> import archcompiler
>>> archcompiler.__all__
['CompileError', 'CompiledNetwork', 'Diagnostic', 'Network', 'check', 'compile']
"""

from __future__ import annotations

TYPE_CHECKING = False  # As in `typing`, which would be the first import of every command.
if TYPE_CHECKING:
    from typing import Any

    from archcompiler.api import Network, compile
    from archcompiler.compiler import CompiledNetwork, check
    from archcompiler.diagnostics import CompileError, Diagnostic

__version__ = "0.1.0"
__all__ = ["CompileError", "CompiledNetwork", "Diagnostic", "Network", "check", "compile"]

_HOMES = {
    "CompileError": "archcompiler.diagnostics",
    "CompiledNetwork": "archcompiler.compiler",
    "Diagnostic": "archcompiler.diagnostics",
    "Network": "archcompiler.api",
    "check": "archcompiler.compiler",
    "compile": "archcompiler.api",
}


def __getattr__(name: str) -> Any:
    # The names are imported when they are asked for: `archcompiler --help` must not wait for
    # pydantic, nor a library that only mentions us.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
