"""A space with all of its values, each with where it comes from. The text is itself a space."""

from __future__ import annotations

from archcompiler.config.located import Located
from archcompiler.config.showing import show_values
from archcompiler.search.axes import key_path
from archcompiler.search.loading import LoadedSpace


def show_space(space: LoadedSpace) -> str:
    """The values of the file, with its name and the objectives that it has by default."""
    own = space.own
    written = Located({"extends": space.extends, **own.value}, own.text, own.path)
    objective: dict[str, list[str]] = {"minimise": [], "maximise": []}
    for name, how in space.better.items():
        objective["minimise" if how == "less" else "maximise"].append(name)
    asked = own.child("objective")
    order = list(asked.value) if asked is not None else []
    values = {"extends": None, "name": space.name, **written.plain()}
    values["objective"] = {key: objective[key] for key in order or objective}
    # Choices may be tables, and stand in their array.
    leaves = {key_path(axis.choices[0].path) for axis in space.axes}
    return show_values(values, written, inline=leaves.__contains__)
