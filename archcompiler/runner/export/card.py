"""The model card of an export: what the network is, was trained on and gets right, and its use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import jinja2

from archcompiler import __version__
from archcompiler.analysis.costs import network_cost
from archcompiler.analysis.depth import trunk_depth
from archcompiler.compiler import CompiledNetwork
from archcompiler.emit.render import Pycache
from archcompiler.runner.export import markdown
from archcompiler.runner.export.history import History, Result, name_of
from archcompiler.runner.export.onnx_model import INPUT, OPSET, OUTPUT
from archcompiler.runner.export.preprocessing import Preprocessing
from archcompiler.runner.export.words import augmentation_words, setting_words
from archcompiler.runner.recipe.model import Embedded, Folder, Recipe
from archcompiler.runner.store.trained import Trained

TEMPLATES: Final = Path(__file__).with_name("templates")
LISTED: Final = 100
"""Classes that a card names; `preprocessing.json` has all."""
_DATA: Final = {
    "embedded": "Fashion-MNIST, the images that come with archcompiler",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
}
_DATASET: Final = {"embedded": "fashion_mnist", "folder": "imagefolder"}
"""The types of data sets in a `model-index`, where they are not the recipe's."""


@dataclass(frozen=True)
class Card:
    """What the template prints."""

    trained: Trained
    """As the run has it: no setting of its recipe is another."""
    network: CompiledNetwork
    """Of the spec that is exported, perhaps for inference."""
    preprocessing: Preprocessing
    history: History
    onnx: bool
    """Whether there is a `model.onnx`."""

    version: str = __version__
    opset: int = OPSET
    onnx_input: str = INPUT
    onnx_output: str = OUTPUT
    listed: int = LISTED

    def render(self) -> str:
        """The text of `README.md`."""
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            bytecode_cache=Pycache(str(TEMPLATES / "__pycache__")),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # Markdown, not HTML: what is not ours passes through a filter
        )
        environment.filters.update(
            inline=markdown.inline, code=markdown.code, scalar=markdown.scalar, percent=_percent
        )
        return environment.get_template("card.md.jinja").render(card=self)

    @property
    def spec_sha256(self) -> str:
        return (self.network.trained or self.network).loaded.sha256

    @property
    def title(self) -> str:
        return self.network.spec.title or self.network.name

    @cached_property
    def cost(self) -> Any:
        return network_cost(self.network.graph)

    @cached_property
    def depth(self) -> int:
        return trunk_depth(self.network.graph)

    @property
    def shape(self) -> str:
        return "×".join(map(str, self.preprocessing.input))

    @property
    def recipe(self) -> Recipe:
        return self.trained.loaded.recipe

    @property
    def data(self) -> str:
        """What it was trained on; of a folder its name alone."""
        data = self.recipe.data
        if isinstance(data, Folder):
            return f"{name_of(data.path)} (image folders)"
        return _DATA[data.type]

    @property
    def dataset(self) -> str:
        """As a `model-index` has it."""
        kind = self.recipe.data.type
        return _DATASET.get(kind, kind)

    @property
    def bundled(self) -> bool:
        """Whether it was trained on images that are a small part of a data set."""
        return isinstance(self.recipe.data, Embedded)

    @property
    def chosen_on(self) -> str:
        """The split whose images chose the best weights."""
        return self.trained.chosen_on

    @property
    def settings(self) -> Iterator[tuple[str, str]]:
        """The recipe, line by line."""
        recipe = self.recipe
        yield "batch", f"{recipe.batch_size:,} images a step"
        yield "optimizer", setting_words(recipe.optimizer)
        yield "schedule", setting_words(recipe.schedule)
        yield "augmentation", augmentation_words(recipe.augment, recipe.data)
        if recipe.label_smoothing:
            yield "label smoothing", str(recipe.label_smoothing)
        if recipe.ema:
            yield "moving average", f"of the weights, decay {recipe.ema:g}: it is what is exported"
        yield "precision", recipe.speed.precision
        yield "seed", str(recipe.seed)

    @property
    def results(self) -> Iterator[tuple[str, Result]]:
        """Each with a name that tells it from the others."""
        few = len(self.preprocessing.classes) <= 5
        for result in self.history.results:
            # Any answer is among the first five of five.
            result = replace(result, top5=None) if few else result
            height, width = result.size
            crops = "1 crop" if result.crops == 1 else f"{result.crops} crops"
            yield f"{crops}, {height}×{width} pixels", result

    @property
    def evaluated(self) -> list[tuple[str, Result]]:
        """Those that an evaluation has left: of all images of a split unless it was told less."""
        return [(name, r) for name, r in self.results if r.source.endswith(".json")]

    @property
    def few(self) -> int:
        """How many of the likeliest classes the example names."""
        return min(5, len(self.preprocessing.classes))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"
