"""The part of the JSON Schema that is about blocks: those that there are, and how to write one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archcompiler.language.definition import NONE, Option
from archcompiler.language.library import HOMES, Home, Library
from archcompiler.language.naming import MEANT
from archcompiler.language.options import OPTION_TYPES, SLOTS
from archcompiler.ops.argument import Argument
from archcompiler.ops.registry import operator_names, operators
from archcompiler.spec.references import NORMS

Schema = dict[str, Any]

_JSON = {
    "int": ["integer"],
    "ints": ["integer", "array"],
    "float": ["number"],
    "bool": ["boolean"],
    "word": ["string"],
}
_STEM = {
    "channels": {
        "type": "integer",
        "minimum": 1,
        "maximum": 65536,
        "description": "Output channels; by default the stem's own number.",
    },
    "stride": {
        "type": "integer",
        "minimum": 1,
        "maximum": 16,
        "description": "By how much it shrinks the image; by default the stem's own number.",
    },
}

_HEAD: Schema = {
    "outputs": {
        "type": "object",
        "description": "Several outputs by name, with the logits of each.",
        "additionalProperties": {"type": "integer", "minimum": 1},
    },
}


def block_definitions(library: Library) -> Schema:
    """What a spec can name, by `type`, and the form of a block of its own."""
    found: Schema = {}
    for home in HOMES:
        for name in library.names(home):
            found[_key(home, name)] = _options(library, home, name)
    for name, operator in operators().items():
        found[f"operator_{name}"] = _table(name, operator.arguments, {})
    types = known_types(library)
    for place in ("unit", "stem", "head", "attention", "norm", "block"):
        found[place] = _reference(place, types[place], library)
    for place in ("mask", "operator", "activation"):
        found[place] = {"$ref": "#/$defs/block", "examples": list(types[place])}
    return found | _own()


def known_types(library: Library) -> dict[str, tuple[str, ...]]:
    """The types that can be named at each kind of place, without those that a spec may write."""
    blocks, every = library.names("blocks"), (*operator_names(), *MEANT, NONE)
    return {
        "unit": blocks,
        "stem": (*library.names("stems"), NONE),
        "head": (*library.names("heads"), NONE),
        "attention": library.names("modules"),
        "mask": library.names("blocks", "mask"),
        "block": tuple(sorted({*blocks, *every})),
        "operator": operator_names(),
        "activation": (*operator_names(), NONE),
        "norm": (*NORMS, NONE),
    }


def _key(home: Home, name: str) -> str:
    return f"{home.removesuffix('s')}_{name}"


def _options(library: Library, home: Home, name: str) -> Schema:
    definition = library.find(name, home)
    assert definition is not None
    besides = {"stems": _STEM, "heads": _HEAD}.get(home, {})
    return {"description": definition.title, **_table(name, definition.options, besides)}


def _table(
    name: str, rules: Mapping[str, Option] | Mapping[str, Argument], besides: Schema
) -> Schema:
    """A table with a `type`, or the bare word for it."""
    properties: Schema = {"type": {"description": "What stands here."}, **besides}
    for key, rule in rules.items():
        properties[key] = _value(rule)
    return {"properties": properties, "additionalProperties": False}


def _value(rule: Option | Argument, expressions: bool = False) -> Schema:
    """What an option or an argument may be; in a step also an expression, or an option's name."""
    about: Schema = {"description": rule.help} if rule.help else {}
    default = rule.default
    if isinstance(default, str | int | float | Mapping):
        about["default"] = dict(default) if isinstance(default, Mapping) else default
    if rule.type == "slot":
        assert isinstance(rule, Option)
        return {"$ref": f"#/$defs/{rule.slot}", **about}
    types = _JSON[rule.type]
    found: Schema = {"type": types[0] if len(types) == 1 else types}
    if expressions:
        found["type"] = sorted({*types, "string"})
    if rule.choices:
        found["examples" if expressions else "enum"] = list(rule.choices)
    for key, bound in (("minimum", rule.least), ("maximum", rule.most)):
        if bound is not None:
            found[key] = bound
    if "array" in types:
        entry = {**found, "type": ["integer", "string"] if expressions else "integer"}
        found["items"] = entry
    return {**found, **about}


