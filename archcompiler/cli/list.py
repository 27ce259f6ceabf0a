from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import click

from archcompiler import shipped, terminal
from archcompiler.cli.command import Command
from archcompiler.cli.options import choice

Kind = Literal["specs", "blocks", "masks", "recipes", "spaces", "studies", "accelerators", "codes"]
Entry: TypeAlias = dict[str, Any]


@click.command("list", cls=Command, examples=["list specs", "list masks --format json"])
@click.argument("kind", required=False, type=choice(Kind))
@click.option("--format", type=choice(Literal["text", "json"]), default="text", show_default=True)
def command(kind: Kind | None, format: str) -> None:
    """List what can be named: shipped specs, recipes, spaces, studies, blocks, accelerators, codes.

    Without KIND, say how many there are of each; in JSON, all of them.
    """
    kinds: tuple[Kind, ...] = get_args(Kind) if kind is None else (kind,)
    found = {each: list(LISTS[each]()) for each in kinds}
    if format == "json":
        terminal.page(json.dumps(found if kind is None else found[kind], indent=2) + "\n")
    elif kind is not None:
        _print([[_cell(value) for value in _shown(entry)] for entry in found[kind]])
    else:
        _print([[each, str(len(found[each])), f"archcompiler list {each}"] for each in kinds])


def _print(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminal.line("  ".join(cells).rstrip())


def _shown(entry: Entry) -> Iterator[Any]:
    """What of an entry fits on a line: all but where it is from."""
    return (value for key, value in entry.items() if key not in ("source", "path", "options"))


def _cell(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, list) else str(value)


def _specs() -> Iterator[Entry]:
    from archcompiler.spec.loader import load

    for name, path in shipped.specs().items():
        spec = load(name).spec
        yield {
            "name": name,
            "input": list(spec.input),
            "classes": spec.classes,
            "title": spec.title or spec.name,
            "path": str(path),
        }


def _recipes() -> Iterator[Entry]:
    yield from _said(shipped.recipes())


def _spaces() -> Iterator[Entry]:
    yield from _said(shipped.spaces())


def _studies() -> Iterator[Entry]:
    yield from _said(shipped.studies())


def _said(files: Mapping[str, Path]) -> Iterator[Entry]:
    for name, path in files.items():
        yield {"name": name, "title": _first_sentence(path.read_text("utf-8")), "path": str(path)}


def _first_sentence(text: str) -> str:
    """What a file says of itself: its comment up to a full stop or a colon."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#:"):  # for editors
            continue
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    comment = " ".join(lines)
    ends = [i for mark in (". ", ": ") if (i := comment.find(mark)) > 0]
    return comment[: min(ends)] if ends else comment.removesuffix(".")


def _blocks() -> Iterator[Entry]:
    from archcompiler.language.library import HOMES, Library

    library = Library()
    for home in HOMES:
        for name in library.names(home):
            block = library.find(name, home)
            assert block is not None
            yield {
                "name": name,
                "kind": block.home.removesuffix("s") if block.home != "blocks" else "part",
                "title": block.title or "",
                "source": block.source or "",
                "options": list(block.options),
            }


def _masks() -> Iterator[Entry]:
    for entry in _blocks():
        if entry.pop("kind") == "mask":
            yield entry


def _accelerators() -> Iterator[Entry]:
    from archcompiler.analysis.roofline import accelerators

    for name, found in accelerators().items():
        yield {"name": name, "title": found.title, "source": found.source}


def _codes() -> Iterator[Entry]:
    from archcompiler.diagnostics.codes import all_codes, explanation

    for code in all_codes():
        heading = (explanation(code) or "").partition("\n")[0]
        yield {"name": code, "title": heading.removeprefix(f"# {code}: ")}


LISTS: Final[Mapping[Kind, Callable[[], Iterator[Entry]]]] = {
    "specs": _specs,
    "blocks": _blocks,
    "masks": _masks,
    "recipes": _recipes,
    "spaces": _spaces,
    "studies": _studies,
    "accelerators": _accelerators,
    "codes": _codes,
}
