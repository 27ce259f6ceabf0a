"""What a recipe can say, before any framework is imported."""

from __future__ import annotations

import pytest

from archcompiler.diagnostics import CompileError
from archcompiler.runner.recipe.loading import load_recipe


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "setting",
    ["data.mean=[{},0,0]", "data.std=[1,{},1]", "optimizer.lr={}", "ema={}", "schedule.final={}"],
)
def test_numbers_of_a_recipe_are_finite(setting: str, value: str) -> None:
    with pytest.raises(CompileError) as found:
        load_recipe("smoke", [setting.format(value)])
    (problem,) = found.value.diagnostics
    assert problem.code == "E204"
    assert problem.message.endswith(f"cannot be {value}")
    assert problem.span is not None


@pytest.mark.parametrize("setting", ["data.mean=[1e308,0,0]", "data.std=[1e-320,1,1]"])
def test_numbers_of_a_recipe_are_finite_on_the_device_too(setting: str) -> None:
    with pytest.raises(CompileError, match="E204"):
        load_recipe("smoke", [setting])
