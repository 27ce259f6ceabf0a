import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from shipped import ROOT, SPECS

from archcompiler import shipped
from archcompiler.runner.recipe.schema import RECIPE_SCHEMA_FILE, recipe_schema_text
from archcompiler.search.schema import SPACE_SCHEMA_FILE, space_schema, space_schema_text
from archcompiler.spec.schema import SCHEMA_FILE, schema_text, spec_schema
from archcompiler.study.schema import STUDY_SCHEMA_FILE, study_schema, study_schema_text

VALIDATOR = jsonschema.Draft202012Validator(spec_schema())
NET: dict[str, Any] = {
    "name": "net",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv"},
    "stages": [{"channels": 64, "modules": 1, "depth": 2}],
}


BLOCK: dict[str, Any] = {
    "title": "Two convolutions",
    "options": {
        "ratio": 4,
        "gate": {"slot": "block", "default": "none"},
        "how": {"default": "a", "choices": ["a", "b"]},
    },
    "let": {"width": "c / ratio"},
    "steps": {
        "conv1": {"op": "conv", "channels": "width", "kernel": [3, "ratio"], "stride": "stride"},
        "act": {"op": "act"},
        "conv2": {"op": "conv", "channels": "c", "kernel": 1, "bias": "how == 'a'"},
        "gate": {"op": "gate", "ratio": "ratio"},
        "add": {"op": "add", "from": ["gate", "x"], "when": "cin == c", "else": "gate"},
    },
}


def mistakes(values: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(values)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(spec_schema())


def test_the_files_are_up_to_date() -> None:
    """Else: `python tests/regenerate.py schema`."""
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()
    assert (ROOT / RECIPE_SCHEMA_FILE).read_text(encoding="utf-8") == recipe_schema_text()
    assert (ROOT / SPACE_SCHEMA_FILE).read_text(encoding="utf-8") == space_schema_text()
    assert (ROOT / STUDY_SCHEMA_FILE).read_text(encoding="utf-8") == study_schema_text()


def test_the_command_prints_it() -> None:
    from archcompiler.cli.program import group

    assert CliRunner().invoke(group, ["schema"]).output == schema_text()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_shipped_spec_is_valid(path: Path) -> None:
    read = json.loads if path.suffix == ".json" else tomllib.loads
    assert mistakes(read(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "resnext"},
        {"unit": {"type": "resnext", "groups": 4}},
        {"attention": {"mask": {"unit": "bottleneck", "pool": {"kernel": 5}}}},
        {"stages": [{"channels": 64, "attention": {"p": 0}}]},
        {"$schema": "archcompiler.schema.json"},
        {"stem": "conv", "head": "none", "activation": "silu", "norm": {"type": "group"}},
        {"attention": {"type": "own"}, "blocks": {"own": {}}, "unit": {"type": "own", "a": 1}},
        {"blocks": {"own": BLOCK}, "unit": "own", "attention": {"mask": "own"}},
        {"blocks": {"bottleneck": {"steps": {"conv2": {"kernel": 5}}}}},
    ],
)
def test_it_takes_what_the_compiler_takes(change: dict[str, Any]) -> None:
    assert mistakes(NET | change) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 160}, "epochs"),
        ({"stages": [{"channels": 64, "depht": 2}]}, "depht"),
        ({"stem": {"type": "conv", "pool": {}}}, "pool"),
        ({"unit": {"type": "resnext", "group": 4}}, "group"),
        ({"stem": {"type": "cnov"}}, "cnov"),
        ({"stem": {}}, "'type' is a required"),
        ({"unit": {"groups": 4}}, "'type' is a required"),
        ({"attention": {"mask": {"unit": {"groups": 4}}}}, "'type' is a required"),
        ({"classes": "10"}, "'10' is not of type 'integer'"),
        ({"classes": 0}, "minimum"),
        ({"input": [32]}, "too short"),
        ({"stages": []}, "should be non-empty"),
        ({"attention": {"learning": "naif"}}, "naif"),
        ({"stages": [{"modules": 1}]}, "channels"),
        ({"name": "Net"}, "does not match"),
        ({"head": {"dropuot": 0.5}}, "dropuot"),
        ({"norm": {"epsilon": 1}}, "epsilon"),
        ({"attention": {"mask": {"type": "local", "pool": {}}}}, "pool"),
        ({"attention": {"mask": {"depth": 17}}}, "17 is greater"),
        ({"stages": [{"channels": 64, "attention": {"q": 1}}]}, "'q' was unexpected"),
        ({"blocks": {"own": {"step": {}}}}, "'step' was unexpected"),
        (
            {"blocks": {"own": {"steps": {"conv": {"op": "conv", "kernal": 3}}}}},
            "'kernal' was unexpected",
        ),
        ({"blocks": {"own": {"steps": {"conv": {"op": "conv", "kernel": 0}}}}}, "0 is less"),
        ({"blocks": {"own": {"options": {"a": {"slot": "units"}}}}}, "'units' is not one of"),
    ],
)
def test_it_rejects_the_usual_mistakes(change: dict[str, Any], words: str) -> None:
    def messages(errors: Any) -> str:
        return " | ".join(f"{e.message} {messages(e.context)}" for e in errors)

    assert words in messages(VALIDATOR.iter_errors(NET | change))


