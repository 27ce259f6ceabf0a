"""`train --processes`: several processes on this machine, and one exit code. Imports no framework.

torchrun answers 1 to whatever its processes end with; here a run that was stopped is one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from archcompiler.runner.system.place import LAUNCHED
from archcompiler.runner.system.signals import EXIT_STOPPED, STOPPING

MARGIN: Final = 5.0
"""Seconds beyond its grace after which a process is killed."""
PROGRAM: Final = "import sys; sys.path[:] = {!r}; from archcompiler.cli import main; main('train')"
"""The same command with the same modules, whatever the folder that it is run in holds."""


def launch(words: Sequence[str], count: int, *, grace: float, given: bytes | None = None) -> int:
    """Run `archcompiler train` with the same words in so many processes; the exit code of all.

    Each has what is `given` as its standard input: this process has read its own to the end.

    Signals go to all of them. If one fails the others are stopped, and its code is the answer;
    if all were stopped by a signal it is 75. They end, with a checkpoint, if this process dies.
    """
    received: list[int] = []
    with ExitStack() as stack:
        for number in STOPPING:
            old = signal.signal(number, lambda n, _: received.append(n))
            stack.callback(signal.signal, number, old)
        lifeline, end = os.pipe()
        stack.callback(os.close, end)
        stack.callback(os.close, lifeline)
        program = ["-c", PROGRAM.format(sys.path)]
        port = _free_port()
        processes = []
        for rank in range(count):
            place = _environment(rank, count, port, lifeline)
            source = None
            if given is not None:
                # Not a pipe: that waits for its reader with what is more than it holds.
                source = stack.enter_context(tempfile.TemporaryFile())
                source.write(given)
                source.seek(0)
            process = subprocess.Popen(
                [sys.executable, *program, *words], env=place, pass_fds=(lifeline,), stdin=source
            )
            processes.append(process)
            stack.callback(_kill, process)
        return _watch(processes, received, grace)


def _watch(processes: Sequence[subprocess.Popen[bytes]], received: list[int], grace: float) -> int:
    failed: int | None = None
    deadline = float("inf")
    while running := [p for p in processes if p.poll() is None]:
        while received:
            number = received.pop(0)
            for process in running:
                process.send_signal(number)
        if failed is None:
            failed = _failure(processes)
            if failed is not None:
                # They wait for one that is gone, or are about to notice.
                deadline = time.monotonic() + grace + MARGIN
                for process in running:
                    process.terminate()
        if time.monotonic() > deadline:
            for process in running:
                process.kill()
        time.sleep(0.05)
    if failed is None:
        failed = _failure(processes)
    if failed is not None:
        return failed
    return EXIT_STOPPED if any(p.returncode == EXIT_STOPPED for p in processes) else 0


def _failure(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """The exit code of the first process that has failed, as a shell would tell it."""
    codes = (p.returncode for p in processes)
    code = next((c for c in codes if c not in (None, 0, EXIT_STOPPED)), None)
    return 128 - code if code is not None and code < 0 else code


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _environment(rank: int, count: int, port: int, lifeline: int) -> dict[str, str]:
    threads = max((os.cpu_count() or 1) // count, 1)
    return {
        # As torchrun does, but with all cores in use.
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        LAUNCHED: str(lifeline),
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port: int = listener.getsockname()[1]
        return port


def follow() -> None:
    """In a process that `launch` has started: be stopped as by SIGTERM when that has died."""
    lifeline = os.environ.get(LAUNCHED, "")
    if not lifeline.isdecimal():
        return

    def wait() -> None:
        try:
            while os.read(int(lifeline), 1):
                pass
        except OSError:
            return
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
