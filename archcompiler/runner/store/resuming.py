"""Whether a checkpoint is of the run that is to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic, error, warning
from archcompiler.runner.classes import other, unnamed
from archcompiler.runner.recipe.kept import with_defaults
from archcompiler.runner.recipe.loading import LoadedRecipe
from archcompiler.runner.recipe.model import Recipe

_PLACE = frozenset(
    {("seed",), ("batch_size",), ("data", "type"), ("data", "validation"), ("data", "test_share")}
)
"""Settings on which the order of the samples depends, and the place of an iteration in it."""
_HARMLESS = frozenset(
    {
        ("checkpoint_every",),
        ("evaluate_every",),
        ("evaluation_batch",),
        ("evaluation_images",),
        ("log_every",),
        ("keep",),
        ("data", "path"),
        ("data", "train"),
        ("data", "test"),
        ("data", "validation_folder"),
        ("data", "resize"),
        ("data", "timeout"),
        ("data", "workers"),
        ("speed", "checkpointing"),
    }
)
"""Settings that no weight depends on."""


class TrainedOn(NamedTuple):
    """What a run is trained on."""

    images: int
    sha256: str
    """See `TrainingData.fingerprint`."""
    classes: tuple[str, ...]
    """Names, by number."""


def fingerprint(
    network: CompiledNetwork, recipe: Recipe, data: TrainedOn, processes: int, strategy: str
) -> dict[str, Any]:
    """What a checkpoint says of its run; `processes` are shards where it has them."""
    return {
        "spec_sha256": network.loaded.sha256,
        "recipe": recipe.model_dump_json(),
        "images": data.images,
        "data_sha256": data.sha256,
        "classes": list(data.classes),
        "processes": processes,
        "strategy": strategy if processes > 1 else None,
        "initial": None,
    }


def differences(
    loaded: LoadedRecipe, was: Mapping[str, Any], now: Mapping[str, Any]
) -> list[Diagnostic]:
    """Warnings of what the rest of a run does otherwise than what is done of it: W707 and W708,
    W740 if the run so far had no names of classes, W742 if its images may have been others.

    Raises CompileError: E705 for another network, E713 if the run would lose its place in the data,
    E740 for other classes.
    """
    if was["spec_sha256"] != now["spec_sha256"]:
        raise CompileError(
            error(
                "E705",
                "the checkpoint is of another network than the one to be trained",
                help="resume without naming a spec, or start in another folder with `--out`",
            )
        )
    errors: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    data = loaded.span(("data",), "key")
    if was.get("classes") is None:
        warnings.append(unnamed("the checkpoint"))
    elif was["classes"] != now["classes"]:
        errors.append(other(now["classes"], was["classes"], data))
    if was["images"] != now["images"]:
        errors.append(
            error(
                "E713",
                f"the run was on {was['images']:,} images, but there are {now['images']:,} now",
                data,
            )
        )
    elif not errors and was.get("data_sha256", now["data_sha256"]) != now["data_sha256"]:
        warnings.append(
            warning(
                "W742",
                "the training images are not the ones that the run has been on",
                data,
                notes=("there are as many, but with other names, sizes or pixels",),
            )
        )
    before, after = (
        dict(_leaves(with_defaults(json.loads(run["recipe"])), ())) for run in (was, now)
    )
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old == new or path in _HARMLESS:
            continue
        name = ".".join(path)
        if path in _PLACE:
            errors.append(
                error(
                    "E713",
                    f"the run cannot go on with another `{name}`: it was {_text(old)}, not "
                    f"{_text(new)}",
                    loaded.span(path),
                    notes=("the order of the samples depends on it",),
                )
            )
        elif path != ("iterations",) or after[("schedule", "type")] != "steps":
            warnings.append(
                warning(
                    "W708",
                    f"`{name}` was {_text(old)} up to here, and is {_text(new)} from now on",
                    loaded.span(path),
                )
            )
    if errors:
        raise CompileError(*errors)
    sharded = ("speed", "shards")
    if before.get(sharded) != after.get(sharded):
        return warnings  # Said already, and in other words than those below.
    if was["processes"] != now["processes"]:
        warnings.append(
            warning(
                "W707",
                f"the checkpoint is of {was['processes']} processes, "
                f"this run has {now['processes']}",
                notes=("it goes on, but not to the bit as it would have",),
            )
        )
    elif was["strategy"] != now["strategy"]:
        warnings.append(
            warning(
                "W708",
                f"the strategy was {was['strategy']} up to here, and is {now['strategy']} from "
                "now on",
            )
        )
    return warnings


def _leaves(
    values: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _text(value: Any) -> str:
    return "unset" if value is None else json.dumps(value)
