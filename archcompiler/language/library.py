"""Which blocks there are: those of the spec, of the compiler's own zoo and of outside packages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from archcompiler import zoo
from archcompiler.config.located import Located, locate, merge
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.diagnostics.read import read_source
from archcompiler.language.definition import Definition
from archcompiler.language.folding import folded
from archcompiler.language.merging import Words
from archcompiler.language.reading import read_block, read_definition
from archcompiler.ops import Operator
from archcompiler.ops.registry import built_in, find_operator
from archcompiler.syntax import parse

Home = Literal["stems", "heads", "modules", "blocks"]
"""What a name is looked up as. Units, masks and other blocks share one set of names."""
HOMES: Final[tuple[Home, ...]] = ("blocks", "stems", "heads", "modules")

INNER: Final = ("units", "masks", "blocks")
GROUP: Final = "archcompiler.blocks"
"""Entry points of outside packages: each names a package whose `*.toml` files are blocks."""
ZOO: Final = Path(next(iter(zoo.__path__)))


class Library:
    """The blocks that a spec can name: its own first, laid upon the zoo's of that name."""

    def __init__(self, blocks: Located | None = None) -> None:
        self._own: dict[str, Located] = {}
        if blocks is not None and isinstance(blocks.value, dict):
            self._own = dict(blocks.value)
        self._known: dict[tuple[str, Home], Definition | None] = {}
        self._glanced: dict[tuple[str, Home], Definition | None] = {}
        self.words: Words | None = None
        """In a library for inference, what steps call batch norms and the like."""

    def for_inference(self, words: Words) -> Library:
        """The same blocks as they are in inference: layers have taken in the batch norms after
        them, and what is left is read by `Dialect.kept`.
        """
        other = Library()
        other._own, other.words = self._own, words
        return other

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
            found = self._read(name, home)
            if found is not None and self.words is not None:
                found = folded(found, self.words)
            self._known[key] = found
        return self._known[key]

    def operator(self, name: str) -> type[Operator] | None:
        """The operator that a name stands for in a step; None if it is a block's, or nothing's.

        Installed packages are searched only for a name that is not known here: that takes longer
        than all the rest of a build. Raises CompileError E315 for one that cannot be used.
        """
        known = built_in(name)
        if known is not None or name in self._own or name in _files("blocks"):
            return known
        return find_operator(name)

    def glance(self, name: str, home: Home = "blocks") -> Definition | None:
        """What can be read of a block, with options of its own that cannot left out.

        Raises CompileError for a block of an outside package that cannot be read.
        """
        if name not in self._own:
            return self.find(name, home)
        key = name, home
        if key not in self._glanced:
            table = self.table(name, home)
            assert table is not None
            self._glanced[key] = read_block(name, table, home, ("blocks", name))[0]
        return self._glanced[key]

    def unreadable(self, definition: Definition) -> frozenset[str]:
        """Options that are written, but that a definition lacks because they cannot be read."""
        table = self._own.get(definition.name)
        options = table.child("options") if table is not None else None
        written = options.value if options is not None else ()
        return frozenset(written if isinstance(written, dict) else ()) - {*definition.options}

    def names(self, home: Home = "blocks", kind: str = "block") -> tuple[str, ...]:
        """Every name that can be used there, in alphabetical order.

        Of the zoo's blocks only those meant for a `kind`, `unit` or `mask`, where it is one.
        """
        shipped = (n for n, path in _files(home).items() if path.parent.name == f"{kind}s")
        known = shipped if kind in ("unit", "mask") else _files(home)
        own = (name for name in self._own if home in self.homes(name))
        return tuple(sorted({*own, *known, *_outside(home)}))

    def homes(self, name: str) -> tuple[Home, ...]:
        """What a block of the spec's own is: what the zoo has of its name, else anything."""
        shipped = tuple(home for home in HOMES if name in _files(home))
        return shipped or HOMES

    def is_shipped(self, name: str) -> bool:
        """Whether the zoo has a block of this name."""
        return any(name in _files(home) for home in HOMES)

    def broken(self, name: str, home: Home, problem: Diagnostic) -> Diagnostic:
        """E316 for a block of an outside package in which something is wrong."""
        return _broken(name, home, problem).diagnostics[0]

    def is_outside(self, name: str, home: Home) -> bool:
        """Whether a block is an outside package's alone."""
        # Installed packages are searched last: that takes longer than the rest.
        return name not in self._own and name not in _files(home) and name in _outside(home)

    def missing(self) -> tuple[str, ...]:
        """What is said of a name that might be in a package which cannot be found."""
        return tuple(f"the package of entry point `{point}` cannot be found" for point in _absent())

    def table(self, name: str, home: Home = "blocks") -> Located | None:
        """What is written about a block: the spec's, laid upon the zoo's unless it is whole."""
        own = self._own.get(name)
        if own is not None and _is_whole(own):
            return own
        base = _shipped(name, home)
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


