"""Pydantic's validation errors as diagnostics that point at the smallest span to blame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archcompiler.config.located import Located, meant_as
from archcompiler.config.models import homes_of, models_at, tags_of
from archcompiler.config.path import SpecPath
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import MOST, CompileError, Diagnostic, error
from archcompiler.diagnostics.suggest import did_you_mean

M = TypeVar("M", bound=BaseModel)

_KINDS = {dict: "a table", list: "an array", tuple: "an array", str: "a string", bool: "a boolean",
          int: "a whole number", float: "a floating-point number", type(None): "null"}  # fmt: skip
_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "an array",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
}
_BOUND = {"greater_than_equal": ("ge", "at least"), "greater_than": ("gt", "more than"),
          "less_than_equal": ("le", "at most"), "less_than": ("lt", "less than")}  # fmt: skip
_OF_A_KEY = ("[key]",)
"""What pydantic puts behind the place of a value whose key is wrong."""
_BOOLEANS: dict[object, str] = {0: "false", 1: "true", "false": "false", "true": "true"}


def kind_of(value: object) -> str:
    """What a value is, in words: `a table`, `a string`."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def validate(values: Located, model: type[M], wording: Wording) -> M:
    """The model of these values. Raises CompileError with one diagnostic per mistake."""
    try:
        return model.model_validate(values.plain())
    except ValidationError as exc:
        problems = exc.errors(include_url=False)
    # An array with bad entries counts as short, though nothing is missing.
    problems = [p for p in problems if p["type"] != "too_short" or _is_short(values, p)]
    problems = [p for p in problems if p["type"] != "missing" or _is_missing(values, model, p)]
    # A value that holds in several places is wrong once.
    found: dict[Diagnostic, None] = {}
    while problems and len(found) < MOST:
        found[_diagnostic(values, model, wording, problems.pop(0))] = None
    raise CompileError(*found, more=len(problems)) from None


def _is_short(values: Located, problem: ErrorDetails) -> bool:
    node, _, _ = _descend(values, problem["loc"])
    return len(node.value) < int(problem.get("ctx", {})["min_length"])


def _is_missing(values: Located, model: type[BaseModel], problem: ErrorDetails) -> bool:
    loc = problem["loc"]
    node, _, rest = _descend(values, loc)
    if not rest or not isinstance(rest[-1], str):
        return True
    return meant_as(node, rest[-1], _fields(models_at(model, loc[:-1]))) is None


def _diagnostic(
    values: Located, model: type[BaseModel], wording: Wording, problem: ErrorDetails
) -> Diagnostic:
    kind, loc, context = problem["type"], problem["loc"], problem.get("ctx", {})
    node, path, rest = _descend(values, loc)
    if rest == _OF_A_KEY:
        return _wrong_key(node, wording, problem)
    if kind == "extra_forbidden":
        return _unknown_key(node, models_at(model, loc[:-1]), wording, kind)
    if kind == "missing" and isinstance(rest[-1], str):
        return error(
            "E202",
            f"missing key `{rest[-1]}` in {wording.table(node.path)}",
            node.span("table"),
            help=_describe(models_at(model, loc[:-1]), rest[-1]),
        )
    if kind == "union_tag_not_found":
        models = models_at(model, loc)
        tags, slip = tags_of(models), meant_as(node, "type", _fields(models))
        if slip is not None:
            return _unknown_key(slip, models, wording, kind)
        return error(
            "E202",
            f"missing key `type` in {wording.table(node.path)}",
            node.span("table"),
            notes=(f"known types: {', '.join(tags)}",),
        )
    if kind == "union_tag_invalid":
        tag = node.child("type") or node
        expected = [t.strip(" '") for t in str(context["expected_tags"]).split(",")]
        return _choice(tag, f"{wording.table(node.path)} has no type", expected, wording)
    if kind == "literal_error":
        return _choice(
            node,
            f"{wording.value(path)} cannot be",
            list(_literals(str(context["expected"]))),
            wording,
        )
    if kind in _EXPECTED:
        return _wrong_type(node, path, wording, kind, models_at(model, loc))
    return _out_of_range(node, path, wording, problem)


def _wrong_key(node: Located, wording: Wording, problem: ErrorDetails) -> Diagnostic:
    """E205 for a name that the writer of a table gives to an entry."""
    key, kind = str(node.path[-1]), problem["type"]
    special = wording.remark(node.path, kind, key)
    message = special.message
    if message is None and kind == "string_too_long":
        most = problem.get("ctx", {})["max_length"]
        message = f"must have at most {most:,} characters, not {len(key):,}"
        message = f"a key of {wording.table(node.path[:-1])} {message}"
    if message is None:
        words = problem["msg"]
        message = f"`{key}` cannot be a key here: {words[:1].lower()}{words[1:]}"
    return error("E205", message, node.span("key"), notes=special.notes, help=special.help)


def _wrong_type(
    node: Located, path: SpecPath, wording: Wording, kind: str, models: list[type[BaseModel]]
) -> Diagnostic:
    value, expected = node.value, _EXPECTED[kind]
    tags = tags_of(models) if expected == "a table" else []
    if tags:
        expected = wording.alternatives(models)
    help = wording.remark(path, kind, value).help or correction(value, expected, tags)
    notes = [f"known types: {', '.join(tags)}"] if tags else []
    message = f"{wording.value(path)} must be {expected}, not {kind_of(value)}"
    return error("E203", message, node.span(), notes=notes, help=help)


