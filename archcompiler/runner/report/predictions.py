"""What a network says of images, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Prediction(NamedTuple):
    """What a network says of an image."""

    image: str
    """Its path."""
    classes: tuple[tuple[str, float], ...]
    """Names and probabilities, the largest first."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.classes)


def text_of(predictions: Sequence[Prediction]) -> str:
    """A line for each image."""
    return "".join(f"{p.image}  {p}\n" for p in predictions)


def csv_of(predictions: Sequence[Prediction]) -> str:
    """A row for each class of each image."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "rank", "class", "probability"))
    for prediction in predictions:
        for rank, (name, share) in enumerate(prediction.classes, 1):
            writer.writerow((prediction.image, rank, name, share))
    return text.getvalue()


def json_of(
    predictions: Sequence[Prediction], missed: Mapping[str, str], how: Mapping[str, Any]
) -> str:
    """One object: `how` they were made, the images, and those that could not be read."""
    images = [
        {
            "image": p.image,
            "classes": [{"class": name, "probability": share} for name, share in p.classes],
        }
        for p in predictions
    ]
    unreadable = [{"image": path, "reason": reason} for path, reason in missed.items()]
    return json.dumps({**how, "images": images, "unreadable": unreadable}, indent=1) + "\n"
