"""A space with all of its values, each with where it comes from. The text is itself a space."""

from __future__ import annotations

from archcompiler.config.path import SpecPath
from archcompiler.config.showing import show_values
from archcompiler.search.loading import LoadedSpace


def show_space(space: LoadedSpace) -> str:
    """The values of the file, with the objectives that it has by default."""
    values = space.own.plain()
    values = {"extends": space.extends, "name": space.name, **values}
    objective = space.space.objective
    values["objective"] = {
        "minimise": list(objective.minimise),
        "maximise": list(objective.maximise),
    }

    def inline(path: SpecPath) -> bool:
        """Values may be tables too, and stand in their array."""
        return path[0] == "space" and len(path) > 1

    return show_values(values, space.own, inline=inline)
