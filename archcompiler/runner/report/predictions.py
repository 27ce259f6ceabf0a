"""What a network says of images, for people and for programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

_LINE_BREAK: Final = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What `str.splitlines` takes for one."""


class Prediction(NamedTuple):
    """What a network says of an image."""

    image: str
    """Its path."""
    classes: tuple[tuple[str, float], ...]
    """Names and probabilities, the largest first."""

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.1%}" for name, share in self.classes)


def text_of(predictions: Sequence[Prediction]) -> str:
    """A line for each image, whatever it and the classes are called."""
    return "".join(f"{_LINE_BREAK.sub(_escaped, f'{p.image}  {p}')}\n" for p in predictions)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


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
