"""Which files are images of which class: one folder a class, as ImageNet is usually laid out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from archcompiler.diagnostics import Diagnostic, warning
from archcompiler.runner.data.decoding import SUFFIXES
from archcompiler.runner.data.files import bad_data
from archcompiler.runner.data.randomness import Stream
from archcompiler.runner.data.validation import divide
from archcompiler.runner.recipe.choices import Split
from archcompiler.runner.recipe.layout import hidden
from archcompiler.runner.recipe.model import Folder

_READ: Final = f"files that are read end in {', '.join(SUFFIXES)}"


@dataclass(frozen=True)
class ImageFiles:
    """One split: the files and the label of each."""

    paths: tuple[str, ...]
    """As strings: every worker process gets a copy, of a million for ImageNet. By class."""
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    """Names, by label: the folders' names, sorted."""
    warnings: tuple[Diagnostic, ...] = ()
    """W730 of what is in the folder and not in here."""

    def __len__(self) -> int:
        return len(self.paths)

    def renumbered(self, numbers: Sequence[int], classes: tuple[str, ...]) -> ImageFiles:
        """With `numbers[label]` for each label: the same classes, numbered as in `classes`."""
        labels = tuple(numbers[label] for label in self.labels)
        return ImageFiles(self.paths, labels, classes, self.warnings)

    def part(self, indices: npt.NDArray[np.int64]) -> ImageFiles:
        """Some of the files, with what is warned of in the folder of all."""
        chosen = indices.tolist()
        return ImageFiles(
            tuple(self.paths[i] for i in chosen),
            tuple(self.labels[i] for i in chosen),
            self.classes,
            self.warnings,
        )


def list_training(data: Folder) -> ImageFiles:
    """The files in the folder of training images. Raises CompileError E704."""
    return _list(_root(data) / data.train, data)


def list_test(data: Folder) -> ImageFiles:
    """Those in the folder of test images; no other need be there. Raises CompileError E704."""
    return _list(_root(data) / data.test, data)


class Files(NamedTuple):
    """The files of each split."""

    train: ImageFiles
    validation: ImageFiles
    """May have none."""
    test: ImageFiles


def list_all(data: Folder, seed: int) -> Files:
    """The files of each split. Raises CompileError E704, also if they have not the same classes."""
    whole = list_training(data)
    train, validation, test = map(whole.part, _parts(whole.labels, data, seed))
    if data.validation_folder is not None:
        validation = _list(_root(data) / data.validation_folder, data)
        require_same_classes(whole, validation, data, data.validation_folder)
    if not data.test_share:
        test = list_test(data)
        require_same_classes(whole, test, data, data.test)
    return Files(train, validation, test)


def list_split(data: Folder, seed: int, split: Split) -> ImageFiles:
    """The files of one split; those of others need not be there. Raises CompileError E704."""
    if split == "test" and not data.test_share:
        return list_test(data)
    if split == "validation" and data.validation_folder is not None:
        return _list(_root(data) / data.validation_folder, data)
    whole = list_training(data)
    return whole.part(getattr(_parts(whole.labels, data, seed), split))


class _Parts(NamedTuple):
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def _parts(labels: Sequence[int], data: Folder, seed: int) -> _Parts:
    """Which of the files in the folder `train` are of which split, as far as any are."""
    every = np.asarray(labels, np.int64)
    rest, test = divide(every, data.test_share, seed, Stream.TEST)
    share = 0.0 if data.validation_folder is not None else data.validation
    train, validation = divide(every[rest], share, seed)
    return _Parts(rest[train], rest[validation], test)


def list_given(paths: Sequence[Path]) -> ImageFiles:
    """Files that a person names, and the images in the folders among them; all in one class.

    Raises CompileError E704 for a folder without any.
    """
    found: list[str] = []
    warnings: list[Diagnostic] = []
    for path in paths:
        if not path.is_dir():
            found.append(str(path))
            continue
        left_out = _LeftOut(Counter())
        with _listable(path):
            inside = sorted(_images(str(path), left_out, strict=False))
        if not inside:
            raise bad_data(f"images: no image in `{path}`", _READ)
        found += inside
        warnings += left_out.warnings(path)
    return ImageFiles(tuple(found), (0,) * len(found), ("",), tuple(warnings))


