"""Numbers of a recipe, by the range that they lie in."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Natural = Annotated[int, Field(ge=0, le=1_000_000_000)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[float, Field(gt=0, le=1000)]
Amount = Annotated[float, Field(ge=0, le=1000)]
Tiny = Annotated[float, Field(gt=0, le=1)]
