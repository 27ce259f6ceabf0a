"""Pages of `docs/reference/` that are made from what they are about.

`python tests/regenerate.py documents` writes them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import click
from documents import ROOT, table

from archcompiler import shipped
from archcompiler.cli.program import SECTIONS, group
from archcompiler.config.toml import toml_lines
from archcompiler.diagnostics.codes import all_codes, explanation
from archcompiler.runner.recipe.model import Recipe
from archcompiler.runner.recipe.schema import recipe_schema
from archcompiler.spec.model import Spec
from archcompiler.spec.schema import spec_schema

Schema = Mapping[str, Any]

REFERENCE: Final = ROOT / "docs" / "reference"
MADE: Final = "<!-- Made by `python tests/regenerate.py documents`. -->\n"
FAMILIES: Final = {
    "E1": "The text",
    "E2": "The spec",
    "E3": "The graph, and what it is made from",
    "E4": "Files that are written",
    "E5": "Tables",
    "E6": "Figures",
    "E7": "Training",
    "E8": "Search, and studies",
    "E9": "Implementations of others",
    "W": "Warnings",
}
PLACES: Final = (
    ("What comes before the stages.", "stem_", "stem"),
    ("What comes after the stages.", "head_", "head"),
    (
        "Attention modules. A stage's `attention` changes what the network's says.",
        "module_",
        "attention",
    ),
)
"""Places that only some blocks fit: text, how definitions of the schema begin, and key."""


CHOICES: Final = ("data", "optimizer", "schedule")
"""Tables of a recipe whose keys depend on their `type`."""


def spec_page() -> str:
    """Every key of a spec."""
    schema = spec_schema()
    # What names a block has its default in the model alone.
    named = Spec.model_json_schema()["properties"]
    for key in ("unit", "attention", "head", "activation", "norm"):
        schema["properties"][key]["default"] = named[key]["default"]["type"]
    known = schema["$defs"]
    required = schema["allOf"][0]["else"]["required"]
    parts = [
        "# Specs\n\nA spec is a TOML or JSON file of at most 128 KiB. These are its keys; "
        "one that is not here is an error. Where a block or an operator is named, a word, "
        '`unit = "resnext"`, stands for it with its defaults, and a table, '
        '`unit = { type = "resnext", groups = 16 }`, '
        "changes some of them. A spec that `extends` another needs no key but that one. "
        "`archcompiler schema` prints the same for editors, and `archcompiler show SPEC` what a "
        "spec comes to.",
        _keys("The top", schema, required=required),
        _keys(
            "`[[stages]]`",
            known["Stage"],
            "In a spec that extends another, `[stages.1]` changes "
            "the second stage: arrays count from 0.",
        ),
        _keys("`[expect]`", known["Expect"]),
        _keys("`[init]`", known["Init"]),
    ]
    for text, prefix, title in PLACES:
        parts.append(f"## `{title}`\n\n{text}")
        names = [name for name in known if name.startswith(prefix)]
        parts += [_kind(name.removeprefix(prefix), known[name]) for name in names]
    parts.append(
        "## `unit` and `mask`\n\nUnits, masks, gates and parts of them. Any of them may stand "
        "where a unit or a mask is asked for, as long as it keeps what is promised there."
    )
    parts += [_kind(name[6:], known[name]) for name in known if name.startswith("block_")]
    norms = [
        (f"`{rule['if']['properties']['type']['const']}`", _name_of(rule["then"]["$ref"]))
        for rule in known["norm"]["allOf"]
    ]
    parts.append(
        "## `norm` and `activation`\n\nWhat the operators `norm` and `act` mean in every block. "
        "An activation is any operator of one input, or `none`; a norm is one of these:\n\n"
        + table(("norm", "operator"), [*norms, ("`none`", "–")])
    )
    parts.append(
        "## `[blocks.NAME]`\n\nA block of this spec's own; [Blocks](../blocks.md) is about "
        "them.\n\n" + _rows(known["own_block"])
    )
    option = known["own_block"]["properties"]["options"]["additionalProperties"]
    parts.append(
        "### `[blocks.NAME.options]`\n\nA value, or a table of these keys.\n\n" + _rows(option)
    )
    parts.append(
        "### `[blocks.NAME.steps]`\n\nKeys of every step; others are arguments of its operator "
        "or options of its block.\n\n" + _rows(known["step"])
    )
    parts.append(
        "## Operators\n\nArguments of each operator, in a step or where an operator is named "
        "by `type`. [Blocks](../blocks.md#operators) says what they do.\n\n" + _operators(known)
    )
    return _page(parts)


def recipes_page() -> str:
    """Every key of a recipe, and the recipes that come with the package."""
    schema = recipe_schema()
    known = schema["$defs"]
    properties = {**schema["properties"]}
    named = Recipe.model_json_schema()["properties"]
    for key in CHOICES:
        text = properties[key]["description"]
        default = named[key].get("default", {}).get("type")
        properties[key] = {"$ref": f"#/$defs/{key}", "description": text, "default": default}
    parts = [
        "# Recipes\n\nA recipe says how a network is trained: a TOML or JSON file, checked like "
        "a spec. Every key has a default, and one that is not here is an error. "
        "`archcompiler schema --recipe` prints the same for editors, and "
        "`archcompiler show RECIPE` where each value comes from. "
        'Lengths are iterations, `"5 epochs"` or `"5 %"` of the run.',
        _keys("Keys of a recipe", {**schema, "properties": properties}),
    ]
    for key in CHOICES:
        kinds = [
            (
                rule["if"]["properties"]["type"]["const"],
                known[rule["then"]["$ref"].rpartition("/")[2]],
            )
            for rule in schema["properties"][key]["allOf"]
            if "properties" in rule["if"] and "const" in rule["if"]["properties"]["type"]
        ]
        parts.append(
            f"## `[{key}]`\n\n{schema['properties'][key]['description']} The `type` says "
            "which, and what its keys are."
        )
        parts += [_kind(name, kind) for name, kind in kinds]
    inner = {}
    for key in schema["properties"]:
        ref = schema["properties"][key].get("$ref")
        if ref is None:
            continue
        model = known[ref.rpartition("/")[2]]
        parts.append(_keys(f"`[{key}]`", model))
        for name, value in model["properties"].items():
            if "$ref" in value:
                inner[f"{key}.{name}"] = value["$ref"].rpartition("/")[2]
                parts.append(_keys(f"`[{key}.{name}]`", known[inner[f"{key}.{name}"]]))
    for path, name in inner.items():
        link = f"[{path}](#{path.replace('.', '')})"
        parts = [part.replace(_reference(name), link) for part in parts]
    parts.append("## Recipes that come with the package")
    for name, path in shipped.recipes().items():
        text = path.read_text(encoding="utf-8").strip()
        # Where the schema is, is said from the file's own folder.
        text = text.removeprefix("#:schema ../../archcompiler.recipe.schema.json\n")
        parts.append(f"### `{name}`\n\n```toml\n{text}\n```\n")
    return _page(parts)


def errors_page() -> str:
    """The page of each code, with an index."""
    parts = [
        "# Errors\n\nWhat `archcompiler explain CODE` prints. A code stands in brackets after "
        "`error` or `warning`, and means the same in every version; one that is retired is not "
        "used again."
    ]
    pages = {code: explanation(code) or "" for code in all_codes()}
    for family, title in FAMILIES.items():
        rows = [
            (f"[{code}](#{code.lower()})", _title(text))
            for code, text in pages.items()
            if code.startswith(family)
        ]
        parts.append(f"**{title}**\n\n" + table(("code", "what is wrong"), rows))
    for code, text in pages.items():
        title = _title(text)
        body = text.partition("\n")[2].strip()
        parts.append(f"## {code}\n\n**{title[0].upper()}{title[1:]}.**\n\n{body}\n")
    return _page(parts)


def commands_page() -> str:
    """The help of every command."""
    shells = [
        ("bash", "~/.local/share/bash-completion/completions/archcompiler", ""),
        ("zsh", "~/.zfunc/_archcompiler", ", with `fpath+=~/.zfunc` before `compinit`"),
        ("fish", "~/.config/fish/completions/archcompiler.fish", ""),
    ]
    once = [(s, f"`archcompiler completion {s} > {file}`{more}") for s, file, more in shells]
    parts = [
        "# Commands\n\nWhat `archcompiler COMMAND --help` prints. Exit codes: 0 fine, 1 a check "
        "says no, 2 bad usage, a bad spec or a file or stream that cannot be written, 75 a run "
        "that was stopped and can go on, 130 interrupted, 141 the reader of the output has gone."
    ]
    for title, names in SECTIONS.items():
        parts.append(f"## {title}")
        parts += [f"### {name}\n\n```text\n{_help(name)}\n```\n" for name in names]
    parts.append(
        "## Completion\n\nShells complete commands, specs, recipes, codes, accelerators, scopes, "
        "and the keys of `--set`.\n\n" + table(("shell", "once"), once)
    )
    return _page(parts)


def python_page() -> str:
    """The public names of the package: signatures, and what their docstrings say."""
    import archcompiler

    parts = [
        "# Python\n\nEverything that the commands do with a spec, from a notebook or a script. "
        "`import archcompiler` imports nothing else until a name is asked for, and torch only "
        "where a method says so."
    ]
    for name in archcompiler.__all__:
        thing = getattr(archcompiler, name)
        parts.append(f"## {name}\n\n{_signature(name, thing)}{_said(thing)}")
        for member, value in _members(thing) if isinstance(thing, type) else ():
            parts.append(f"### {name}.{member}\n\n{_signature(member, value)}{_said(value)}")
    return _page(parts)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Documented public methods and properties that a class itself has."""
    for name, value in vars(cls).items():
        said = inspect.isfunction(value) or isinstance(value, property | cached_property)
        if said and not name.startswith("_") and inspect.getdoc(value):
            yield name, value


