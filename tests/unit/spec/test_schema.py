import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from shipped import ROOT, SPECS

from archcompiler.spec.schema import SCHEMA_FILE, schema_text, spec_schema

VALIDATOR = jsonschema.Draft202012Validator(spec_schema())
NET: dict[str, Any] = {
    "name": "net",
    "input": [3, 32, 32],
    "classes": 10,
    "stem": {"type": "conv"},
    "stages": [{"channels": 64, "modules": 1, "depth": 2}],
}


def mistakes(values: dict[str, Any]) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(values)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(spec_schema())


def test_the_file_is_up_to_date() -> None:
    """Else: `python tests/regenerate.py schema`."""
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_the_command_prints_it() -> None:
    from archcompiler.cli import group

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
        ({"input": [32, 32]}, "too short"),
        ({"stages": []}, "should be non-empty"),
        ({"attention": {"learning": "naif"}}, "naif"),
        ({"stages": [{"modules": 1}]}, "channels"),
        ({"name": "Net"}, "does not match"),
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
