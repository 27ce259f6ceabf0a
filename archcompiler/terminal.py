"""Where text leaves for people: nothing in it acts on a terminal, whatever the terminal can show.

A stream that cannot be written is E406; one whose reader has gone raises BrokenPipeError. What
stderr does not take is lost: there is nowhere left to say so.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from archcompiler.diagnostics import CompileError

_PLAINER: Final = {"─": "-", "–": "-", "−": "-", "…": "~", "·": "|", "×": "x", "→": ">", "Δ": "D"}
"""What is printed of our own signs where the encoding of a stream lacks them, as wide as they."""
_NAMES: Final = {1: "stdout", 2: "stderr"}
_HANDLER: Final = "archcompiler.plainer"
_STYLE: Final = r"(\x1b\[[0-9;]*m|[\n\t])"


def line(text: object, *, err: bool = False) -> None:
    """Print one line; a line break in the text, such as that of a file name, is no other."""
    _write(_visible(str(text)) + "\n", err=err)


def page(text: str, *, err: bool = False, styled: bool = False) -> None:
    """Print lines that are our own, with colours only if they are `styled` by us."""
    parts = re.split(_STYLE, text)
    kept = ("\n", "\t", "\x1b") if styled else ("\n", "\t")
    _write("".join(p if p.startswith(kept) else _visible(p) for p in parts), err=err)


def file(text: str) -> None:
    """Print what could as well be written to a file, the same bytes; a person gets a page, and so
    does a stream that Python has put in place of the process's own.
    """
    if sys.stdout.isatty() or not hasattr(sys.stdout, "buffer"):
        page(text)
    else:
        raw(text)


def raw(content: str | bytes) -> None:
    """Print a file as it is, a text in UTF-8: what reads it is no person."""
    # A name of a file may be no text at all.
    data = content.encode(errors="surrogateescape") if isinstance(content, str) else content
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise _unwritten(sys.stdout, exc) from None


def prepare() -> None:
    """Have both streams open, and able to take any text.

    A stream that the caller has closed stays of no use. Its number is taken, or the next file that
    is opened would get it, with all that is printed.
    """
    codecs.register_error(_HANDLER, _plainer)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # What is written to stdout is to fail, what is written to stderr to be lost.
            mode = os.O_WRONLY if number == 2 else os.O_RDONLY
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    for number, name in _NAMES.items():
        stream = getattr(sys, name)
        if stream is None:
            stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_HANDLER)


def outlast() -> None:
    """From now on nothing that is printed can raise: a full disk, a closed pipe and characters that
    the encoding lacks are no reason to end what takes days.

    Streams that someone has put in place of the process's own are left as they are.
    """
    prepare()
    for number, name in _NAMES.items():
        stream: TextIO = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__"):
            with suppress(OSError, ValueError):
                stream.flush()
            raw = io.BufferedWriter(_Lasting(number))
            lasting = io.TextIOWrapper(raw, stream.encoding, _HANDLER, line_buffering=True)
            setattr(sys, name, lasting)


class _Lasting(io.RawIOBase):
    """A file descriptor to which every write succeeds, as far as anyone can tell."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._said = False

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]  # bytes, of whatever kind
        try:
            return os.write(self.number, view)
        except OSError as exc:
            self._say(exc)
            return len(view)

    def _say(self, exc: OSError) -> None:
        """Once, to the other of the two. A disk that has room again will have the rest; a stream
        that the caller has closed is none to complain of.
        """
        if self._said or exc.errno == errno.EBADF:
            return
        self._said = True
        other = 3 - self.number
        with suppress(OSError):
            name = _NAMES[self.number]
            text = f"{name} cannot be written to ({exc.strerror}): the run goes on\n"
            os.write(other, text.encode())

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.number

    def isatty(self) -> bool:
        return os.isatty(self.number)


def finish() -> None:
    """Write what is still to be written. Raises as `line` does."""
    for err in (True, False):
        _write("", err=err)


def silence() -> None:
    """Lose what is still to be written: Python would complain of it once more at its end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    for stream in (sys.stdout, sys.stderr):
        _lose(stream)


def _lose(stream: TextIO) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):
        os.dup2(null, stream.fileno())
    os.close(null)


def _visible(text: str) -> str:
    if text.isprintable():
        return text  # `--help` waits for no diagnostics
    from archcompiler.diagnostics.render.visible import visible

    return visible(text)


def _write(text: str, *, err: bool) -> None:
    stream: TextIO | None = sys.stderr if err else sys.stdout
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        if not err:
            raise
    except OSError as exc:
        if not err:
            raise _unwritten(stream, exc) from None


def _unwritten(stream: TextIO, problem: OSError) -> CompileError:
    from archcompiler.diagnostics import CompileError, error

    _lose(stream)  # or what is still in its buffer would be the same error once more
    reason = (problem.strerror or str(problem)).lower()
    return CompileError(error("E406", f"cannot write the output: {reason}"))


def _plainer(exc: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: an escape that TOML and JSON know."""
    if not isinstance(exc, UnicodeEncodeError):
        raise exc
    characters = exc.object[exc.start : exc.end]
    return "".join(_PLAINER.get(c) or _escape(c) for c in characters), exc.end


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
