"""A study with all of its values, each with where it comes from."""

from __future__ import annotations

from archcompiler.config.showing import show_values
from archcompiler.study.loading import LoadedStudy


def show_study(study: LoadedStudy) -> str:
    """The values of the file and of what it extends, with those that it has by default."""
    first = {"recipe": None, "seeds": study.study.seeds, "metric": study.study.metric}
    return show_values({**first, **study.values.plain()}, study.values)