def _signature(name: str, thing: Any) -> str:
    """As it is called; a property and a class have none."""
    if not inspect.isfunction(thing):
        return ""
    parameters = str(inspect.signature(thing)).replace("(self, ", "(").replace("(self)", "()")
    # Annotations are texts, and would be printed with their quotes.
    parameters = re.sub(r"(: |-> )'([^']*)'", r"\1\2", parameters)
    return f"`{name}{parameters}`\n\n"


def _said(thing: Any) -> str:
    """A docstring without its examples, which are run where they stand."""
    return (inspect.getdoc(thing) or "").partition(">>>")[0].strip()


PAGES: Final[Mapping[Path, Callable[[], str]]] = {
    REFERENCE / "spec.md": spec_page,
    REFERENCE / "recipes.md": recipes_page,
    REFERENCE / "errors.md": errors_page,
    REFERENCE / "commands.md": commands_page,
    REFERENCE / "python.md": python_page,
}


def _page(parts: Iterable[str]) -> str:
    head, *rest = (part.strip() for part in parts)
    return "\n\n".join((head, MADE.strip(), *rest)) + "\n"


def _title(page: str) -> str:
    return page.partition("\n")[0].partition(": ")[2]


def _help(name: str) -> str:
    with group.make_context("archcompiler", [], resilient_parsing=True) as parent:
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent, terminal_width=79)
        return command.get_help(context).strip()


