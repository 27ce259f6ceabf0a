"""What a command line may choose between; it is imported before any framework is."""

from __future__ import annotations

from typing import Literal, TypeAlias

Crops: TypeAlias = Literal["1", "10"]
"""Views of an image in an evaluation: the whole, or corners and middle, each also mirrored."""
Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
"""auto: the first of cuda, mps and cpu that is there."""
OnError: TypeAlias = Literal["stop", "skip"]
"""What an image that cannot be read does: end everything, or be left out and counted."""
PredictionFormat: TypeAlias = Literal["text", "csv", "json"]
Split: TypeAlias = Literal["test", "validation", "train"]
"""Images that are evaluated on: validation is the part of the training images that is held back."""
Strategy: TypeAlias = Literal["ddp", "fully_shard"]
"""With several processes: a whole network in each, or shards of one."""
