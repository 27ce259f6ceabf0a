"""Pydantic's validation errors as diagnostics that point at the smallest span to blame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isnan
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.ir import SpecPath
from archcompiler.spec.located import Located
from archcompiler.units import UnitSpec

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
_BOOLEANS: dict[object, str] = {0: "false", 1: "true", "false": "false", "true": "true"}
_PATTERN = {
    "name": "`name` must be lower-case letters, digits and `_`, and start with a letter",
    "class_name": "`class_name` must be letters and digits, and start with a capital",
}


def kind_of(value: object) -> str:
    """What a value of a spec is, in words: `a table`, `a string`."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def validate(values: Located, model: type[M], root: str = "the spec") -> M:
    """The model of these values, which as a whole are called `root`.

    Raises CompileError with one diagnostic per mistake.
    """
    try:
        return model.model_validate(values.plain())
    except ValidationError as exc:
        found = [_diagnostic(values, model, root, e) for e in exc.errors(include_url=False)]
    # What every stage inherits from the network's `attention` is wrong once, not once a stage; and
    # an array with bad entries counts as short, though nothing is missing.
    raise CompileError(*dict.fromkeys(d for d in found if d is not None)) from None


def _diagnostic(
    values: Located, model: type[BaseModel], root: str, problem: ErrorDetails
) -> Diagnostic | None:
    kind, loc, context = problem["type"], problem["loc"], problem.get("ctx", {})
    node, path, rest = _descend(values, loc)
    if kind == "extra_forbidden":
        return _unknown_key(node, _models_at(model, loc[:-1]), root)
    if kind == "missing" and isinstance(rest[-1], str):
        return error(
            "E202",
            f"missing key `{rest[-1]}` in {_place(node.path, root)}",
            node.span("table"),
            help=_describe(_models_at(model, loc[:-1]), rest[-1]),
        )
    if kind == "union_tag_not_found":
        tags = [tag for m in _models_at(model, loc) for tag in _tags(m)]
        return error(
            "E202",
            f"missing key `type` in {_place(node.path, root)}",
            node.span("table"),
            notes=(f"known types: {', '.join(tags)}",),
        )
    if kind == "union_tag_invalid":
        tag = node.child("type") or node
        expected = [t.strip(" '") for t in str(context["expected_tags"]).split(",")]
        return _choice(tag, f"{_place(node.path, root)} has no type", expected)
    if kind == "literal_error":
        return _choice(node, f"{_name(path)} cannot be", list(_literals(str(context["expected"]))))
    if kind in _EXPECTED:
        return _wrong_type(node, path, root, _EXPECTED[kind], _models_at(model, loc))
    return _out_of_range(node, path, kind, problem)


def _wrong_type(
    node: Located, path: SpecPath, root: str, expected: str, models: list[type[BaseModel]]
) -> Diagnostic:
    value, help = node.value, None
    tags = [tag for m in models for tag in _tags(m)] if expected == "a table" else []
    if any(issubclass(m, UnitSpec) for m in models) and tags:
        expected = "the name of a unit type or a table"
    if expected == "a whole number" and isinstance(value, float) and value.is_integer():
        help = f"write `{value:.0f}`"
    elif _is_written(value, expected):
        help = f"write `{value}`, without quotes"
    elif expected == "true or false" and isinstance(value, str | int) and value in _BOOLEANS:
        help = f"write `{_BOOLEANS[value]}`"
    elif expected == "an array" and isinstance(value, dict) and path == ("stages",):
        help = "each stage starts with `[[stages]]`, with two brackets"
        if value and all(str(key).isdecimal() for key in value):
            help = "single stages can be changed only in a spec that `extends` another"
    elif tags and isinstance(value, str):
        meant = value if value in tags else did_you_mean(value, tags)
        help = f'write `{{ type = "{meant}" }}`' if meant else None
    notes = [f"known types: {', '.join(tags)}"] if tags else []
    message = f"{_name(path, root)} must be {expected}, not {kind_of(value)}"
    return error("E203", message, node.span(), notes=notes, help=help)


def _is_written(value: object, expected: str) -> bool:
    """Whether a string is the number that is expected, in quotes."""
    pattern = {"a whole number": r"-?[0-9]{1,18}", "a number": r"-?[0-9]{1,9}(\.[0-9]{1,9})?"}
    return (
        expected in pattern
        and isinstance(value, str)
        and re.fullmatch(pattern[expected], value, re.ASCII) is not None
    )


