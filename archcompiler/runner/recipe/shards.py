"""Virtual shards: parts of a batch that are computed as if each had a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.runner.recipe.choices import Strategy
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Speed


def replicas(speed: Speed, processes: int) -> int:
    """Parts of a batch that are normalised each by itself: shards, or else processes."""
    return speed.shards or processes


def held_sums(speed: Speed, processes: int) -> int:
    """Most sums of gradients that a process holds while it computes another shard's.

    Sums are taken in pairs, and pairs of pairs: one of each size waits for the next of its size.
    """
    return max(speed.shards // processes, 1).bit_length() - 1


def require_shards(
    loaded: LoadedRecipe, processes: int, strategy: Strategy, device: str | None = None
) -> None:
    """Raise CompileError E702 unless shards fall evenly to processes that have whole networks, and
    E707 on a `device` that does not repeat to the bit.
    """
    if loaded.recipe.speed.shards:
        found = list(_refused(loaded, processes, strategy, device))
        if found:
            raise CompileError(*found)


def _refused(
    loaded: LoadedRecipe, processes: int, strategy: Strategy, device: str | None
) -> Iterator[Diagnostic]:
    shards, place = loaded.recipe.speed.shards, loaded.span(("speed", "shards"))
    if device == "mps":
        message = "`shards` are of no use on `mps`: torch trains in one process there"
        yield error("E707", message, place)
    if device == "cuda" and not loaded.recipe.speed.deterministic:
        yield error(
            "E707",
            "`shards` on `cuda` need `deterministic`",
            place,
            notes=("the faster kernels do not repeat to the bit, on any number of processes",),
            help="`--set speed.deterministic=true`",
        )
    if shards % processes:
        fewer = 1 << (min(processes, shards).bit_length() - 1)
        yield error(
            "E702",
            f"{shards} shards cannot be split evenly over {processes} processes",
            place,
            help=f"start {fewer} process{'es' if fewer > 1 else ''}, or any other number that "
            "divides the shards",
        )
    if strategy == "fully_shard" and processes > 1:
        yield error(
            "E702",
            "`shards` and `--strategy fully_shard` cannot be combined",
            place,
            notes=("torch adds up gradients of a sharded network in an order of its own",),
            help="`--strategy ddp` has a whole network in each process",
        )