def correction(value: Any, expected: str, tags: Sequence[str] = ()) -> str | None:
    """What to write instead, where it can be told from what was written."""
    if expected == "a whole number" and isinstance(value, float) and value.is_integer():
        return f"write `{value:.0f}`"
    number = _number_in(value, expected)
    if number is not None:
        return f"write `{number}`, without quotes"
    if expected == "true or false" and isinstance(value, str | int) and value in _BOOLEANS:
        return f"write `{_BOOLEANS[value]}`" + (
            ", without quotes" if isinstance(value, str) else ""
        )
    if tags and isinstance(value, str):
        meant = value if value in tags else did_you_mean(value, tags)
        return f'write `{{ type = "{meant}" }}`' if meant else None
    return None


def _number_in(value: object, expected: str) -> str | None:
    """The number that a string is of the kind that is expected, as TOML and JSON write it."""
    pattern = {"a whole number": r"[+-]?[0-9]{1,18}", "a number": r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?"}
    if expected not in pattern or not isinstance(value, str):
        return None
    if re.fullmatch(pattern[expected], value, re.ASCII) is None:
        return None
    whole, dot, part = value.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('+-'))}{dot}{part}"


def _out_of_range(
    node: Located, path: SpecPath, wording: Wording, problem: ErrorDetails
) -> Diagnostic:
    kind, context, value = problem["type"], problem.get("ctx", {}), node.value
    name, special = wording.value(path), wording.remark(path, kind, value)
    if special.message is not None:
        code = "E205" if kind == "string_pattern_mismatch" else "E204"
        return error(code, special.message, node.span(), notes=special.notes, help=special.help)
    if kind == "finite_number":
        return error("E204", f"{name} cannot be {value:g}", node.span())
    if kind in _BOUND:
        key, words = _BOUND[kind]
        message = f"{name} must be {words} {_number(context[key])}, not {_number(value)}"
        return error("E204", message, node.span())
    if kind == "string_pattern_mismatch":
        message = f"{name} must match {context['pattern']}"
        return error("E205", message, node.span(), notes=special.notes, help=special.help)
    if kind == "string_too_short":
        return error("E204", f"{name} must not be empty", node.span())
    if kind == "string_too_long":
        bound, length = f"{context['max_length']:,}", f"{len(value):,}"
        message = f"{name} must have at most {bound} characters, not {length}"
        return error("E204", message, node.span())
    if kind in ("too_short", "too_long"):
        few = "at least" if kind == "too_short" else "at most"
        number = int(context["min_length" if kind == "too_short" else "max_length"])
        entries = "entry" if number == 1 else "entries"
        return error("E204", f"{name} must have {few} {number:,} {entries}", node.span())
    code = "E204" if kind == "odd" else "E203"
    message = problem["msg"]
    return error(code, f"{name} {message[:1].lower()}{message[1:]}", node.span())


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**20 else f"{value:g}"


def _choice(node: Located, what: str, expected: list[str], wording: Wording) -> Diagnostic:
    known = f"known: {', '.join(expected)}"
    if not isinstance(node.value, str):
        message = f"{wording.value(node.path)} must be a string, not {kind_of(node.value)}"
        return error("E203", message, node.span(), notes=(known,))
    guess = did_you_mean(node.value, expected)
    return error(
        "E211",
        f"{what} `{node.value}`",
        node.span(),
        notes=() if guess else (known,),
        help=f"did you mean `{guess}`?" if guess else None,
    )


def _unknown_key(
    node: Located, models: list[type[BaseModel]], wording: Wording, kind: str
) -> Diagnostic:
    key = str(node.path[-1])
    known = sorted(_fields(models))
    special = wording.remark(node.path, kind, node.value).help
    # What is there already cannot be what is meant.
    guess = None if special else did_you_mean(key, sorted({*known} - {*node.beside()}))
    home = None if guess else next((h for model in models for h in homes_of(model, key)), None)
    help = (
        special
        if special
        else f"did you mean `{guess}`?"
        if guess
        else f"it belongs into `{home}` of this table"
        if home
        else None
    )
    return error(
        "E201",
        f"unknown key `{key}` in {wording.table(node.path[:-1])}",
        node.span("key"),
        notes=() if help else (f"known: {', '.join(known)}",),
        help=help,
    )


def _fields(models: list[type[BaseModel]]) -> set[str]:
    return {name for model in models for name in model.model_fields}


def _descend(
    values: Located, loc: tuple[str | int, ...]
) -> tuple[Located, tuple[str | int, ...], tuple[str | int, ...]]:
    """Follow `loc` as far as the source goes, without the union tags that pydantic puts in."""
    node, path = values, []
    for i, step in enumerate(loc):
        child = node.child(step)
        if child is not None:
            node = child
            path.append(step)
        elif i == len(loc) - 1:
            return node, tuple(path), (step,)
    return node, tuple(path), ()


def _describe(models: list[type[BaseModel]], key: str) -> str | None:
    from archcompiler.config.help import field_help

    for model in models:
        text = field_help(model).get(key)
        if text:
            return f"`{key}`: {text}"
    return None


def _literals(expected: str) -> Iterator[str]:
    """`'a', 'b' or 'c'`, as pydantic words it."""
    for part in expected.replace(" or ", ", ").split(","):
        yield part.strip(" '")