def require_same_classes(train: ImageFiles, other: ImageFiles, data: Folder, folder: str) -> None:
    """Raise CompileError E704 if a label would mean two things."""
    if train.classes != other.classes:
        odd = sorted(set(train.classes) ^ set(other.classes))
        raise bad_data(
            f"`{_root(data) / data.train}` and `{_root(data) / folder}` have different classes",
            f"in one of them only: {', '.join(odd[:5])}{', …' if len(odd) > 5 else ''}",
        )


def _root(data: Folder) -> Path:
    return Path(data.path).expanduser()


def _list(folder: Path, data: Folder) -> ImageFiles:
    if not folder.is_dir():
        raise bad_data(
            f"images: `{folder}` is not a folder",
            "one folder a class with the images of that class in it is expected there",
            help="name the folder above it with `--set data.path=FOLDER`",
        )
    left_out = _LeftOut(Counter())
    with _listable(folder):
        classes = sorted(_classes(folder, left_out))
        strict = data.on_error == "stop"
        found = [sorted(_images(str(folder / name), left_out, strict=strict)) for name in classes]
    if not classes:
        raise bad_data(f"images: `{folder}` has no folders, so there are no classes")
    for name, paths in zip(classes, found, strict=True):
        if not paths:
            raise bad_data(
                f"images: no image in `{folder / name}`",
                _READ,
                help="remove the folder, or put images of its class in",
            )
    return ImageFiles(
        tuple(path for paths in found for path in paths),
        tuple(label for label, paths in enumerate(found) for _ in paths),
        tuple(classes),
        tuple(left_out.warnings(folder)),
    )


def _classes(folder: Path, left_out: _LeftOut) -> Iterator[str]:
    """Names of the folders that stand for classes."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is(entry.is_dir):
                if hidden(entry.name):
                    left_out.add("hidden folders", entry.path)
                else:
                    yield entry.name
            elif _is_image(entry.name):
                left_out.add("images outside the folders of classes", entry.path)


@contextmanager
def _listable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise bad_data(f"images: cannot list `{exc.filename or folder}`: {reason}") from None


def _images(folder: str, left_out: _LeftOut, *, strict: bool) -> Iterator[str]:
    """Paths of the images in a folder and those inside it. If `strict`, raises CompileError E704
    for what is none by its kind.
    """
    # Strings, not paths: of a million files those would take most of the time to a first step.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if hidden(entry.name):
                    left_out.add("hidden folders", entry.path)
                else:
                    yield from _images(entry.path, left_out, strict=strict)
            elif _is(entry.is_dir):
                # It may lead around in a circle.
                left_out.add("linked folders", entry.path)
            elif hidden(entry.name):
                left_out.add("hidden files", entry.path)
            elif not _is_image(entry.name):
                suffix = Path(entry.name).suffix.lower()
                left_out.add(
                    f"`{suffix}` files" if suffix else "files without a suffix", entry.path
                )
            elif strict and not _is(entry.is_file):
                raise bad_data(f"images: `{entry.path}` is not a regular file")
            else:
                yield entry.path


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of a kind; a link that leads in a circle is of none."""
    try:
        return kind()
    except OSError:
        return False


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


@dataclass
class _LeftOut:
    """What is passed over, by kind."""

    kinds: Counter[str]
    example: str = ""

    def add(self, kind: str, path: str) -> None:
        self.kinds[kind] += 1
        self.example = min(self.example or path, path)

    def warnings(self, folder: Path) -> Iterator[Diagnostic]:
        """One, if there is anything to say."""
        if not self.kinds:
            return
        most = self.kinds.most_common(8)
        listed = ", ".join(f"{kind} ({count:,})" for kind, count in most)
        more = ", …" if len(self.kinds) > len(most) else ""
        yield warning(
            "W730",
            f"not everything in `{folder}` is read as an image; left out: {listed}{more}",
            notes=(f"the first of them is `{self.example}`",),
        )
