"""How a command that trains ends where something goes wrong, in one process or in many."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import replace
from typing import Final, NoReturn

from archcompiler.cli.report import report
from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.system.place import Place

FAILURES: Final = frozenset({"E708", "E709", "E710", "E711", "E720"})
"""Codes of what goes wrong in a run that was asked for rightly."""
OWN: Final = frozenset({"E704", "E706", "E707", "E709", "E711", "E720", "E722", "E751"})
"""Codes of what may go wrong in one process only. All others are reported by the first alone."""


def ended_by(problem: Exception, place: Place) -> NoReturn:
    """Report what has ended a run, and leave with 1 if the run failed, else with 2.

    Raises what is no problem of the user's again where this is the only process.
    """
    if isinstance(problem, CompileError):
        codes = {d.code for d in problem.diagnostics}
        if place.first:
            report(problem.diagnostics)
        elif codes & OWN:
            report(
                replace(d, message=f"process {place.rank}: {d.message}")
                for d in problem.diagnostics
            )
        _leave(1 if codes & FAILURES else 2, place)
    if isinstance(problem, MemoryError):
        # Where nothing larger than what is imported was asked for.
        report([error("E709", "out of memory before the first step")])
        _leave(1, place)
    if place.size == 1:
        raise problem
    traceback.print_exception(problem)
    _leave(1, place)


def _leave(code: int, place: Place) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if place.size > 1:
        # The orderly end would wait for processes that wait for this one.
        os._exit(code)
    sys.exit(code)