@pytest.mark.parametrize("key", ["name", "input", "classes", "stem", "stages"])
def test_only_a_spec_that_extends_may_leave_keys_out(key: str) -> None:
    rest = {k: v for k, v in NET.items() if k != key}
    assert mistakes(rest) == [f"'{key}' is a required property"]
    assert mistakes(rest | {"extends": "base.toml"}) == []


def test_a_spec_that_extends_may_change_single_options() -> None:
    assert mistakes({"extends": "base.toml", "unit": {"groups": 4}, "stem": {"channels": 8}}) == []


def test_stages_are_changed_by_their_number() -> None:
    assert mistakes({"extends": "base.toml", "stages": {"0": {"modules": 3}}}) == []
    assert mistakes({"extends": "base.toml", "stages": {"first": {"modules": 3}}}) != []
    assert mistakes({"extends": "base.toml", "stages": {"0": {"moduls": 3}}}) != []


def test_every_field_has_a_description() -> None:
    def undescribed(schema: Any, path: str) -> Iterator[str]:
        if isinstance(schema, list):
            for i, entry in enumerate(schema):
                yield from undescribed(entry, f"{path}/{i}")
        elif isinstance(schema, dict):
            for key, field in schema.get("properties", {}).items():
                if "description" not in field and "$ref" not in field:
                    yield f"{path}/{key}"
            for key, entry in schema.items():
                # Conditions repeat what is described elsewhere, and steps their operators.
                if key not in ("if", "then", "else", "allOf") and not key.startswith("step_"):
                    yield from undescribed(entry, f"{path}/{key}")

    assert list(undescribed(spec_schema(), "")) == []
    assert list(undescribed(space_schema(), "")) == []
    assert list(undescribed(study_schema(), "")) == []


@pytest.mark.parametrize("kind", ["specs", "recipes", "spaces", "studies"])
@pytest.mark.parametrize(
    "command",
    [
        ["tombi", "lint", "--offline"],
        ["taplo", "check", "--schema", "{uri}"],
        ["check-jsonschema", "--schemafile", "{path}"],
    ],
    ids=lambda command: command[0],
)
def test_the_tools_of_editors_have_nothing_to_say(command: list[str], kind: str) -> None:
    name, shown = {
        "specs": (SCHEMA_FILE, SPECS),
        "recipes": (RECIPE_SCHEMA_FILE, shipped.recipes().values()),
        "spaces": (SPACE_SCHEMA_FILE, shipped.spaces().values()),
        "studies": (STUDY_SCHEMA_FILE, shipped.studies().values()),
    }[kind]
    schema, files = ROOT / name, [path for path in shown if path.suffix == ".toml"]
    # Whatever finds the schema by itself has to be led to this one.
    assert all((path.parent / pointed(path)).resolve() == schema for path in files)
    program = Path(sys.executable).with_name(command[0])
    options = [word.format(uri=schema.as_uri(), path=schema) for word in command[1:]]
    done = subprocess.run(
        [program, *options, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", "RUST_LOG": "warn"},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "arning" not in said, said


def pointed(path: Path) -> str:
    """What the `#:schema` line of a file says."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("#:schema ")
