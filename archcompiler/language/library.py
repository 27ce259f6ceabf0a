"""Which blocks there are: those of the spec, of the compiler's own zoo and of outside packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from archcompiler import zoo
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.language.definition import Definition
from archcompiler.language.reading import read_definition
from archcompiler.diagnostics.read import read_source
from archcompiler.config.located import Located, locate, merge
from archcompiler.syntax import parse

Home = Literal["stems", "heads", "modules", "blocks"]
"""What a name is looked up as. Units, masks and other blocks share one set of names."""

INNER: Final = ("units", "masks", "blocks")
GROUP: Final = "archcompiler.blocks"
"""Entry points of outside packages: each names a package whose `*.toml` files are blocks."""
ZOO: Final = Path(next(iter(zoo.__path__)))


class Library:
    """The blocks that a spec can name. Its own come first, laid upon one of the zoo if they share its name."""

    def __init__(self, blocks: Located | None = None) -> None:
        self._own: dict[str, Located] = {}
        if blocks is not None and isinstance(blocks.value, dict):
            self._own = dict(blocks.value)
        self._known: dict[tuple[str, Home], Definition | None] = {}

    @property
    def own(self) -> tuple[str, ...]:
        """Names of the blocks that the spec itself says something about."""
        return tuple(self._own)

    def find(self, name: str, home: Home = "blocks") -> Definition | None:
        """The block called `name`; None if there is none.

        Raises CompileError for one of the spec or of an outside package that cannot be read.
        """
        key = name, home
        if key not in self._known:
            self._known[key] = self._read(name, home)
        return self._known[key]

    def names(self, home: Home = "blocks") -> tuple[str, ...]:
        """Every name that can be used there, in alphabetical order."""
        return tuple(sorted({*self._own, *_files(home), *_outside(home)}))

    def table(self, name: str, home: Home = "blocks") -> Located | None:
        """What is written about a block, the spec's laid upon the zoo's."""
        base, own = _shipped(name, home), self._own.get(name)
        if base is None or own is None:
            return own or base
        return merge(base, own)

    def _read(self, name: str, home: Home) -> Definition | None:
        own = self._own.get(name)
        if own is None:
            return _definition(name, home)
        table = self.table(name, home)
        assert table is not None
        return read_definition(name, table, home, ("blocks", name))


@cache
def _definition(name: str, home: Home) -> Definition | None:
    table = _shipped(name, home)
    if table is None:
        return None
    path = _files(home).get(name)
    folder = path.parent.name if path is not None else "blocks"
    try:
        return read_definition(name, table, folder)
    except CompileError as problem:
        if path is not None:
            raise
        raise CompileError(_broken(name, _outside(home)[name], problem.diagnostics[0])) from None


@cache
def _shipped(name: str, home: Home) -> Located | None:
    path = _files(home).get(name) or _outside(home).get(name)
    if path is None:
        return None
    try:
        document = parse(read_source(path))
    except CompileError as problem:
        raise CompileError(_broken(name, path, problem.diagnostics[0])) from None
    return locate(document.values, document)


@cache
def _files(home: Home) -> Mapping[str, Path]:
    folders = INNER if home == "blocks" else (home,)
    return {path.stem: path for folder in folders for path in sorted((ZOO / folder).glob("*.toml"))}


@cache
def _outside(home: Home) -> Mapping[str, Path]:
    """Blocks of outside packages; none of them is read before it is asked for.

    A package of a group's entry point has `*.toml` files in itself, and in `stems/`, `heads/` and
    `modules/`. Raises CompileError E316 if one cannot be found, or two have a block of one name.
    """
    found: dict[str, Path] = {}
    for point, folder in _packages():
        for path in sorted((folder if home == "blocks" else folder / home).glob("*.toml")):
            if path.stem in found or path.stem in _files(home):
                raise CompileError(
                    error(
                        "E316",
                        f"two packages have a block `{path.stem}`",
                        notes=(f"one is {path}", f"of entry point {point}"),
                    )
                )
            found[path.stem] = path
    return found


@cache
def _packages() -> tuple[tuple[str, Path], ...]:
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            spec = find_spec(point.value)
        except (ImportError, ValueError):
            spec = None
        # A package that is not there cannot have what is asked for; naming it is `find`'s business.
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            found.append((f"{point.name} = {point.value}", Path(folder)))
    return tuple(found)


def missing_packages() -> Iterator[str]:
    """Entry points whose package cannot be found."""
    from importlib.metadata import entry_points

    there = {point for point, _ in _packages()}
    for point in entry_points(group=GROUP):
        if f"{point.name} = {point.value}" not in there:
            yield f"{point.name} = {point.value}"


def _broken(name: str, path: Path, problem: Diagnostic) -> Diagnostic:
    return error(
        "E316",
        f"block `{name}` of an installed package cannot be read",
        notes=(f"{path}: {problem.message}",),
        help="correct the package, or uninstall it",
    )
