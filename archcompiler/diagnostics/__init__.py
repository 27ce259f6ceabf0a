"""Diagnostics: what is said about a spec, the text it is about, how it is read and printed.

Everything in the compiler may import this package; it imports nothing of the compiler.
"""

from archcompiler.diagnostics.diagnostic import Diagnostic, Severity, error, warning
from archcompiler.diagnostics.exception import MOST, UNSHOWN, CompileError
from archcompiler.diagnostics.span import Location, Source, Span

__all__ = [
    "MOST",
    "UNSHOWN",
    "CompileError",
    "Diagnostic",
    "Location",
    "Severity",
    "Source",
    "Span",
    "error",
    "warning",
]