def _keys(title: str, schema: Schema, text: str = "", required: Iterable[str] = ()) -> str:
    first = schema.get("description", "").partition("\n\n")[0]
    said = " ".join(filter(None, (first, text)))
    return f"## {title}\n\n{said}\n\n" + _rows(schema, required)


def _kind(name: str, schema: Schema) -> str:
    text = schema.get("description", "").rstrip(".")
    rows = _rows(schema, without=("type",))
    return f"### `{name}`\n\n{text}.\n\n" + (rows or "It has no options.\n")


def _rows(schema: Schema, required: Iterable[str] = (), without: Iterable[str] = ()) -> str:
    needed = {*required, *schema.get("required", ())}
    rows = [
        (f"`{key}`", _type(value), _default(value, key in needed), _sentence(value))
        for key, value in schema["properties"].items()
        if key not in without
    ]
    return table(("key", "type", "default", "what it is"), rows) if rows else ""


def _sentence(schema: Schema) -> str:
    return schema.get("description", "") or "–"


def _default(schema: Schema, needed: bool) -> str:
    if needed:
        return "needed"
    default = schema.get("default")
    # A table of its own has its defaults there.
    its_own = "$ref" in schema and "type" not in (default or {}) and isinstance(default, dict)
    return "–" if default is None or its_own else f"`{_inline(default)}`"