def _out_of_range(
    node: Located, path: SpecPath, kind: str, problem: ErrorDetails
) -> Diagnostic | None:
    context, name, value = problem.get("ctx", {}), _name(path), node.value
    if kind in _BOUND:
        key, words = _BOUND[kind]
        if isinstance(value, float) and isnan(value):
            return error("E204", f"{name} cannot be nan", node.span())
        message = f"{name} must be {words} {_number(context[key])}, not {_number(value)}"
        return error("E204", message, node.span())
    if kind == "string_pattern_mismatch":
        return error(
            "E205",
            _PATTERN.get(str(path[-1]), f"{name} must match {context['pattern']}"),
            node.span(),
            notes=("it becomes an identifier in the emitted code",),
            help=_identifier(str(path[-1]), value),
        )
    if kind == "string_too_short":
        return error("E204", f"{name} must not be empty", node.span())
    if kind == "string_too_long":
        bound, length = f"{context['max_length']:,}", f"{len(value):,}"
        message = f"{name} must have at most {bound} characters, not {length}"
        return error("E204", message, node.span())
    if path == ("input",) and kind in ("missing", "too_short", "too_long"):
        message = f"`input` must have 3 entries, C, H and W, not {len(value)}"
        return error("E204", message, node.span(), help="for example `input = [3, 224, 224]`")
    if kind in ("too_short", "too_long"):
        few = "at least" if kind == "too_short" else "at most"
        number = int(context["min_length" if kind == "too_short" else "max_length"])
        if kind == "too_short" and len(value) >= number:
            return None
        entries = "entry" if number == 1 else "entries"
        return error("E204", f"{name} must have {few} {number:,} {entries}", node.span())
    code = "E204" if kind in ("odd", "finite_number") else "E203"
    message = problem["msg"]
    return error(code, f"{name} {message[:1].lower()}{message[1:]}", node.span())


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and abs(value) < 10**20 else f"{value:g}"


def _identifier(key: str, value: str) -> str | None:
    """The name that was probably meant."""
    words = "".join(c if c.isalnum() else " " for c in value).split()
    if key == "class_name":
        meant = "".join(word[:1].upper() + word[1:] for word in words)
    else:
        meant = "_".join(words).lower()
    return f"write `{meant}`" if meant.isascii() and meant[:1].isalpha() else None


def _choice(node: Located, what: str, expected: list[str]) -> Diagnostic:
    known = f"known: {', '.join(expected)}"
    if not isinstance(node.value, str):
        message = f"{_name(node.path)} must be a string, not {kind_of(node.value)}"
        return error("E203", message, node.span(), notes=(known,))
    guess = did_you_mean(node.value, expected)
    return error(
        "E211",
        f"{what} `{node.value}`",
        node.span(),
        notes=() if guess else (known,),
        help=f"did you mean `{guess}`?" if guess else None,
    )


def _unknown_key(node: Located, models: list[type[BaseModel]], root: str) -> Diagnostic:
    key = str(node.path[-1])
    known = sorted({name for model in models for name in model.model_fields})
    guess = did_you_mean(key, known)
    home = None if guess else next((h for model in models for h in _homes(model, key)), None)
    help = (
        f"did you mean `{guess}`?"
        if guess
        else f"it belongs into `{home}` of this table"
        if home
        else None
    )
    return error(
        "E201",
        f"unknown key `{key}` in {_place(node.path[:-1], root)}",
        node.span("key"),
        notes=() if help else (f"known: {', '.join(known)}",),
        help=help,
    )


def _homes(model: type[BaseModel], key: str) -> Iterator[str]:
    """Tables below a model that have a key of this name."""
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            if key in inner.model_fields and key != "type":
                yield name
            yield from (f"{name}.{home}" for home in _homes(inner, key))


def _name(path: SpecPath, root: str = "") -> str:
    """How a message calls the value at `path`."""
    if not path:
        return root
    if isinstance(path[-1], str):
        return f"`{path[-1]}`"
    return f"stage {path[-1] + 1}" if path[:-1] == ("stages",) else f"an entry of `{path[-2]}`"


def _place(path: SpecPath, root: str) -> str:
    """How a message calls the table at `path`."""
    match path:
        case ("stages", int() as i, *rest):
            inner = ".".join(map(str, rest))
            return f"`{inner}` of stage {i + 1}" if rest else f"stage {i + 1}"
        case ("stages", str() as i, *rest) if i.isdecimal():
            return _place(("stages", int(i), *rest), root)
    return f"`{'.'.join(map(str, path))}`" if path else root


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
    from archcompiler.spec.help import field_help

    for model in models:
        text = field_help(model).get(key)
        if text:
            return f"`{key}`: {text}"
    return None


def _models_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that may stand at `loc`, found by walking the annotations."""
    models = [model]
    for step in loc:
        fields = [m.model_fields[step] for m in models if step in m.model_fields]
        if fields:
            models = [found for f in fields for found in _models_in(f.annotation)]
        elif isinstance(step, str):
            tagged = [m for m in models if step in _tags(m)]
            models = tagged or models
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("type")
    return get_args(field.annotation) if field is not None else ()


def _literals(expected: str) -> Iterator[str]:
    """`'a', 'b' or 'c'`, as pydantic words it."""
    for part in expected.replace(" or ", ", ").split(","):
        yield part.strip(" '")
