"""Recipe name or path → validated recipe, with the same located diagnostics as a spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from archcompiler import shipped
from archcompiler.config.located import Located, locate, merge
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import validate
from archcompiler.config.settings import parse_setting
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.diagnostics.read import read_source
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.runner.recipe.model import Recipe
from archcompiler.spec.model import Spec
from archcompiler.syntax import parse
from archcompiler.syntax.document import Part


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe with the text behind each of its values."""

    name: str
    recipe: Recipe
    values: Located

    def span(self, path: SpecPath, part: Part = "value") -> Span:
        """Where the value at `path` is written; for a default, where it would be."""
        return self.values.nearest(path, part)


def load_recipe(name: str | Path | Source, settings: Sequence[str] = ()) -> LoadedRecipe:
    """Read, merge and validate a recipe, given by its name, as a path or as text.

    Raises CompileError with everything that is wrong.
    """
    source = name if isinstance(name, Source) else read_source(_find(name))
    document = parse(source)
    values = locate(document.values, document)
    values = reduce(merge, map(parse_setting, settings), values)
    loaded = LoadedRecipe(
        Path(source.name).stem, validate(values, Recipe, Wording("the recipe")), values
    )
    problems = list(_broken_rules(loaded))
    if problems:
        raise CompileError(*problems)
    return loaded


def split_settings(settings: Iterable[str]) -> tuple[list[str], list[str]]:
    """Settings of the spec and of the recipe: no key is in both, so the first key decides."""
    spec: list[str] = []
    recipe: list[str] = []
    for setting in settings:
        first = setting.partition("=")[0].split(".")[0].strip()
        (spec if first in Spec.model_fields else recipe).append(setting)
    return spec, recipe


def _find(name: str | Path) -> Path:
    text = str(name)
    if isinstance(name, Path) or "/" in text or "\\" in text or Path(text).suffix:
        path = Path(name)
        with suppress(RuntimeError):  # of a user that there is not
            path = path.expanduser()
        return path
    known = shipped.recipes()
    if text not in known:
        guess = did_you_mean(text, known)
        raise CompileError(
            error(
                "E701",
                f"there is no recipe `{text}`",
                notes=(f"known: {', '.join(known)}",),
                help=f"did you mean `{guess}`?"
                if guess
                else "a path such as `./my.toml` works too",
            )
        )
    return known[text]


def _broken_rules(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    recipe = loaded.recipe
    parts = recipe.speed.accumulate
    if recipe.batch_size % parts:
        yield error(
            "E702",
            f"a batch of {recipe.batch_size} images cannot be computed in {parts} equal parts",
            loaded.span(("speed", "accumulate")),
        )
    if len(recipe.data.mean) != len(recipe.data.std):
        yield error(
            "E702",
            f"`std` has {len(recipe.data.std)} channels, but `mean` has {len(recipe.data.mean)}",
            loaded.span(("data", "std")),
        )
    schedule = recipe.schedule
    if schedule.type == "steps" and any(
        a >= b for a, b in zip(schedule.at, schedule.at[1:], strict=False)
    ):
        yield error("E702", "the iterations in `at` must rise", loaded.span(("schedule", "at")))
    if recipe.optimizer.nesterov and recipe.optimizer.momentum == 0:
        yield error(
            "E702",
            "Nesterov's method needs momentum",
            loaded.span(("optimizer", "nesterov")),
            help="set `nesterov = false`, or a `momentum`",
        )
    if recipe.data.type == "folder" and (
        recipe.data.scale[0] > recipe.data.scale[1] or recipe.data.ratio[0] > recipe.data.ratio[1]
    ):
        key = "scale" if recipe.data.scale[0] > recipe.data.scale[1] else "ratio"
        yield error(
            "E702", f"`{key}` must be the smallest and the largest", loaded.span(("data", key))
        )
    for key in ("channels_last", "compile"):
        if recipe.speed.deterministic and getattr(recipe.speed, key) == "on":
            yield error(
                "E702",
                f"`{key}` cannot be on in a deterministic run",
                loaded.span(("speed", key)),
                notes=("its kernels on CUDA need not repeat to the bit",),
                help="`auto` is off where `deterministic` is on",
            )
    if recipe.speed.sync_bn and recipe.speed.checkpointing:
        yield error(
            "E702",
            "`sync_bn` and `checkpointing` cannot be combined",
            loaded.span(("speed", "sync_bn")),
            notes=("the recomputed pass would count each batch twice in the running statistics",),
        )
