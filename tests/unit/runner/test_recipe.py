"""What a recipe can say, before any framework is imported."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from archcompiler import shipped
from archcompiler.cli.compiling import file_kind
from archcompiler.cli.program import group
from archcompiler.diagnostics import CompileError, Source
from archcompiler.runner.recipe.loading import load_recipe
from archcompiler.runner.recipe.model import SettledRecipe
from archcompiler.runner.recipe.schema import recipe_schema
from archcompiler.runner.recipe.settling import recipe_text, settle_recipe
from archcompiler.runner.recipe.showing import show_recipe


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


IMAGES = {
    "cifar_modern": 45_000,
    "cifar_paper": 50_000,
    "fashion_mnist": 54_000,
    "imagenet_modern": 1_268_356,
    "imagenet_paper": 1_281_167,
    "smoke": 9_000,
}
"""Training images of the data that a recipe is for, less what it holds back."""


def _settled(text: str, images: int = 1000, *settings: str, channels: int = 3) -> SettledRecipe:
    return settle_recipe(load_recipe(Source("r.toml", text, "toml"), settings), images, channels)


def _codes(text: str | Path, *settings: str) -> list[str]:
    source = Source("r.toml", text, "toml") if isinstance(text, str) else text
    try:
        load_recipe(source, settings)
    except CompileError as error:
        return [d.code for d in error.diagnostics]
    return []


@pytest.mark.parametrize(
    ("name", "iterations", "warmup", "checkpoints"),
    [
        ("cifar_modern", 70_400, 1_760, 1_760),
        ("cifar_paper", 160_000, 0, 2_000),
        ("fashion_mnist", 12_660, 500, 633),
        ("imagenet_modern", 148_680, 6_195, 2_478),
        ("imagenet_paper", 530_000, 0, 5_000),
        ("smoke", 100, 10, 50),
    ],
)
def test_a_shipped_recipe_is_what_it_was_in_iterations(
    name: str, iterations: int, warmup: int, checkpoints: int
) -> None:
    recipe = settle_recipe(load_recipe(name), IMAGES[name], 3)
    assert recipe.iterations == iterations
    assert recipe.schedule.warmup == warmup
    assert recipe.checkpoint_every == recipe.evaluation_interval == checkpoints


def test_every_field_has_a_default() -> None:
    recipe = _settled("seed = 0", 1000)
    assert (recipe.batch_size, recipe.iterations, recipe.checkpoint_every) == (64, 20 * 16, 16)
    assert (recipe.optimizer.type, recipe.optimizer.lr) == ("sgd", 0.1 * 64 / 256)
    assert (recipe.schedule.type, recipe.schedule.warmup) == ("cosine", 16)
    assert recipe.data.mean == (0.485, 0.456, 0.406)
    assert _settled('data = "embedded"').data.std == (0.353,) * 3
    assert _settled('data = "embedded"', channels=1).data.mean == (0.286,)


@pytest.mark.parametrize(
    ("images", "batch"),
    [(1_000_000, 128), (1024, 128), (1023, 64), (32, 8), (9, 8), (5, 5), (1, 1)],
)
def test_a_batch_that_nobody_chose_fits_the_data(images: int, batch: int) -> None:
    assert _settled("seed = 0", images).batch_size == batch
    loaded = load_recipe(Source("r.toml", "speed.accumulate = 2", "toml"))
    assert settle_recipe(loaded, images, 3, processes=2).batch_size == max(batch // 4 * 4, 4)


def test_a_rate_goes_with_the_batch_unless_it_is_said() -> None:
    assert _settled("batch_size = 512").optimizer.lr == 0.2
    assert _settled("batch_size = 512", 1000, "optimizer.lr=0.1").optimizer.lr == 0.1
    root = 'batch_size = 64\noptimizer.scaling = "sqrt"\n'
    assert _settled(root).optimizer.lr == 0.05
    assert settle_recipe(load_recipe("photographs"), 28, 3).optimizer.lr == 0.1 * (8 / 256) ** 0.5


@pytest.mark.parametrize(
    ("text", "iterations"),
    [("500", 500), ('"5 epochs"', 500), ('"0.5 epoch"', 50), ('"5%"', 100), ('"12.5 %"', 250)],
)
def test_a_length_is_iterations_epochs_or_a_share(text: str, iterations: int) -> None:
    recipe = _settled(f"epochs = 20\nbatch_size = 10\nschedule.warmup = {text}", 1000)
    assert recipe.schedule.warmup == iterations


@pytest.mark.parametrize(("share", "epoch", "iterations"), [(28, 25, 7), (220, 45, 99), (7, 3, 1)])
def test_a_length_is_exactly_what_is_written(share: int, epoch: int, iterations: int) -> None:
    """In hundredths of an epoch; as floats the first two are an iteration more."""
    assert iterations == -(-share * epoch // 100)
    text = f'epochs = 20\nbatch_size = 10\nschedule.warmup = "{share / 100} epochs"'
    assert _settled(text, 10 * epoch).schedule.warmup == iterations


@pytest.mark.parametrize(
    "text", ["-1", "1.5", "true", '"5"', '"101 %"', '"x"', '"5 epochs\\n"', "[]"]
)
def test_no_other_length(text: str) -> None:
    assert _codes(f"schedule.warmup = {text}") == ["E203"]
    assert _codes(f"checkpoint_every = {text}") == ["E203"]


def test_an_interval_is_at_least_an_iteration() -> None:
    assert _codes("checkpoint_every = 0") == ["E203"]
    assert _settled('epochs = 1\ncheckpoint_every = "0 %"', 10).checkpoint_every == 1


def test_a_rate_that_falls_does_so_in_order() -> None:
    assert _codes('schedule = { type = "steps", at = ["50 %", "40 %"] }') == ["E702"]
    mixed = 'epochs = 10\nbatch_size = 10\nschedule = { type = "steps", at = ["90 %", 3] }'
    schedule = _settled(mixed, 100).schedule
    assert schedule.type == "steps"
    assert schedule.at == (3, 90)


def test_a_rule_is_told_where_it_is_broken(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('extends = "smoke"\n[optimizer]\nmomentum = 0.0')
    with pytest.raises(CompileError) as caught:
        load_recipe(tmp_path / "r.toml", ["optimizer.lr=0.1"])
    (problem,) = caught.value.diagnostics
    assert problem.span is not None
    assert (problem.span.source.path, problem.span.location.line) == (tmp_path / "r.toml", 3)


def test_a_run_is_as_long_as_one_of_two_keys_says(tmp_path: Path) -> None:
    assert _codes("epochs = 5\niterations = 9") == ["E702"]
    (tmp_path / "r.toml").write_text('extends = "smoke"\nepochs = 5')
    loaded = load_recipe(tmp_path / "r.toml")
    assert (loaded.recipe.epochs, loaded.recipe.iterations) == (5, None)
    assert load_recipe(tmp_path / "r.toml", ["iterations=7"]).recipe.epochs is None
    huge = load_recipe(Source("r.toml", "epochs = 1_000_000_000", "toml"))
    with pytest.raises(CompileError, match=r"E702.*a run has at most 1,000,000,000"):
        settle_recipe(huge, 10**6, 3)


def test_what_is_settled_stays(tmp_path: Path) -> None:
    for name, images in IMAGES.items():
        settled = settle_recipe(load_recipe(name), images, 3)
        text = recipe_text(settled)
        again = _settled(text, 77)
        assert again.model_dump() == settled.model_dump()


def test_recipes_extend_one_another_as_specs_do(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "outside.toml").write_text("epochs = 1")
    for name, text in {
        "base": 'extends = "imagenet_modern"\n[augment]\nflip = false',
        "top": 'extends = "base.toml"\noptimizer.lr = 0.2',
        "out": 'extends = "../outside.toml"',
        "self": 'extends = "self.toml"',
        "gone": 'extends = "imagenet_modrn"',
        "spec": 'extends = "attention92"',
    }.items():
        (project / f"{name}.toml").write_text(text)
    recipe = load_recipe(project / "top.toml").recipe
    assert (recipe.epochs, recipe.augment.flip, recipe.augment.mixup) == (120, False, 0.2)
    assert (recipe.optimizer.lr, recipe.optimizer.weight_decay) == (0.2, 5e-5)
    for name, code in {"out": "E208", "self": "E206", "gone": "E207", "spec": "E207"}.items():
        assert _codes(project / f"{name}.toml") == [code]
    with pytest.raises(CompileError) as found:
        load_recipe(project / "gone.toml")
    assert found.value.diagnostics[0].help == "did you mean `imagenet_modern`?"
    assert "this recipe extends one" in found.value.diagnostics[0].message


def test_a_recipe_is_told_from_a_spec(tmp_path: Path) -> None:
    def said(text: str) -> bool:
        (tmp_path / "r.toml").write_text(text)
        return file_kind(tmp_path / "r.toml") == "recipe"

    assert file_kind(Path("smoke")) == "recipe"
    assert file_kind(Path("attention92")) == "spec"
    assert said("epochs = 5")
    assert said('extends = "smoke"')
    assert said('extends = "smoke"\n[optimizer]')
    assert not said('extends = "attention92"')
    assert not said('extends = "attention92"\nname = "a"')
    assert not said("typo = 1")
    assert not said("= 1")


def test_what_is_shown_is_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('extends = "imagenet_modern"\nepochs = 3')
    for name in ("smoke", "photographs", tmp_path / "r.toml"):
        loaded = load_recipe(name)
        text = show_recipe(loaded)
        again = load_recipe(Source("r.toml", text, "toml"))
        assert (
            settle_recipe(again, 320, 3).model_dump() == settle_recipe(loaded, 320, 3).model_dump()
        )
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "mixup = 0.2 # <shipped>/imagenet_modern.toml:28" in lines
    assert f"epochs = 3 # {(tmp_path / 'r.toml').as_posix()}:2" in lines
    assert "log_every = 50 # default" in lines


def test_the_schema_takes_what_the_loader_takes() -> None:
    validator = Draft202012Validator(recipe_schema())
    Draft202012Validator.check_schema(recipe_schema())
    for path in shipped.recipes().values():
        validator.validate(tomllib.loads(path.read_text()))
    for text, good in {
        'extends = "smoke"\nepochs = 5': True,
        'data = "cifar10"': True,
        'extends = "smoke"\ndata.pad = 2': True,
        'schedule.warmup = "5 epochs"': True,
        'data = "shapes"': False,
        "optimizer.lrr = 1": False,
        'data = { type = "folder", pad = 2 }': False,
        'checkpoint_every = "2 weeks"': False,
        "epochs = 5\niterations = 9": False,
    }.items():
        assert validator.is_valid(tomllib.loads(text)) == good == (_codes(text) == []), text
    described = recipe_schema()["properties"]
    assert all("description" in field for field in described.values())


def test_check_knows_recipes(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text('extends = "smoke"')
    bad.write_text("epochs = 5\nbatch_size = 0")
    done = CliRunner().invoke(group, ["check", str(good), "smoke", "attention56_cifar"])
    assert done.exit_code == 0
    assert f"{good.as_posix()}: a recipe without a mistake\n" in done.output
    assert "attention56_cifar: " in done.output
    refused = CliRunner().invoke(group, ["check", str(bad)])
    assert refused.exit_code == 2
    assert "error[E204]: `batch_size` must be at least 1, not 0" in refused.output
