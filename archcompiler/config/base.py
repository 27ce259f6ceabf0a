"""The base of every model that a file is validated against."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

MOST: Final = 1_000_000_000
"""The largest number of anything that is counted."""
Count = Annotated[int, Field(ge=1, le=MOST)]


class Model(BaseModel):
    """A table of a spec or recipe: frozen, strict about types, unknown keys are errors.

    Only the root is ever validated, so the validators of its parts are not built. The strings
    below the fields are their help texts; `archcompiler.config.help` reads them.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )
