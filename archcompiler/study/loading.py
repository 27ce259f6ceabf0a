"""A study file → the runs that it is made of, with located diagnostics."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

from archcompiler import shipped
from archcompiler.compiler import CompiledNetwork, compile_from
from archcompiler.config.extending import read_extended, with_settings
from archcompiler.config.files import Files, Kind, find_shipped, scope_of
from archcompiler.config.located import Located
from archcompiler.config.problems import validate
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Source, error
from archcompiler.diagnostics.render.visible import visible
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.runner.recipe.loading import RECIPES, LoadedRecipe, load_recipe
from archcompiler.runner.recipe.possible import require_possible
from archcompiler.spec.loader import SPECS
from archcompiler.study.kinds import kind_of
from archcompiler.study.model import Study
from archcompiler.study.settings import Axis, Setting, placed, read_axes, read_settings

STUDIES: Final = Kind("study", shipped.STUDIES, shipped.studies)
MOST: Final = 1_000
"""Runs of a study."""
LONGEST: Final = 200
"""Characters of the name of a run, which is that of a folder."""


@dataclass(frozen=True)
class Network:
    """One of the networks that are compared."""

    title: str
    compiled: CompiledNetwork
    against: str | None = None
    """Title of the one that it is compared with."""


@dataclass(frozen=True)
class Cell:
    """One run of a study."""

    number: int
    """From 0, in the order of the study: settings, then networks, then seeds."""
    name: str
    """Of its folder; of no other run."""
    network: Network
    chosen: tuple[Setting, ...]
    """What is set of the recipe."""
    setting: tuple[Any, ...]
    """Its values of the axes that have several."""
    seed: int
    loaded: LoadedRecipe

    @property
    def spec_sha256(self) -> str:
        return self.network.compiled.loaded.sha256

    @property
    def recipe_sha256(self) -> str:
        """Of the recipe with its defaults and the seed, as JSON with sorted keys."""
        values = self.loaded.recipe.model_dump(mode="json")
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    @contextmanager
    def located(self) -> Iterator[None]:
        """Have what is wrong with the run point into the study, and say which run it is of."""
        try:
            with placed(self.chosen):
                yield
        except CompileError as wrong:
            note = f"in the run `{self.name}`"
            found = (replace(d, notes=(*d.notes, note)) for d in wrong.diagnostics)
            raise CompileError(*found) from None


@dataclass(frozen=True)
class LoadedStudy:
    """A valid study, whose specs compile and whose recipes are recipes."""

    name: str
    study: Study
    values: Located = field(repr=False)
    """Those of the file, with what it extends."""
    axes: tuple[str, ...]
    """Keys of the grid that have several values."""
    cells: tuple[Cell, ...]

    @property
    def warnings(self) -> list[Diagnostic]:
        """Of its networks."""
        networks = {id(cell.network): cell.network for cell in self.cells}
        found = (w for network in networks.values() for w in network.compiled.warnings)
        return list(dict.fromkeys(found))


def load_study(
    name: str | Path | Source, settings: Sequence[str] = (), files: Files | None = None
) -> LoadedStudy:
    """Read and check a study, given by its name, as a path or as a text, and all that it names.

    Raises CompileError with everything that is wrong with it, its specs or its recipe: E811 for
    what cannot be set, E812 for runs of one name, E813 for too many of them, E211 for a network
    that is compared with none of the others.
    """
    files = files or Files()
    values, source, word = read_extended(name, STUDIES, files)
    values = with_settings(values, settings)
    study = validate(values, Study, Wording("the study"))
    problems: list[Diagnostic] = []
    axes: tuple[Axis, ...] = ()
    networks: list[tuple[Network, Located]] = []
    broken: list[Located] = []
    try:
        axes = read_axes(values.child("grid"))
        _require_few(study, axes, values)
    except CompileError as wrong:
        problems += wrong.diagnostics
    bounded = not problems
    specs = values.child("specs")
    assert specs is not None
    for node in specs.value:
        try:
            networks.append((_network(node, files), node))
        except CompileError as wrong:
            problems += wrong.diagnostics
            broken.append(node)
    recipes: list[tuple[tuple[Setting, ...], LoadedRecipe]] = []
    if bounded:
        try:
            recipes = list(_recipes(values, axes, files))
        except CompileError as wrong:
            problems += wrong.diagnostics
    problems += _twice(values)
    problems += _against_none(networks, broken)
    if problems:
        raise CompileError(*dict.fromkeys(problems))
    several = tuple(axis.key for axis in axes if len(axis.choices) > 1)
    cells: dict[str, Cell] = {}
    for (chosen, recipe), (network, node), seed in product(recipes, networks, study.seeds):
        setting = tuple(s for s in chosen if s.key in several)
        run = _name(network, setting, seed)
        if run in cells or len(run) > LONGEST:
            raise CompileError(_no_name(run, network, chosen, node, cells.get(run)))
        seeded = replace(recipe, recipe=recipe.recipe.model_copy(update={"seed": seed}))
        given = tuple(s.value for s in setting)
        cells[run] = Cell(len(cells), run, network, chosen, given, seed, seeded)
    require_all(cells.values(), require_possible)
    stem = "study" if word == "-" else Path(word or source.name).stem
    return LoadedStudy(visible(stem), study, values, several, tuple(cells.values()))


def _require_few(study: Study, axes: Sequence[Axis], values: Located) -> None:
    runs = len(study.specs) * len(study.seeds) * prod(len(axis.choices) for axis in axes)
    if runs > MOST:
        message = f"the study has {runs:,} runs, but at most {MOST:,} are one"
        help = "leave values or seeds out, or make it several studies"
        raise CompileError(error("E813", message, values.nearest(("grid",)), help=help))


def require_all(
    cells: Iterable[Cell], require: Callable[[CompiledNetwork, LoadedRecipe], None]
) -> None:
    """Raise CompileError with what `require` does of any run, once for those that differ in nothing
    but their seed.
    """
    distinct: dict[tuple[str, tuple[str, ...]], Cell] = {}
    for cell in cells:
        distinct.setdefault((cell.network.title, tuple(s.text for s in cell.chosen)), cell)
    problems: list[Diagnostic] = []
    for cell in distinct.values():
        try:
            with cell.located():
                require(cell.network.compiled, cell.loaded)
        except CompileError as wrong:
            problems += wrong.diagnostics
    if problems:
        raise CompileError(*problems)


def _twice(values: Located) -> Iterator[Diagnostic]:
    """E811 for a seed that is there twice."""
    seen: set[int] = set()
    seeds = values.child("seeds")
    for node in () if seeds is None else seeds.value:
        if node.value in seen:
            yield error("E811", f"`seeds` has {node.value} twice", node.span())
        seen.add(node.value)


def _against_none(
    networks: Sequence[tuple[Network, Located]], broken: Sequence[Located]
) -> Iterator[Diagnostic]:
    """E211 for a network that is compared with itself, or with none that there is.

    Those that do not compile are there too, under their titles; as long as one has none, what it
    is called is not known.
    """
    titles = [node.child("title") for node in broken]
    named = [visible(title.value) for title in titles if title is not None]
    if len(named) < len(broken):
        return
    for network, node in networks:
        others = [n.title for n, _ in networks if n is not network] + named
        place = node.child("against")
        if place is None or network.against in others:
            continue
        guess = did_you_mean(str(place.value), others)
        yield error(
            "E211",
            f"`{network.title}` cannot be `against` `{network.against}`",
            place.span(),
            notes=(f"other networks of the study: {', '.join(others) or 'none'}",),
            help=f"did you mean `{guess}`?" if guess else None,
        )


def _network(node: Located, files: Files) -> Network:
    spec, title, against = node.child("spec"), node.child("title"), node.child("against")
    assert spec is not None
    settings = read_settings(node.child("set"))
    with placed(settings, spec):
        target = _target(spec, SPECS, files)
        with _of_kind("spec", target, spec, files):
            compiled = compile_from(files, target, [setting.text for setting in settings])
    # What is printed and drawn of it acts on nothing.
    return Network(
        compiled.name if title is None else visible(title.value),
        compiled,
        None if against is None else visible(against.value),
    )


def _recipes(
    values: Located, axes: Sequence[Axis], files: Files
) -> Iterator[tuple[tuple[Setting, ...], LoadedRecipe]]:
    """The recipe of each combination of settings."""
    recipe = values.child("recipe")
    assert recipe is not None
    for chosen in product(*(axis.choices for axis in axes)):
        with placed(chosen, recipe):
            target = _target(recipe, RECIPES, files)
            with _of_kind("recipe", target, recipe, files):
                loaded = load_recipe(target, [s.text for s in chosen], files=files)
            yield chosen, loaded


@contextmanager
def _of_kind(wanted: str, target: Path, node: Located, files: Files) -> Iterator[None]:
    """Have what is wrong with a file that a study names be E215 if it is of another kind."""
    try:
        yield
    except CompileError:
        kind = kind_of(target, files)
        if kind in (None, wanted):
            raise
        message = f"`{node.value}` is a {kind}, not a {wanted}"
        raise CompileError(error("E215", message, node.span())) from None


def _target(node: Located, kind: Kind, files: Files) -> Path:
    """What a study names: a word for a shipped file, else a path from the file that says so.

    Raises CompileError E208 for one outside of the project.
    """
    source, name = node.text.source, str(node.value)
    folder = Path() if source.path is None else source.path.parent
    if find_shipped(kind, name, folder, files) is not None:
        return Path(name)
    path, scope = folder / name, scope_of(folder, files)
    try:
        inside = files.resolve(path).is_relative_to(scope.root)
    except (OSError, RuntimeError, ValueError) as exc:
        message = f"`{name}` is no path of a {kind.word}"
        raise CompileError(error("E207", message, notes=(str(exc).lower(),))) from None
    if not inside:
        message = f"this {kind.word} is outside of the folder that a study may read in"
        note = f"that folder is {scope.why}"
        raise CompileError(error("E208", message, notes=(note,), help=scope.cure))
    return path


def _name(network: Network, setting: Sequence[Setting], seed: int) -> str:
    """`attention92-label_noise_0.1-seed_0`"""
    words = [_slug(network.title) or network.compiled.name]
    words += [f"{s.key.rpartition('.')[2]}_{_slug(str(s.value))}" for s in setting]
    return "-".join([*words, f"seed_{seed}"])


def _slug(text: str) -> str:
    """What of a text any system takes for a part of a name."""
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_.")


def _no_name(
    run: str,
    network: Network,
    chosen: Sequence[Setting],
    node: Located,
    other: Cell | None,
) -> Diagnostic:
    if other is None:
        message = f"the name of a run would have {len(run)} characters, not at most {LONGEST}"
        return error("E812", message, node.span(), help="give the network a shorter `title`")
    message, help = f"two runs would be called `{run}`", "give one of the networks a `title`"
    if other.network is network:
        pairs = zip(other.chosen, chosen, strict=True)
        node = next(new.node for old, new in pairs if old.text != new.text)
        help = "leave it out: names of runs have letters, digits and points of a value"
    return error("E812", message, node.span(), help=help)
