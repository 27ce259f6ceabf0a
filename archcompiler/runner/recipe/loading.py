"""Recipe name or path → validated recipe, with the same located diagnostics as a spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archcompiler import shipped
from archcompiler.config.extending import read_extended, with_settings
from archcompiler.config.files import Files, Kind, is_word
from archcompiler.config.located import Located, merge
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import validate
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.runner.recipe.layout import Layout
from archcompiler.runner.recipe.lengths import rises
from archcompiler.runner.recipe.model import Recipe
from archcompiler.spec.model import Spec
from archcompiler.syntax.document import Part

RECIPES: Final = Kind("recipe", shipped.RECIPES, shipped.recipes)
_ALTERNATIVES: Final = ({"iterations", "epochs"},)
"""Keys of which one takes the place of another."""


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe with the text behind each of its values."""

    name: str
    recipe: Recipe
    values: Located
    data: Layout | None = None
    """What it is trained on in place of its own data."""

    def span(self, path: SpecPath, part: Part = "value") -> Span:
        """Where the value at `path` is written; for a default, where it would be."""
        return self.values.nearest(path, part)

    def is_foreign(self, path: SpecPath) -> bool:
        """Whether the value at `path` is written for other data than the run is on."""
        return self.data is not None and self.span(path).source.path is not None


def load_recipe(
    name: str | Path | Source,
    settings: Sequence[str] = (),
    *,
    data: Layout | None = None,
    files: Files | None = None,
) -> LoadedRecipe:
    """Read, merge and validate a recipe, given by its name, as a path or as a text.

    `data` is trained on in place of its own. Raises CompileError with everything that is wrong.
    """
    files = files or Files()
    if not isinstance(name, Source):
        _require_known(str(name), files)
        name = _expanded(name)
    values, source, word = read_extended(name, RECIPES, files, _lay)
    if data is not None:
        values = _lay(values, data.located())
    values = with_settings(values, settings, _lay)
    recipe = validate(values, Recipe, Wording("the recipe"))
    loaded = LoadedRecipe(Path(word or source.name).stem, recipe, values, data)
    problems = list(_broken_rules(loaded))
    if problems:
        raise CompileError(*problems)
    return loaded


def _lay(base: Located, over: Located) -> Located:
    """As `merge`, but what says how long a run is takes the place of any other way to say it."""
    for keys in _ALTERNATIVES:
        said = keys & over.value.keys()
        if said:
            kept = {k: v for k, v in base.value.items() if k not in keys - said}
            base = Located(kept, base.text, base.path)
    return merge(base, over)


def split_settings(settings: Iterable[str]) -> tuple[list[str], list[str]]:
    """Settings of the spec and of the recipe: no key is in both, so the first key decides."""
    spec: list[str] = []
    recipe: list[str] = []
    for setting in settings:
        first = setting.partition("=")[0].split(".")[0].strip()
        (spec if first in Spec.model_fields else recipe).append(setting)
    return spec, recipe


def _expanded(name: str | Path) -> Path:
    path = Path(name)
    with suppress(RuntimeError):  # of a user that there is not
        path = path.expanduser()
    return path


def _require_known(name: str, files: Files) -> None:
    """Raise CompileError E701 for a word that is neither a shipped recipe nor a file."""
    known = RECIPES.shipped()
    if not is_word(name) or name in known or files.is_file(Path(name)):
        return
    guess = did_you_mean(name, known)
    raise CompileError(
        error(
            "E701",
            f"there is no recipe `{name}`",
            notes=(f"known: {', '.join(known)}",),
            help=f"did you mean `{guess}`?" if guess else "a path such as `./my.toml` works too",
        )
    )


def _broken_rules(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    recipe = loaded.recipe
    shards = recipe.speed.shards
    parts = recipe.speed.accumulate * max(shards, 1)
    if shards & (shards - 1):
        yield error(
            "E702",
            f"{shards} shards are no power of two",
            loaded.span(("speed", "shards")),
            notes=("they are added up in pairs, and pairs of pairs",),
            help=f"`--set speed.shards={1 << (shards.bit_length() - 1)}`",
        )
    elif "batch_size" in recipe.model_fields_set and recipe.batch_size % parts:
        yield error(
            "E702",
            f"a batch of {recipe.batch_size} images cannot be computed in {parts} equal parts",
            loaded.span(("speed", "shards" if shards else "accumulate")),
        )
    if shards and recipe.speed.sync_bn:
        yield error(
            "E702",
            "`sync_bn` and `shards` cannot be combined",
            loaded.span(("speed", "sync_bn")),
            notes=("each shard is normalised by itself",),
        )
    if len({len(recipe.data.mean), len(recipe.data.std), 1}) > 2:
        yield error(
            "E702",
            f"`std` has {len(recipe.data.std)} channels, but `mean` has {len(recipe.data.mean)}",
            loaded.span(("data", "std")),
        )
    if recipe.epochs is not None and recipe.iterations is not None:
        yield error(
            "E702",
            "a run has `epochs` or `iterations`, not both",
            loaded.span(("epochs",), "key"),
            help="leave one of them out",
        )
    schedule = recipe.schedule
    if schedule.type == "steps" and not rises(schedule.at):
        yield error("E702", "the iterations in `at` must rise", loaded.span(("schedule", "at")))
    optimizer = recipe.optimizer
    if optimizer.type == "sgd" and optimizer.nesterov and optimizer.momentum == 0:
        yield error(
            "E702",
            "Nesterov's method needs momentum",
            loaded.span(("optimizer", "momentum")),
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
        if recipe.speed.deterministic and getattr(recipe.speed, key) not in ("auto", "off"):
            yield error(
                "E702",
                f"`{key}` cannot be on in a deterministic run",
                loaded.span(("speed", key)),
                notes=("its kernels on CUDA need not repeat to the bit",),
                help="`auto` is off where `deterministic` is on",
            )
    if recipe.speed.checkpointing and recipe.speed.memory != "auto":
        yield error(
            "E702",
            "`memory` and `checkpointing` cannot be combined",
            loaded.span(("speed", "checkpointing")),
            notes=("both say what is kept for the backward pass",),
            help="leave one of them out: `memory` does less again for the same room",
        )
    if recipe.speed.sync_bn and recipe.speed.checkpointing:
        yield error(
            "E702",
            "`sync_bn` and `checkpointing` cannot be combined",
            loaded.span(("speed", "sync_bn")),
            notes=("the recomputed pass would count each batch twice in the running statistics",),
        )
