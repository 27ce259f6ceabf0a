"""What the files of a run say of its making and its results, without what is of its machine alone.

They are read as what anyone may have written: what is of another kind than it should be is left
out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any, Final

from archcompiler.files import read_regular
from archcompiler.runner.data.fitting import image_of
from archcompiler.runner.report.metrics import read_metrics
from archcompiler.runner.store.record import read_record
from archcompiler.runner.store.trained import Trained

_MOST: Final = 1 << 26
"""Bytes of an `eval.json`: the confusion of many classes."""
_HARMLESS: Final = ("device", "speed.", "evaluation_batch", "data.workers", "data.timeout")
"""How keys begin that say how an evaluation is computed, not of what."""
_ELSEWHERE: Final = re.compile(r"(?:~[^/\\=]*|\b[A-Za-z]:|\.\.|(?<![\w.\-]))[/\\]")
"""Where a path begins that is not below the working folder."""


@dataclass(frozen=True)
class Result:
    """How often the exported weights are right."""

    split: str
    """test, validation or train"""
    images: int | None
    crops: int
    size: tuple[int, int]
    """(H, W)"""
    top1: float
    top5: float | None
    loss: float | None
    source: str
    """The file of the run folder that says so."""


@dataclass(frozen=True)
class Start:
    """A start of the run."""

    iteration: int | None
    time: str | None
    command: str | None
    commit: str | None
    device: str | None
    processes: int | None
    versions: Mapping[str, str]


@dataclass(frozen=True)
class History:
    """All that is known."""

    images: int | None
    """That it was trained on."""
    data_sha256: str | None
    initial: Mapping[str, Any] | None
    """Name, sha256 and iteration of the weights that it began with."""
    starts: tuple[Start, ...]
    results: tuple[Result, ...]

    @classmethod
    def of(cls, trained: Trained) -> History:
        """Of a run, with the results that are of these very weights."""
        record = read_record(trained.folder.record)
        found, begun = record.get("starts"), record.get("initial")
        return cls(
            _count(record.get("images")),
            _text(record.get("data_sha256")) or None,
            _initial(begun) if isinstance(begun, dict) else None,
            tuple(_start(start) for start in _listed(found) if isinstance(start, dict)),
            (*_evaluations(trained), *_measured(trained)),
        )


def pathless(words: Sequence[str]) -> list[str]:
    """The words of a command line, with the last name alone of each path that leads elsewhere."""
    return [_pathless(word) for word in words]


def name_of(path: str) -> str:
    """The last name of a path of any system."""
    return PurePosixPath(path.replace("\\", "/")).name


def _pathless(word: str) -> str:
    found = _ELSEWHERE.search(word)
    if found is None:
        return word
    # To its end: a path may hold any character that could end it.
    return word[: found.start()].rstrip("\"'[") + (name_of(word.rstrip("\"'/]")) or "…")


def _initial(begun: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name_of(_text(begun.get("path")) or "?"),
        "sha256": _text(begun.get("sha256")),
        "iteration": _count(begun.get("iteration")),
    }


def _start(start: Mapping[str, Any]) -> Start:
    versions = start.get("versions")
    return Start(
        _count(start.get("iteration")),
        _text(start.get("time")),
        _command([_text(word) or "" for word in _listed(start.get("command"))]),
        _text(start.get("commit")),
        _text(start.get("device")),
        _count(start.get("processes")),
        {
            str(name): str(version)
            for name, version in (versions if isinstance(versions, dict) else {}).items()
            if isinstance(version, str | int)
        },
    )


def _command(words: Sequence[str]) -> str | None:
    """The command as a user would type it; None for a run that another program has started."""
    import shlex

    for number, word in enumerate(words):
        name = name_of(word).removesuffix(".exe")
        if name == "archcompiler" and words[number + 1 : number + 2] == ["train"]:
            return shlex.join(["archcompiler", *pathless(words[number + 1 :])])
        if name == "archcompiler.runner" and words[number - 1] == "-m":
            return shlex.join(["archcompiler", "train", *pathless(words[number + 1 :])])
    return None


def _evaluations(trained: Trained) -> Iterator[Result]:
    """What `eval` has left of these weights."""
    for path in sorted(trained.folder.path.glob("eval*.json")):
        found = _object(path)
        size, top1 = _listed(found.get("size")), _share(found.get("top1"))
        sides = [side for side in map(_count, size) if side]
        if (
            found.get("iteration") != trained.iteration
            or found.get("checkpoint") != trained.checkpoint.resolve().name
            or top1 is None
            or len(sides) != 2
            or not all(map(_same_images, _listed(found.get("settings"))))
        ):
            continue
        yield Result(
            _text(found.get("split")) or "test",
            _count(found.get("images")),
            _count(found.get("crops")) or 1,
            (sides[0], sides[1]),
            top1,
            _share(found.get("top5")),
            _number(found.get("loss")),
            path.name,
        )


def _same_images(setting: object) -> bool:
    """Whether an evaluation with this setting of the recipe is one of the run's own images."""
    return isinstance(setting, str) and setting.partition("=")[0].strip().startswith(_HARMLESS)


def _measured(trained: Trained) -> Iterator[Result]:
    """What the run itself has measured of these weights."""
    _, height, width = image_of(trained.loaded, trained.compiled.spec)
    for row in read_metrics(trained.folder.metrics):
        top1 = _share(row.get("accuracy"))
        if row["iteration"] == trained.iteration and row["split"] != "train" and top1 is not None:
            yield Result(
                row["split"],
                _count(row.get("images")),
                1,
                (height, width),
                top1,
                _share(row.get("top5")),
                _number(row.get("loss")),
                trained.folder.metrics.name,
            )


def _object(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(read_regular(path, _MOST))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 53 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and isfinite(value) else None


def _share(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None
