"""The learning rate as a pure function of the iteration."""

from __future__ import annotations

import math
from bisect import bisect_right

from archcompiler.runner.recipe.model import Cosine, Steps


def rate_factor(schedule: Steps | Cosine, step: int, iterations: int) -> float:
    """What the base rate is multiplied with in step `step`, counted from 0."""
    if step < schedule.warmup:
        return (step + 1) / (schedule.warmup + 1)
    if schedule.type == "steps":
        return schedule.factor ** bisect_right(schedule.at, step)
    done = (step - schedule.warmup) / max(iterations - schedule.warmup, 1)
    return schedule.final + (1 - schedule.final) * (1 + math.cos(math.pi * min(done, 1))) / 2
