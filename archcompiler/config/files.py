"""Which files the text of a spec or a recipe may come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from archcompiler import shipped
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.read import FORMATS, MAX_BYTES, near_spec, read_source
from archcompiler.diagnostics.suggest import did_you_mean

MARKERS: Final = ("pyproject.toml", ".git")
"""What the top folder of a project has in it."""
_WORD: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Kind(NamedTuple):
    """A kind of file that some of come with the package: specs or recipes."""

    word: str
    root: Path
    """What those of the package may read: the files below this folder."""
    shipped: Callable[[], Mapping[str, Path]]
    """Them by name."""


_sources: Final[set[Path]] = set()
"""Every file that a text was read from, without links."""


def require_no_source(path: Path) -> None:
    """Raises CompileError E407 for a file that a spec, or what it extends, was read from."""
    with suppress(OSError, RuntimeError, ValueError):
        if path.resolve() in _sources:
            raise CompileError(is_read(path))


def is_read(path: Path) -> Diagnostic:
    """E407, of a file that is to be written and was read."""
    message = f"`{path}` is what is read, and is left alone"
    return error("E407", message, help="name another file")


Stamp: TypeAlias = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """What of a file changes when it is written; None if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Files:
    """Files as they are on the disk.

    `root` is the folder that nothing which a spec extends may leave; by default its project's.
    """

    def __init__(self, root: Path | None = None, asked: dict[Path, Stamp] | None = None) -> None:
        self.root = root
        self.asked = {} if asked is None else asked
        """Every file that was to be read, as it was then."""

    def read(self, path: Path, name: str, room: int = MAX_BYTES) -> Source:
        """The text of a file, called `name`. Raises CompileError as `read_source` does."""
        self.asked[path] = stamp(path)
        source = read_source(path, name, room)
        _sources.add(path.resolve())
        return source

    def shipped(self) -> Files:
        """What those files are read from that come with the package."""
        return Files(asked=self.asked)

    def name(self, path: Path) -> str:
        """What a file is called in messages."""
        return path.as_posix()

    def resolve(self, path: Path) -> Path:
        """The path without links. Raises OSError, RuntimeError or ValueError for one of no use."""
        return path.resolve()

    def is_file(self, path: Path) -> bool:
        try:
            return path.is_file()
        except (OSError, ValueError):
            return False

    def above(self, folder: Path) -> tuple[Path, str]:
        """The folder that a spec in `folder` may read in, and why it is that one."""
        if self.root is not None:
            return self.root.resolve(), "the folder that `--root` names"
        folder = folder.resolve()
        for parent in (folder, *folder.parents):
            if any((parent / marker).exists() for marker in MARKERS):
                return parent, f"its project's, the nearest with {_either(MARKERS)}"
        return folder, f"its own: none above it has {_either(MARKERS)}"


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names)


@dataclass(frozen=True, eq=False)
class Scope:
    """What a spec and those that it extends may read: the files below one folder."""

    files: Files
    root: Path
    why: str = field(compare=False)
    """What makes it that folder, for who wanted to leave it."""
    shipped: bool = False

    @property
    def cure(self) -> str | None:
        """What lets a spec read elsewhere; nothing does for one that comes with the package."""
        if self.shipped:
            return None
        if self.files.root is not None or any((self.root / each).exists() for each in MARKERS):
            return "`--root DIR` names another"
        marked = f"put {_either(MARKERS)} into the folder above both"
        return f"{marked}, or name that with `--root DIR`"

    def read(self, path: Path, room: int = MAX_BYTES) -> Source:
        return self.files.read(path, self._name(path), room)

    def _name(self, path: Path) -> str:
        if not self.shipped:
            return self.files.name(path)
        # Where a package is installed is long, and differs from one machine to the next.
        return f"<shipped>/{self.files.resolve(path).relative_to(self.root).as_posix()}"


def scope_of(folder: Path, files: Files) -> Scope:
    """What a spec in a folder may read."""
    return Scope(files, *files.above(folder))


def shipped_scope(kind: Kind, files: Files) -> Scope:
    """What those of a kind that come with the package may read, for one of other `files`."""
    why = f"that of the shipped {kind.word}s"
    return Scope(files.shipped(), kind.root.resolve(), why, shipped=True)


def is_word(name: str) -> bool:
    """Whether a name may be that of a shipped file: it has neither a folder nor an extension."""
    return _WORD.fullmatch(name) is not None


def find_shipped(kind: Kind, name: str, folder: Path, files: Files, *users: Path) -> Path | None:
    """The shipped file of a kind that `name` means in a folder; None if it means one there.

    A file of that very name wins. Raises CompileError E106 where a file is called so but for its
    extension, unless it is one of the `users`, which mean another by the word.
    """
    path = kind.shipped().get(name) if is_word(name) else None
    if path is None or files.is_file(folder / name):
        return None
    for extension in FORMATS:
        near = folder / f"{name}{extension}"
        if not files.is_file(near):
            continue
        if files.resolve(near) not in (*users, path.resolve()):
            raise CompileError(_ambiguous(kind, name, near))
    return path


def _ambiguous(kind: Kind, name: str, near: Path) -> Diagnostic:
    return error(
        "E106",
        f"`{name}` may be the shipped {kind.word} or the file `{near.as_posix()}`",
        help=f"write `{near.name}` for the file, or give it another name",
    )


def explained(kind: Kind, problem: Diagnostic, path: Path, files: Files) -> Diagnostic:
    """A diagnostic about a file that cannot be read, with what there is of shipped ones."""
    if problem.code not in ("E101", "E104") or problem.span is not None:
        return problem
    name, known = str(path), kind.shipped()
    notes, help = problem.notes, problem.help
    if name in known:
        notes = (
            *notes,
            f"the file is meant, not the shipped {kind.word} `{name}`, because it is there",
        )
    elif problem.code == "E101" and files.is_file(path / f"{kind.word}.toml"):
        help = f"`{(path / kind.word).as_posix()}.toml` is the {kind.word} of that run"
    elif help is None and problem.code == "E101":
        if path.stem in known and not path.exists():
            help = bare_word(kind, path.stem)
        elif is_word(name):
            guess = did_you_mean(name, known)
            help = of_another_kind(kind, name) or (
                f"did you mean `{guess}`, which comes with the package?"
                if guess
                else f"`archcompiler list {kind.word}s` names those that come with the package"
            )
    return error(problem.code, problem.message, notes=notes, help=help)


def bare_word(kind: Kind, stem: str) -> str:
    """Help for a path whose stem is the name of a shipped file."""
    return f"`{stem}`, without a folder and an extension, is a shipped {kind.word}"


def of_another_kind(kind: Kind, name: str) -> str | None:
    """Help for the name of a shipped file of another kind."""
    known = {
        "spec": shipped.specs,
        "recipe": shipped.recipes,
        "space": shipped.spaces,
        "study": shipped.studies,
    }
    other = next((word for word, named in known.items() if name in named()), None)
    return (
        None if other in (None, kind.word) else f"`{name}` is a shipped {other}, not a {kind.word}"
    )


def near_name(kind: Kind, target: str, base: Path) -> str | None:
    """What was probably meant by `extends`, where there is no such file."""
    near = near_spec(base)
    if near is not None:
        return Path(target).parent.joinpath(near).as_posix()
    return did_you_mean(target, kind.shipped()) if is_word(target) else None
