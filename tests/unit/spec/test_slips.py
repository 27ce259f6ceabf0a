"""One slip of the pen is one error: a key that is misspelt is not missing besides."""

from __future__ import annotations

from typing import Any

import pytest
from tiny import tiny_spec

import archcompiler
from archcompiler.config.located import locate
from archcompiler.config.problems import validate
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Source
from archcompiler.runner.recipe.model import Recipe
from archcompiler.syntax import parse

BLOCK = {"steps": {"conv": {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}}}


def renamed(table: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in table.items()}


def block(**changes: Any) -> dict[str, Any]:
    """A network of a block of its own."""
    return tiny_spec(unit="mine", blocks={"mine": {**BLOCK, **changes}})


STEP = BLOCK["steps"]["conv"]
SLIPS = {
    "a key of the spec": (renamed(tiny_spec(), "classes", "clases"), "clases"),
    "the stages": (renamed(tiny_spec(), "stages", "stagse"), "stagse"),
    "a key of a stage": (tiny_spec({"chanels": 16}), "chanels"),
    "the type of a stem": (tiny_spec(stem={"tpye": "conv"}), "tpye"),
    "the type of a norm": (tiny_spec(norm={"typ": "group", "groups": 4}), "typ"),
    "an argument of an operator": (
        tiny_spec(stem={"type": "conv_pool", "pool": {"type": "max_pool", "kernle": 3}}),
        "kernle",
    ),
    "an argument of a step": (block(steps={"conv": renamed(STEP, "kernel", "kernle")}), "kernle"),
    "the operator of a step": (block(steps={"conv": renamed(STEP, "op", "opp")}), "opp"),
    "the steps": (
        tiny_spec(unit="mine", blocks={"mine": renamed(BLOCK, "steps", "stpes")}),
        "stpes",
    ),
    "the default of an option": (block(options={"ratio": {"defualt": 3}}), "defualt"),
    "an option that a block needs": (
        tiny_spec(
            unit={"type": "mine", "ratoi": 3},
            blocks={"mine": {**BLOCK, "options": {"ratio": {"type": "int"}}}},
        ),
        "ratoi",
    ),
}


@pytest.mark.parametrize(("spec", "slip"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_one_error(spec: dict[str, Any], slip: str) -> None:
    (found,) = archcompiler.check(spec)
    assert (found.code, found.span and found.span.text) == ("E201", f'"{slip}"')
    assert found.help is not None
    assert found.help.startswith("did you mean `")


@pytest.mark.parametrize("slip", ["tpye", "typ"])
def test_a_slip_in_a_recipe(slip: str) -> None:
    text = f"""
        iteratoins = 1
        batch_size = 1
        checkpoint_every = 1
        data = {{ {slip} = "embedded" }}
        optimizer = {{ lr = 0.1 }}
        schedule = {{ type = "cosine" }}
    """
    document = parse(Source("recipe.toml", text, "toml"))
    with pytest.raises(CompileError) as refused:
        validate(locate(document.values, document), Recipe, Wording("the recipe"))
    found = {(d.code, d.span and d.span.text, d.help) for d in refused.value.diagnostics}
    assert found == {
        ("E201", "iteratoins", "did you mean `iterations`?"),
        ("E201", slip, "did you mean `type`?"),
    }


def test_a_key_that_is_like_none_leaves_another_missing() -> None:
    assert [d.code for d in archcompiler.check(tiny_spec({"width": 16}))] == ["E202", "E201"]
