"""Every call of this process that changes a disk, before it is made."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CALLS = ("mkdir", "fsync", "chmod", "replace", "symlink", "unlink")


@contextmanager
def watched(before: Callable[[str], object]) -> Iterator[None]:
    """While entered, `before` is told of each call that it does not make itself; what it raises is
    what the system says. A write is two, of a half each: in the middle of one a process may die,
    and a disk be full. Nothing waits for the disk, as no power is cut.
    """
    telling = False

    def tell(call: str) -> None:
        nonlocal telling
        if telling:
            return
        telling = True
        try:
            before(call)
        finally:
            telling = False

    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            view = memoryview(data).cast("B")
            half = len(view) // 2
            tell("write")
            done = super().write(view[:half])
            tell("write")
            return done + super().write(view[half:])

    def opened(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        *more: Any,
    ) -> Any:
        if isinstance(file, int) or not set("wax+") & set(mode):  # a number: a pipe to a process
            return real_open(file, mode, buffering, encoding, errors, newline, *more)
        tell("open")
        raw = Raw(file, mode.replace("b", "").replace("t", ""))
        if not buffering:
            return raw
        kind = io.BufferedRandom if "+" in mode else io.BufferedWriter
        binary = kind(raw)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

    def told(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            tell(name)
            return None if name == "fsync" else real(*arguments, **options)

        return call

    real_open = io.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "open", opened)
        for name in CALLS:
            patch.setattr(os, name, told(name))
        yield
