"""The learning rate as a pure function of the iteration."""

from __future__ import annotations

import math
from bisect import bisect_right

from archcompiler.runner.recipe.lengths import settled
from archcompiler.runner.recipe.model import Schedule


def rate_factor(schedule: Schedule, step: int, iterations: int) -> float:
    """What the base rate is multiplied with in step `step` of so many, counted from 0."""
    warmup = settled(schedule.warmup)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule.type == "steps":
        return schedule.factor ** bisect_right([settled(length) for length in schedule.at], step)
    done = (step - warmup) / (iterations - warmup)
    return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * done)) / 2