def _reference(place: str, types: tuple[str, ...], library: Library) -> Schema:
    """A name, or a table whose options are those of what its `type` names."""
    then = []
    for name in types:
        target = _target(place, name, library)
        if target is not None:
            condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
            then.append({"if": condition, "then": {"$ref": f"#/$defs/{target}"}})
    return {
        "type": ["string", "object"],
        "examples": list(types),
        "properties": {
            "type": {"type": "string", "examples": list(types), "description": "What stands here."}
        },
        # Which keys there may be is said by what its `type` names.
        "additionalProperties": True,
        "allOf": then,
    }


def _target(place: str, name: str, library: Library) -> str | None:
    homes: dict[str, Home] = {"stem": "stems", "head": "heads", "attention": "modules"}
    if place == "norm":
        name = NORMS.get(name, name)
    if place not in homes and place != "unit" and name in operators():
        return f"operator_{name}"
    home = homes.get(place, "blocks")
    return _key(home, name) if name in library.names(home) else None


def _own() -> Schema:
    """The form of a block that a spec writes."""
    word, number = {"type": "string"}, {"type": ["string", "number"]}
    option = {
        "type": ["number", "boolean", "string", "object"],
        "properties": {
            "type": {"enum": list(OPTION_TYPES), "description": "By default that of `default`."},
            "default": {
                "description": "What it is where nobody says; without, it has to be said.",
                "additionalProperties": True,
            },
            "least": {"type": "number", "description": "The smallest number that it may be."},
            "most": {"type": "number", "description": "The largest number that it may be."},
            "choices": {
                "type": "array",
                "items": word,
                "minItems": 1,
                "description": "The words it may be.",
            },
            "slot": {"enum": list(SLOTS), "description": "What can be put there."},
            "help": {**word, "description": "What it is for, in one line."},
            "spare": {"type": "boolean", "description": "Whether a block may leave it unused."},
        },
        "additionalProperties": False,
    }
    condition = {"type": ["string", "boolean"]}
    wiring = {
        "op": {
            "type": "string",
            "examples": [*MEANT, *operators()],
            "description": "An operator, a block, or a slot of this block.",
        },
        "from": {
            "type": ["string", "array"],
            "items": word,
            "description": "Steps before, or `x`, the input; by default the step before.",
        },
        "when": {**condition, "description": "A condition; where it fails the step is not there."},
        "else": {**word, "description": "What stands for the step then."},
        "repeat": {**number, "description": "How many equal blocks in a row."},
    }
    step = {"type": "object", "properties": wiring, "additionalProperties": True}
    steps: Schema = {"type": "object", "additionalProperties": {"$ref": "#/$defs/step"}}
    found: Schema = {"step": step}
    strict = []
    for name, operator in operators().items():
        arguments = {k: _value(a, expressions=True) for k, a in operator.arguments.items()}
        found[f"step_{name}"] = {
            "properties": {**{key: {} for key in wiring}, **arguments},
            "additionalProperties": False,
        }
        # A slot may have the name of an operator, and then stands for what is put there.
        shadowed = {"required": ["options"], "properties": {"options": {"required": [name]}}}
        called = {"properties": {"op": {"const": name}}, "required": ["op"]}
        entry = {"if": called, "then": {"$ref": f"#/$defs/step_{name}"}}
        then = {"properties": {"steps": {"additionalProperties": entry}}}
        strict.append({"if": {"not": shadowed}, "then": then})
    found["own_block"] = {
        "description": "A block: steps over operators and other blocks.",
        "type": "object",
        "properties": {
            "title": {**word, "description": "The docstring of the emitted class."},
            "source": {**word, "description": "Where it comes from."},
            "class_name": {
                "type": "string",
                "pattern": "^[A-Z][A-Za-z0-9]{0,63}$",
                "description": "Name of the emitted class; by default made of the block's.",
            },
            "preactivation": {
                "type": "boolean",
                "description": "True if its output is a bare sum that is yet to be activated.",
            },
            "channels": {**_STEM["channels"], "description": "Of a stem, where a spec says none."},
            "stride": {**_STEM["stride"], "description": "Of a stem, where a spec says none."},
            "options": {
                "type": "object",
                "additionalProperties": option,
                "description": "What can be set where the block is named: a value, or a table.",
            },
            "let": {
                "type": "object",
                "additionalProperties": number,
                "description": "Named numbers that steps and other numbers may read.",
            },
            "steps": {**steps, "description": "What is computed, line by line."},
        },
        "additionalProperties": False,
        "allOf": strict,
    }
    return found
