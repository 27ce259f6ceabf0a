"""A case in a process of its own, and what is wrong with the way it ends."""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import click

import archcompiler
from archcompiler.cli import program
from archcompiler.diagnostics import CompileError
from archcompiler.diagnostics.render import render
from archcompiler.runner.recipe.loading import load_recipe
from benchmarks.fuzz.cases import Case
from benchmarks.timing import ROOT

MOST_SECONDS, MOST_MEGABYTES = 2.0, 500.0
# A case that never ends is ended, well above the bound.
KILLED_AFTER = 20
MAY_SAY_NO = ("--strict", "--check")
"""Options of commands that exit with 1 when a check says no."""
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    code: int
    seconds: float
    megabytes: float
    out: str
    err: str


def complaint(case: Case, outcome: Outcome) -> str | None:
    """What is wrong with the way a case ended; None if all is well."""
    allowed = {0, 2, *([1] if set(MAY_SAY_NO) & set(case.words) else [])}
    printed = outcome.out + outcome.err
    if "Traceback (most recent call last)" in printed:
        return f"traceback: {printed.strip().splitlines()[-1][:200]}"
    if outcome.code not in allowed:
        return f"exit code {outcome.code}"
    if outcome.code == 2 and not re.search(r"error|Error", printed):
        return "exit code 2 without a word"
    if UNSAFE.search(printed):
        return "what is printed acts on a terminal"
    if outcome.seconds > MOST_SECONDS:
        return f"{outcome.seconds:.1f} s of processor time"
    if outcome.megabytes > MOST_MEGABYTES:
        return f"{outcome.megabytes:.0f} MB"
    return None


def warm_up() -> None:
    """Import what cases need: they are forked from here, and start with it."""
    for name in program.COMMANDS:
        program.group.get_command(click.Context(program.group), name)
    len(archcompiler.compile(ROOT / "specs" / "attention56.toml").source)
    for path in (ROOT / "tests" / "errors").glob("E20*"):
        if path.suffix in (".toml", ".json"):
            render(archcompiler.check(path), "text")


def run(case: Case, folder: Path) -> Outcome:
    """Run a case in `folder` and in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / case.name).write_bytes(case.data)
    out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
    child = os.fork()
    if not child:
        code = 70
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (KILLED_AFTER, KILLED_AFTER))
            for path, number in ((out, 1), (err, 2)):
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(file, number)
            # Whoever runs this may have put something else in their place.
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            os.chdir(folder)
            code = _main(case)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    return Outcome(
        os.waitstatus_to_exitcode(status),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        *(path.read_bytes().decode(errors="replace") for path in (out, err)),
    )


def _main(case: Case) -> int:
    command, *words = case.words
    if command != "recipe":
        return program.run([command, *words])
    try:
        load_recipe(Path(case.name), words)
    except CompileError as problem:
        print(render(problem.diagnostics, "text"), file=sys.stderr, flush=True)
        return 2
    return 0
