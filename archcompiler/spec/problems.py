"""Pydantic's validation errors as diagnostics that point at the smallest span to blame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.spec.located import Located
from archcompiler.suggest import did_you_mean

M = TypeVar("M", bound=BaseModel)

_FOUND = {dict: "a table", list: "an array", tuple: "an array", str: "a string", bool: "a boolean",
          int: "a whole number", float: "a number"}  # fmt: skip
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


def validate(values: Located, model: type[M]) -> M:
    """The model of these values. Raises CompileError with one diagnostic per mistake."""
    try:
        return model.model_validate(values.plain())
    except ValidationError as exc:
        found = [_diagnostic(values, model, e) for e in exc.errors(include_url=False)]
    # What every stage inherits from the network's `attention` is wrong once, not once a stage; and
    # an array with bad entries counts as short, though nothing is missing.
    distinct = {(d.code, d.span): d for d in reversed(found) if d is not None}
    raise CompileError(*reversed(distinct.values())) from None


def _diagnostic(values: Located, model: type[BaseModel], problem: ErrorDetails) -> Diagnostic | None:
    kind, loc, context = problem["type"], problem["loc"], problem.get("ctx", {})
    node, path, rest = _descend(values, loc)
    name = f"`{path[-1]}`" if path else "the spec"

    if kind == "extra_forbidden":
        return _unknown_key(node, _models_at(model, loc[:-1]))
    if kind == "missing":
        key = str(rest[-1]) if rest else str(loc[-1])
        return error(
            "E202",
            f"missing key `{key}` in {_place(node)}",
            node.span("table"),
            help=_describe(_models_at(model, loc[:-1]), key),
        )
    if kind == "union_tag_not_found":
        return error("E202", f"missing key `type` in {_place(node)}", node.span("table"))
    if kind == "union_tag_invalid":
        tag = node.child("type") or node
        expected = [t.strip(" '") for t in str(context["expected_tags"]).split(",")]
        return _choice(tag, f"{_place(node)} has no type", str(context["tag"]), expected)
    if kind == "literal_error":
        expected = list(_literals(str(context["expected"])))
        return _choice(node, f"{name} cannot be", str(node.value), expected)
    if kind in _BOUND:
        key, words = _BOUND[kind]
        return error("E204", f"{name} must be {words} {context[key]:,}", node.span())
    if kind in _EXPECTED:
        found = _FOUND.get(type(node.value), f"a {type(node.value).__name__}")
        return error("E203", f"{name} must be {_EXPECTED[kind]}, not {found}", node.span())
    return _other(node, path, name, kind, problem)


def _other(
    node: Located, path: tuple[str | int, ...], name: str, kind: str, problem: ErrorDetails
) -> Diagnostic | None:
    context = problem.get("ctx", {})
    if kind == "too_short" and len(node.value) >= context["min_length"]:
        return None
    if kind == "string_pattern_mismatch":
        return error(
            "E205",
            f"{name} must match {context['pattern']}",
            node.span(),
            notes=("it becomes an identifier in the emitted code",),
        )
    if kind in ("too_short", "too_long", "missing"):
        bound = context.get("min_length", context.get("max_length"))
        few = "at least" if kind == "too_short" else "at most"
        return error("E204", f"{name} must have {few} {bound} entries", node.span())
    if kind in ("string_too_short", "string_too_long"):
        bound = context.get("min_length", context.get("max_length"))
        few = "at least" if kind == "string_too_short" else "at most"
        return error("E204", f"{name} must have {few} {bound} characters", node.span())
    code = "E204" if kind in ("odd", "finite_number") else "E203"
    message = problem["msg"]
    return error(code, f"{name} {message[:1].lower()}{message[1:]}", node.span())


def _choice(node: Located, what: str, given: str, expected: list[str]) -> Diagnostic:
    guess = did_you_mean(given, expected)
    return error(
        "E211",
        f"{what} `{given}`",
        node.span(),
        notes=(f"known: {', '.join(expected)}",),
        help=f"did you mean `{guess}`?" if guess else None,
    )


def _unknown_key(node: Located, models: list[type[BaseModel]]) -> Diagnostic:
    key = str(node.path[-1])
    known = sorted({name for model in models for name in model.model_fields})
    guess = did_you_mean(key, known)
    return error(
        "E201",
        f"unknown key `{key}` in {_dotted(node.path[:-1])}",
        node.span("key"),
        notes=() if guess else (f"known: {', '.join(known)}",),
        help=f"did you mean `{guess}`?" if guess else None,
    )


def _place(node: Located) -> str:
    return _dotted(node.path)


def _dotted(path: tuple[str | int, ...]) -> str:
    return f"`{'.'.join(map(str, path))}`" if path else "the spec"


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
    for model in models:
        if key in model.model_fields and model.model_fields[key].description:
            return f"`{key}`: {model.model_fields[key].description}".replace("\n", " ")
    return None


def _models_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[type[BaseModel]]:
    """The models that may stand at `loc`, found by walking the annotations."""
    models = [model]
    for step in loc:
        fields = [m.model_fields[step] for m in models if step in m.model_fields]  # type: ignore[index]
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
