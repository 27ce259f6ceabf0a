"""What stops a run from outside, said in one message in place of a traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.recipe.model import Recipe


@contextmanager
def explained(recipe: Recipe, processes: int = 1) -> Iterator[None]:
    """Turn out-of-memory into CompileError E709, a lost process into E711 and what `torch.compile`
    cannot do into E715.
    """
    parts = recipe.speed.accumulate
    with (
        _compiled(),
        _fits(
            f"out of memory with {recipe.batch_size // (parts * processes)} images at a time",
            smaller_parts(recipe, processes),
        ),
    ):
        try:
            yield
        except dist.DistError as exc:
            raise _lost(exc) from None
        except RuntimeError as exc:
            signs = ("Connection closed by peer", "Connection reset by peer", "gloo")
            if any(sign in str(exc) for sign in signs):
                raise _lost(exc) from None
            raise


@contextmanager
def evaluation_fits(batch: int) -> Iterator[None]:
    """Turn out-of-memory in an evaluation into CompileError E709."""
    with _fits(
        f"out of memory in an evaluation of {batch} images at a time",
        f"`--set evaluation_batch={max(batch // 4, 1)}` needs less, and gives the same",
    ):
        yield


@contextmanager
def _fits(message: str, help: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, OSError, RuntimeError) as exc:
        if not out_of_memory(exc):
            raise
        note = (str(exc) or "the system has none left").splitlines()[0][:200]
        raise CompileError(error("E709", message, notes=(note,), help=help)) from None


@contextmanager
def _compiled() -> Iterator[None]:
    try:
        yield
    except CompileError:
        raise
    except Exception as exc:
        if not _of_the_compiler(exc):
            raise
        first = next(filter(None, map(str.strip, str(exc).splitlines())), "")[:200]
        raise CompileError(
            error(
                "E715",
                f"`torch.compile` of torch {torch.__version__} fails on this network",
                notes=(f"{type(exc).__name__}: {first}",),
                help="`--set speed.compile=off` trains without it; another torch may compile it",
            )
        ) from exc


def _of_the_compiler(exc: Exception) -> bool:
    """Whether it comes from `torch.compile`, or from a file that this has written."""
    dynamo = sys.modules.get("torch._dynamo.exc")
    if dynamo is not None and isinstance(exc, dynamo.TorchDynamoException):
        return True
    frames = traceback.walk_tb(exc.__traceback__)
    return any("inductor" in frame.f_code.co_filename for frame, _ in frames)


def out_of_memory(exc: BaseException) -> bool:
    """Whether a lack of memory, of any kind and of any library, is what an exception means."""
    if isinstance(exc, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(exc)
    return isinstance(exc, (RuntimeError, OSError)) and any(sign in text for sign in _LACKS)


_LACKS = (
    "can't allocate memory",
    "Cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "can't start new thread",
    "unable to allocate shared memory",
    "unable to mmap",
)
"""What torch, C++, Python and the system say."""


def smaller_parts(recipe: Recipe, processes: int) -> str:
    """Settings that are worth a try; the batch can be split as they say."""
    parts, own = recipe.speed.accumulate, recipe.batch_size // processes
    more = next((n for n in range(2 * parts, own + 1) if own % n == 0), None)
    less = recipe.batch_size // (2 * parts * processes) * parts * processes
    found = []
    if more is not None:
        found.append(f"`--set speed.accumulate={more}` computes the same batch in smaller parts")
    if less:
        found.append(f"`--set batch_size={less}` makes it smaller, in a new run")
    found.append("`--set speed.checkpointing=true` trades time for memory")
    return "; ".join(found)


@contextmanager
def workers_missed() -> Iterator[None]:
    """Turn the loss of a worker process into CompileError E711, its lack of memory into E709."""
    try:
        yield
    except MemoryError as exc:
        raise _worker_starved(exc) from None
    except (ConnectionError, EOFError) as exc:
        # In the middle of a batch: torch takes it for a fault of the connection.
        raise _worker_lost(str(exc) or "the connection to it has ended") from None
    except RuntimeError as exc:
        if "DataLoader worker" in str(exc):
            if out_of_memory(exc):
                raise _worker_starved(exc) from None
            raise _worker_lost(str(exc)) from None
        raise


def no_delivery(exc: RuntimeError) -> bool:
    """Whether torch says that no worker process has delivered in the time that it was given."""
    return "DataLoader timed out" in str(exc)


def undelivered(timeout: float, path: str) -> CompileError:
    """E720, ready to be raised; the workers have the image at `path` to decode first."""
    return CompileError(
        error(
            "E720",
            f"no worker process has delivered images for {timeout:g} s",
            notes=(f"the batch that is waited for begins with `{path}`",),
            help="see that its disk answers, then start the same command again with "
            "`--resume`; `--set data.timeout=…` waits longer",
        )
    )


def _worker_starved(exc: BaseException) -> CompileError:
    return CompileError(
        error(
            "E709",
            "out of memory in a worker process that decodes images",
            notes=(str(exc).strip().splitlines()[-1][:200],) if str(exc).strip() else (),
            help="start the same command again with `--resume` and with fewer of them by `--set "
            "data.workers=…`",
        )
    )


def _worker_lost(reason: str) -> CompileError:
    return CompileError(
        error(
            "E711",
            "a worker process that decodes images is gone",
            notes=(reason.splitlines()[0][:200],),
            help="start the same command again with `--resume`; if the system ran out of memory, "
            "with fewer of them by `--set data.workers=…`",
        )
    )


def _lost(exc: BaseException) -> CompileError:
    return CompileError(
        error(
            "E711",
            "another process of this run is gone",
            notes=(str(exc).splitlines()[0][:200],),
            help="start the same command again with `--resume`",
        )
    )