def _is_whole(table: Located) -> bool:
    """Whether a block has steps of its own, so that the zoo's of its name has no part in it.

    A step without an `op` changes one that is there already. Else a block that the zoo gets one
    day would change what a spec means.
    """
    steps = table.child("steps")
    if steps is None or not isinstance(steps.value, dict) or not steps.value:
        return False
    return all(step.child("op") is not None for step in steps.value.values())


@cache
def _definition(name: str, home: Home) -> Definition | None:
    table = _shipped(name, home)
    if table is None:
        return None
    path = _files(home).get(name)
    if path is not None:
        return read_definition(name, table, path.parent.name)
    try:
        return read_definition(name, table)
    except CompileError as problem:
        raise _broken(name, home, problem.diagnostics[0]) from None


@cache
def _shipped(name: str, home: Home) -> Located | None:
    """What is written about a block outside of the spec."""
    path = _files(home).get(name)
    if path is not None:
        document = parse(read_source(path))
        return locate(document.values, document)
    found = _outside(home).get(name, ())
    if not found:
        return None
    if len(found) > 1:
        notes = tuple(f"{path}, of entry point `{point}`" for point, path in found)
        raise CompileError(error("E316", f"two packages have a block `{name}`", notes=notes))
    try:
        document = parse(read_source(found[0][1]))
    except CompileError as problem:
        raise _broken(name, home, problem.diagnostics[0]) from None
    return locate(document.values, document)


@cache
def _files(home: Home) -> Mapping[str, Path]:
    folders = INNER if home == "blocks" else (home,)
    return {path.stem: path for folder in folders for path in sorted((ZOO / folder).glob("*.toml"))}


@cache
def _outside(home: Home) -> Mapping[str, tuple[tuple[str, Path], ...]]:
    """Blocks of outside packages by name, each with its entry point; none of them is read.

    A package of a group's entry point has `*.toml` files in itself, and in `stems/`, `heads/` and
    `modules/`. What the zoo has is not replaced.
    """
    found: dict[str, tuple[tuple[str, Path], ...]] = {}
    for point, folder in _packages():
        for path in sorted((folder if home == "blocks" else folder / home).glob("*.toml")):
            if path.stem not in _files(home):
                found[path.stem] = (*found.get(path.stem, ()), (point, path))
    return found


@cache
def _packages() -> tuple[tuple[str, Path], ...]:
    """Entry points whose package can be found, with its folder."""
    return tuple((point, folder) for point, folders in _points() for folder in folders)


@cache
def _absent() -> tuple[str, ...]:
    return tuple(point for point, folders in _points() if not folders)


@cache
def _points() -> tuple[tuple[str, tuple[Path, ...]], ...]:
    from importlib.metadata import entry_points
    from importlib.util import find_spec

    found = []
    for point in sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            spec = find_spec(point.value)
        except Exception:
            # Looking for a package inside another runs the outer one, which may fail in any way.
            spec = None
        folders = spec.submodule_search_locations if spec is not None else None
        found.append((f"{point.name} = {point.value}", tuple(map(Path, folders or ()))))
    return tuple(found)


def _broken(name: str, home: Home, problem: Diagnostic) -> CompileError:
    ((point, path),) = _outside(home)[name]
    line = f":{problem.span.location.line}" if problem.span is not None else ""
    return CompileError(
        error(
            "E316",
            f"block `{name}` of an installed package cannot be used",
            notes=(f"entry point `{point}`", f"{path.name}{line}: {problem.message}"),
            help="correct the package, or uninstall it",
        )
    )
