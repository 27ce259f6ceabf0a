"""The study: which networks are trained by which recipes, how often, and what is compared."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, ValidationError

from archcompiler.config.base import Model
from archcompiler.runner.recipe.choices import Split

Metric: TypeAlias = Literal["best", "test"]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
MOST_SPECS: Final = 100
MOST_SEEDS: Final = 1000


class Entry(Model):
    """One of the networks that are compared."""

    spec: Name
    """Its spec: the name of a shipped one, or a path relative to this file."""
    title: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """What it is called in tables and in the names of its runs; by default the spec's name."""
    against: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Title of the network that it is compared with, seed by seed: the table has the mean of the
    differences, and its interval."""
    set: dict[str, Any] = Field(default_factory=dict)
    """What is changed of the spec, by keys as for `--set`."""


class Study(Model):
    """Runs that differ in network, settings of the recipe and seed. This is the root of a file.

    Every combination of a network, values of the grid and a seed is one run.
    """

    recipe: Name
    """How all are trained: the name of a shipped recipe, or a path relative to this file."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=MOST_SEEDS)] = (0, 1, 2)
    """Seeds of the runs of each network with each setting; mean and interval are over these."""
    specs: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=MOST_SPECS)]
    """The networks that are compared."""
    grid: dict[str, Any] = Field(default_factory=dict)
    """Values of the recipe by their keys as for `--set`, each as an array: every combination is
    trained. An array of one value changes the recipe of all runs."""
    metric: Metric = "best"
    """The accuracy that is compared. best: the best evaluation of a run, on its validation images,
    or on its test images where none are held back. test: that of its best weights on all test
    images, as `archcompiler eval` has it."""


class Result(Model):
    """What a run has come to, as its folder keeps it."""

    accuracy: Annotated[float, Field(ge=0, le=1)]
    """By the metric of the study."""
    metric: Metric
    split: Split
    """Whose images it was measured on."""
    iteration: Annotated[int, Field(ge=0)]
    """Of the best weights."""
    weights_sha256: str
    """Of every name, shape and byte of them."""
    data_sha256: str
    """Of the training images: see the run's record."""


class Kept(Model):
    """`study.json` of a run folder: which run of which study it is, and its result."""

    spec_sha256: str
    recipe_sha256: str
    recipe: dict[str, Any] | None = None
    """All values of it: one that a later version adds has its default in a run of before. None
    where an earlier version has written it."""
    result: Result | None = None
    """None while it has not ended."""


def read_kept(text: bytes) -> Kept | None:
    """What a run folder keeps; None for what no study has written."""
    try:
        return Kept.model_validate_json(text)
    except ValidationError:
        return None
