"""What stops a run from outside, said in one message in place of a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.recipe import Recipe


@contextmanager
def explained(recipe: Recipe) -> Iterator[None]:
    """Turn out-of-memory into CompileError E709 and a lost process into E711."""
    try:
        yield
    except torch.OutOfMemoryError as exc:
        raise out_of_memory(recipe, str(exc)) from None
    except MemoryError as exc:
        raise out_of_memory(recipe, str(exc) or "the system has none left") from None
    except dist.DistError as exc:
        raise _lost(exc) from None
    except RuntimeError as exc:
        text = str(exc)
        if "can't allocate memory" in text or "out of memory" in text:
            raise out_of_memory(recipe, text) from None
        if any(
            sign in text
            for sign in ("Connection closed by peer", "Connection reset by peer", "gloo")
        ):
            raise _lost(exc) from None
        raise


def out_of_memory(recipe: Recipe, reason: str) -> CompileError:
    """E709, with a batch size that is worth a try."""
    parts = recipe.speed.accumulate
    smaller = max(recipe.batch_size // 2, 1)
    return CompileError(
        error(
            "E709",
            f"out of memory with {recipe.batch_size // parts} images at a time",
            notes=(reason.splitlines()[0][:200],),
            help=f"`--set speed.accumulate={parts * 2}` computes the same batch in smaller parts; "
            f"`--set batch_size={smaller}` makes it smaller; `--set speed.checkpointing=true` "
            "trades time for memory",
        )
    )


@contextmanager
def workers_missed() -> Iterator[None]:
    """Turn the loss of a worker process into CompileError E711."""
    try:
        yield
    except (ConnectionError, EOFError) as exc:
        # In the middle of a batch: torch takes it for a fault of the connection.
        raise _worker_lost(str(exc) or "the connection to it has ended") from None
    except RuntimeError as exc:
        if "DataLoader worker" in str(exc):
            raise _worker_lost(str(exc)) from None
        raise


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
