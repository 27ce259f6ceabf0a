"""What a shell offers for the word that is being typed; nothing is imported before it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, get_args, get_origin

import click
from click.shell_completion import CompletionItem, shell_complete

VARIABLE: Final = "_ARCHCOMPILER_COMPLETE"
"""What the script of a shell sets when it asks."""
SHELLS: Final = ("bash", "zsh", "fish")


def answer(group: click.Group, instruction: str) -> int:
    """Answer a shell that asks."""
    return shell_complete(group, {}, "archcompiler", VARIABLE, instruction)


def starting(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def specs(incomplete: str) -> list[CompletionItem]:
    """Shipped specs by their names, and files."""
    from archcompiler import shipped

    return starting([*shipped.specs(), *_files(incomplete, (".toml", ".json"))], incomplete)


def recipes(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archcompiler import shipped

    return starting([*shipped.recipes(), *_files(incomplete, (".toml",))], incomplete)


def spaces(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archcompiler import shipped

    return starting([*shipped.spaces(), *_files(incomplete, (".toml", ".json"))], incomplete)


def studies(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archcompiler import shipped

    return starting([*shipped.studies(), *_files(incomplete, (".toml", ".json"))], incomplete)


def codes(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archcompiler.diagnostics.codes import all_codes

    return starting(all_codes(), incomplete.upper())


def accelerators(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archcompiler.analysis.roofline import accelerators as known

    return starting(known(), incomplete)


def scopes(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Scopes of the network that stands before on the command line."""
    from archcompiler.compiler import compile
    from archcompiler.ir import Block

    above, slash, _last = incomplete.rpartition("/")
    for spec in _specs_of(context):
        with suppress(Exception):
            block = compile(spec).graph.root
            for name in above.split("/") if above else ():
                inner = block.step(name).body
                assert isinstance(inner, Block)
                block = inner
            inside = (step.name for step in block.steps if isinstance(step.body, Block))
            return starting((f"{above}{slash}{name}" for name in inside), incomplete)
    return []


def settings(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Keys of `--set`, level by level: those of the spec that stands before, else of any.

    For a key that is whole, words that may stand for its value.
    """
    key, equals, _value = incomplete.partition("=")
    if equals:
        return starting((f"{key}={word}" for word in _words(key.split("."))), incomplete)
    before, dot, _last = key.rpartition(".")
    tables = [_table(table, before.split(".") if before else []) for table in _values(context)]
    found = {
        f"{before}{dot}{step}{'.' if _entries(inner) else '='}": None
        for table in tables
        for step, inner in _entries(table)
    }
    return starting(found, incomplete)


def _values(context: click.Context) -> Iterator[Any]:
    """Tables whose keys can be set, with what is known of the values."""
    from archcompiler.spec.loader import load
    from archcompiler.spec.model import Spec
    from archcompiler.spec.resolved import resolved

    for spec in _specs_of(context):
        with suppress(Exception):
            loaded = load(spec)
            yield resolved(loaded.spec, loaded.library)
            break
    yield _fields(Spec)
    if context.info_name == "train":
        from archcompiler.runner.recipe.model import Recipe

        yield _fields(Recipe)


def _specs_of(context: click.Context) -> Iterator[str]:
    given = context.params.get("specs") or [context.params.get("spec")]
    # Where an option still lacks its value, click has put nothing in its place.
    yield from (str(spec) for spec in (*given, *context.args) if spec is not None)


def _fields(model: Any) -> dict[str, Any]:
    """The fields of a model, with those of the tables in it."""
    return {name: _inner(field.annotation) for name, field in model.model_fields.items()}


def _inner(annotation: Any) -> Any:
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return _fields(annotation)
    found: dict[str, Any] = {}
    for argument in get_args(annotation):
        inner = _inner(argument)
        if isinstance(inner, Mapping):
            found |= inner
    if get_origin(annotation) is tuple and found:
        return [found]
    return found or None


def _table(table: Any, steps: list[str]) -> Any:
    for step in steps:
        table = dict(_entries(table)).get(step)
    return table


def _entries(table: Any) -> list[tuple[str, Any]]:
    if isinstance(table, Mapping):
        return list(table.items())
    if isinstance(table, list | tuple) and table and isinstance(table[0], Mapping):
        return [(str(index), entry) for index, entry in enumerate(table)]
    return []


def _words(steps: list[str]) -> tuple[str, ...]:
    """Names of blocks that a key may have for its value."""
    from archcompiler.language.library import Library

    library = Library()
    kinds = {"unit": "unit", "trunk": "unit", "mask": "mask"}
    last = steps[-1] if steps[-1] != "type" or len(steps) == 1 else steps[-2]
    if last in kinds:
        return library.names("blocks", kinds[last])
    if last in ("stem", "head"):
        return library.names("stems" if last == "stem" else "heads")
    return library.names("modules") if last == "attention" else ()


def _files(incomplete: str, extensions: tuple[str, ...]) -> Iterator[str]:
    """Files of these kinds, and folders, that a path may go on to."""
    from pathlib import Path

    folder, slash, _ = incomplete.rpartition("/")
    with suppress(OSError, ValueError):
        for path in sorted(Path(folder or (slash or ".")).iterdir()):
            if not path.name.startswith(".") and path.is_dir():
                yield f"{folder}{slash}{path.name}/"
            elif path.suffix in extensions:
                yield f"{folder}{slash}{path.name}"
