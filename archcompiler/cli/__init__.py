"""The start of the command line: what has to be in place before anything else is imported."""

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def main(*before: str) -> None:
    """Run the command line; errors of specs go to stderr, never as a traceback.

    `before` stands before the arguments: the name of a command that has a program of its own.
    """
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupted)
    except KeyboardInterrupt:
        # In the middle of that.
        os._exit(130)
    _leave_the_folder()
    # Imports and a compilation allocate much and free little: collecting less often saves a tenth.
    gc.set_threshold(200_000, 20, 20)
    from archcompiler.cli.program import run

    sys.exit(run([*before, *sys.argv[1:]]))


def _interrupted(number: int, frame: FrameType | None) -> None:
    """End at once: as an exception it would be lost in an import or a callback, or be printed."""
    files = sys.modules.get("archcompiler.files")
    if files is not None and hasattr(files, "abandon"):
        files.abandon()
    os._exit(130)


def _leave_the_folder() -> None:
    """Import nothing from the current folder, which `python -m` puts first: it may be anyone's.

    A checkout in which the compiler is run is an exception; what is named by PYTHONPATH stays.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None or sys.flags.safe_path or not sys.path:
        return
    home = os.path.realpath(f"{__path__[0]}/../..")
    if os.path.realpath(sys.path[0] or os.curdir) != home:
        del sys.path[0]