def _type(schema: Schema) -> str:
    """What a value may be, in words."""
    if "$ref" in schema:
        return _reference(schema["$ref"])
    if "const" in schema:
        return f"`{_inline(schema['const'])}`"
    if "enum" in schema:
        names = schema["enum"]
        if len(names) > 12:
            return "a [name](networks.md)"
        return " ".join(f"`{name}`" for name in names)
    if "anyOf" in schema:
        kinds = [_type(kind) for kind in schema["anyOf"] if kind.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    return " or ".join(dict.fromkeys(_of_type(schema))) or "any"


def _of_type(schema: Schema) -> Iterator[str]:
    types = schema.get("type", ())
    for kind in (types,) if isinstance(types, str) else types:
        if kind in ("integer", "number"):
            yield kind + _bounds(schema)
        elif kind == "array":
            yield _array(schema)
        elif kind == "string":
            yield _string(schema)
        elif kind == "boolean":
            yield "`true` or `false`"
        elif kind == "object":
            yield "table"


def _bounds(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f", {_number(least)} to {_number(most)}"
    signs = (("≥", least), (">", above), ("≤", most), ("<", below))
    said = " and ".join(f"{sign} {_number(value)}" for sign, value in signs if value is not None)
    return f" {said}" if said else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _array(schema: Schema) -> str:
    items = schema.get("items") or next(iter(schema.get("prefixItems", ())), {})
    least, most = schema.get("minItems"), schema.get("maxItems")
    count = "" if most is None else f" of {least} to {most}" if least else f" of up to {most}"
    if least == most and most is not None:
        count = f" of {most}"
    return f"list{count}: {_type(items)}" if items else f"list{count}"


def _string(schema: Schema) -> str:
    pattern = schema.get("pattern", "")
    if "epochs?" in pattern:
        return "length"
    return f"text `{pattern}`" if pattern else "text"


def _reference(ref: str) -> str:
    name = ref.rpartition("/")[2]
    targets = {
        "unit": "unit-and-mask",
        "mask": "unit-and-mask",
        "block": "unit-and-mask",
        "norm": "norm-and-activation",
        "activation": "norm-and-activation",
        "operator": "operators",
        "own_block": "blocksname",
        "step": "blocksnamesteps",
        "Stage": "stages",
        "StageChange": "stages",
        "EarlyStop": "early_stop",
    }
    shown = {"own_block": "block", "StageChange": "stages, by number", "EarlyStop": "early_stop"}
    word = shown.get(name, name.lower())
    return f"[{word}](#{targets.get(name, name.lower())})"


def _name_of(ref: str) -> str:
    return f"`{ref.rpartition('/')[2].removeprefix('operator_')}`"


def _operators(known: Mapping[str, Schema]) -> str:
    rows = []
    for name, schema in known.items():
        if not name.startswith("operator_"):
            continue
        keys = {k: v for k, v in schema["properties"].items() if k != "type"}
        for key, value in keys.items():
            row = (f"`{key}`", _type(value), _default(value, False), _sentence(value))
            rows.append((f"`{name.removeprefix('operator_')}`", *row))
        if not keys:
            rows.append((f"`{name.removeprefix('operator_')}`", "–", "–", "–", "–"))
    return table(("operator", "key", "type", "default", "what it is"), rows)


def _inline(value: Any) -> str:
    """A value as TOML has it on one line."""
    (line,) = toml_lines({"key": value}, inline=lambda _: True)
    return line.text.partition(" = ")[2]
