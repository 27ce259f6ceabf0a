"""What a file is: a spec, a recipe, a space or a study."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal, TypeAlias

from archcompiler import shipped
from archcompiler.config.extending import MAX_EXTENDS
from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Source
from archcompiler.diagnostics.read import MAX_BYTES
from archcompiler.spec.model import Spec
from archcompiler.syntax import Document, parse

FileKind: TypeAlias = Literal["spec", "recipe", "space", "study"]
_SCHEMA: Final = re.compile(
    r"""(?:^[ \t]*\#:schema[ \t][^\n]*|"\$schema"\s*:\s*"[^"\n]*)"""
    r"""\barchcompiler(?:\.(recipe|space|study))?\.schema\.json\b""",
    re.MULTILINE | re.VERBOSE,
)


def kind_of(
    file: Path | Source,
    files: Files | None = None,
    depth: int = MAX_EXTENDS,
    room: int = MAX_BYTES,
) -> FileKind | None:
    """What a file is, as `kind_of_document` says; None if it cannot be read.

    What it extends may have as many bytes, with it, as one file.
    """
    files = files or Files()
    try:
        source = file if isinstance(file, Source) else files.read(file, files.name(file), room)
        return kind_of_document(parse(source), files, depth, room)
    except CompileError:
        return None


def kind_of_document(
    document: Document, files: Files, depth: int = MAX_EXTENDS, room: int = MAX_BYTES
) -> FileKind | None:
    """What a text is by the schema that it names, else by most of its keys, else what it extends;
    None if it is neither.
    """
    values, source = document.values, document.source
    named = schema_of(source)
    if named is not None:
        return named
    if isinstance(values.get("space"), dict):
        return "space"
    if isinstance(values.get("specs"), list):
        return "study"
    keys = values.keys() - {"extends", "$schema"}
    if 2 * len(keys & Spec.model_fields.keys()) > len(keys):
        return "spec"
    from archcompiler.runner.recipe.model import Recipe

    if 2 * len(keys & Recipe.model_fields.keys()) > len(keys):
        return "recipe"
    base = values.get("extends")
    kind = kind_of_base(base, source, files, depth, room) if isinstance(base, str) else None
    # A space extends a spec too.
    return None if kind == "spec" and keys else kind


def kind_of_base(
    base: str, source: Source, files: Files, depth: int = MAX_EXTENDS, room: int = MAX_BYTES
) -> FileKind | None:
    """What the file is that a text extends."""
    if base in shipped.recipes():
        return "recipe"
    if base in shipped.specs():
        return "spec"
    if base in shipped.studies():
        return "study"
    folder, room = (source.path or Path()).parent, room - len(source.text.encode())
    return kind_of(folder / base, files, depth - 1, room) if depth and room > 0 else None


def schema_of(source: Source) -> FileKind | None:
    """What a text says that it is, by the schema that it names for editors."""
    found = _SCHEMA.search(source.text)
    if found is None:
        return None
    kinds: dict[str | None, FileKind] = {"recipe": "recipe", "space": "space", "study": "study"}
    return kinds.get(found[1], "spec")
