"""How a folder of images is laid out: the folders of its parts, or those of its classes alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from archcompiler.config.located import Located, locate
from archcompiler.config.toml import toml_text
from archcompiler.diagnostics import CompileError, Source, error
from archcompiler.syntax import parse

TEST_SHARE: Final = 0.2
"""Of each class, where no folder has images to test on."""
_TRAIN: Final = ("train", "training")
_VALIDATION: Final = ("val", "valid", "validation")
_TEST: Final = ("test", "testing")


@dataclass(frozen=True)
class Layout:
    """What there is in a folder."""

    folder: Path
    train: str
    """The folder in it with one folder for each class; `.` if it is that folder itself."""
    test: str | None
    """The same of images to test on; without it they are a share of the others."""
    validation: str | None
    classes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What was found, for who runs a command."""
        if self.test is None:
            where = "folders of classes" if self.train == "." else f"`{self.train}`"
            return f"{where} alone, of which {TEST_SHARE:.0%} are drawn to test on"
        parts = f"`{self.train}` to train on, `{self.test}` to test on"
        held = f", `{self.validation}` to choose the best weights by" if self.validation else ""
        return parts + held

    def located(self) -> Located:
        """The values of a recipe that is to be trained on it, as if `--data` were a file."""
        data: dict[str, Any] = {"type": "folder", "path": self.folder.as_posix()}
        data["train"] = self.train
        if self.test is None:
            data["test_share"] = TEST_SHARE
        else:
            # Over those of a recipe that has them otherwise.
            data |= {"test": self.test, "test_share": 0.0}
        if self.validation is not None:
            data["validation_folder"] = self.validation
        document = parse(Source("--data", toml_text({"data": data}), "toml"))
        return locate(document.values, document)


def find_layout(folder: Path) -> Layout:
    """Look at a folder. Raises CompileError E704 if it has no folders of classes."""
    inner = folders(folder)
    train = _first(folder, _TRAIN, inner)
    if train is None:
        if not inner:
            raise CompileError(
                error(
                    "E704",
                    f"images: `{folder}` has no folders, so there are no classes",
                    help="put the images of each class into a folder of its own",
                )
            )
        return Layout(folder, ".", None, None, tuple(inner))
    test, validation = _first(folder, _TEST, inner), _first(folder, _VALIDATION, inner)
    if test is None:
        # As ImageNet has it: what is called validation there is what everyone tests on.
        test, validation = validation, None
    return Layout(folder, train, test, validation, tuple(folders(folder / train)))


def folders(folder: Path) -> list[str]:
    """Names of the folders in a folder that are not hidden, sorted. Raises CompileError E704."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() and not hidden(e.name))
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise CompileError(error("E704", f"images: cannot list `{folder}`: {reason}")) from None


def hidden(name: str) -> bool:
    """Whether a file or folder is one that people do not see."""
    return name.startswith(".")


def _first(folder: Path, names: Iterable[str], inner: list[str]) -> str | None:
    """The first of these folders that there is and that has folders in it."""
    return next((name for name in names if name in inner and folders(folder / name)), None)
