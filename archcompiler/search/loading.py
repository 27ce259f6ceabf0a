"""A space file → what is searched, with located diagnostics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10, prod
from pathlib import Path
from typing import Final, Literal, TypeAlias

from archcompiler import shipped
from archcompiler.compiler import CompiledNetwork, compile_loaded
from archcompiler.config.extending import Apart, read_apart
from archcompiler.config.files import Files, Kind
from archcompiler.config.located import Located, merge
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import validate
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.search.axes import Axis, combined, read_axes
from archcompiler.search.model import NAMES, QuantityName, Space
from archcompiler.spec.bounds import EXAMPLE, Bound, parse_bounds, wrong_bounds
from archcompiler.spec.loader import SPECS, load_values
from archcompiler.spec.schema import key_names

SPACES: Final = Kind("space", shipped.SPACES, shipped.spaces)
MOST_VARIANTS: Final = 100_000
"""Variants of stages, which are compiled at a few milliseconds each, for each map that they get."""
MOST_SPECS: Final = 10**100
"""Nobody needs the number of more."""
Better: TypeAlias = Literal["less", "more"]


@dataclass(frozen=True)
class LoadedSpace:
    """A valid space: a spec that compiles, and what of it is varied."""

    name: str
    """What the specs that are written are called, with a number."""
    space: Space
    own: Located = field(repr=False)
    """The values of the file."""
    values: Located = field(repr=False)
    """Those of the spec that is changed."""
    extends: Located
    base: CompiledNetwork
    base_path: Path
    root: Path | None
    """What nothing that is extended may leave, where the command line says."""
    axes: tuple[Axis, ...]
    bounds: Mapping[QuantityName, tuple[Bound, ...]]
    """What the budget says of quantities, or else what the spec expects of its network."""
    better: Mapping[QuantityName, Better]
    """The objectives, in their order."""

    @property
    def size(self) -> int:
        """How many specs there are in the space."""
        return prod(len(axis.choices) for axis in self.axes)

    @property
    def variants(self) -> int:
        """How many variants of stages there are, each to be compiled at least once."""
        stages: dict[int | None, int] = {None: 1, **dict.fromkeys(range(self.stages), 1)}
        for axis in self.axes:
            stages[axis.stage] = stages.get(axis.stage, 1) * len(axis.choices)
        return stages.pop(None) * sum(stages.values())

    @property
    def stages(self) -> int:
        """Stages of the spec that is changed."""
        return len(self.base.spec.stages)

    def span(self, path: SpecPath) -> Span:
        return self.own.nearest(path)


def load_space(name: str | Path | Source, files: Files | None = None) -> LoadedSpace:
    """Read and check a space, given by its name, as a path or as a text.

    Raises CompileError with everything that is wrong with it, or with the spec that it extends.
    """
    files = files or Files()
    apart = read_apart(name, SPACES, SPECS, files)
    word = _shipped_word(apart.extends.value, apart.base_path)
    base = compile_loaded(load_values(apart.base, apart.base_source, (), word))
    space = validate(apart.own, Space, Wording("the space"))
    problems: list[Diagnostic] = []
    axes: tuple[Axis, ...] = ()
    node = apart.own.child("space")
    assert node is not None
    try:
        axes = read_axes(node, len(base.spec.stages))
        # That there are such places in the spec is so for all values, or for none.
        first = [(axis, axis.choices[0]) for axis in axes]
        merge(apart.base, combined(first, node.text))
        problems += _unknown(axes, apart, node)
    except CompileError as wrong:
        problems += wrong.diagnostics
    problems += [*_broken_budget(apart.own, space), *_broken_objective(apart.own, space)]
    if problems:
        raise CompileError(*dict.fromkeys(problems))
    stem = Path(apart.word or apart.source.name).stem
    loaded = LoadedSpace(
        space.name or _identifier(stem),
        space,
        apart.own,
        apart.base,
        apart.extends,
        base,
        apart.base_path,
        files.root,
        axes,
        dict(_bounds(space, base)),
        dict(_better(apart.own, space)),
    )
    if loaded.variants > MOST_VARIANTS or loaded.size > MOST_SPECS:
        raise CompileError(too_large(loaded, f"{_number(loaded.variants)} variants of stages"))
    return loaded


def _unknown(axes: Sequence[Axis], apart: Apart, space: Located) -> Iterator[Diagnostic]:
    """E201 for keys that no spec has, whatever else is chosen."""
    # What every stage has is wrong in all of them.
    for axis in {axis.key: axis for axis in reversed(axes)}.values():
        try:
            chosen = combined([(axis, axis.choices[0])], space.text)
            load_values(merge(apart.base, chosen), apart.base_source)
        except CompileError as wrong:
            written = (
                d for d in wrong.diagnostics if d.span and d.span.source is space.text.source
            )
            unknown = [d for d in written if d.code == "E201"]
            # Another type may have it, and a block of the spec has options of its own.
            keys = {step for step in axis.path if not step.isdecimal()}
            if unknown and not keys <= {*key_names(), *_keys(apart.base)}:
                yield unknown[0]


def _keys(node: Located) -> Iterator[str]:
    """Every key in a table, at any depth."""
    children = node.value
    if isinstance(children, dict):
        yield from children
        children = list(children.values())
    for child in children if isinstance(children, list) else ():
        yield from _keys(child)


def too_large(space: LoadedSpace, what: str) -> Diagnostic:
    """E803 for a space that has so much of something."""
    return error(
        "E803",
        f"the space is too large: it has {what}",
        space.span(("space",)),
        notes=(
            f"specs: {_number(space.size)}",
            f"variants of stages that are compiled: at most {MOST_VARIANTS:,}",
        ),
        help="give fewer values, above all to what acts on the whole network",
    )


def _number(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"more than 10^{int(log10(number))}"


def _shipped_word(extends: str, path: Path) -> str | None:
    """What the spec that is changed is called, if it is a shipped one."""
    return extends if shipped.specs().get(extends) == path else None


def _bounds(
    space: Space, base: CompiledNetwork
) -> Iterator[tuple[QuantityName, tuple[Bound, ...]]]:
    for name in NAMES:
        value = getattr(space.budget, name)
        if value is None and base.spec.expect is not None:
            value = getattr(base.spec.expect, name)
        found = () if value is None else parse_bounds(value)
        if found:
            yield name, found


def _better(own: Located, space: Space) -> Iterator[tuple[QuantityName, Better]]:
    """The objectives in the order of the text."""
    written = own.child("objective")
    keys = list(written.value) if written is not None else []
    for key in sorted(("minimise", "maximise"), key=lambda key: key in keys and keys.index(key)):
        for name in getattr(space.objective, key):
            yield name, "less" if key == "minimise" else "more"


def _broken_budget(own: Located, space: Space) -> Iterator[Diagnostic]:
    for name in NAMES:
        value = getattr(space.budget, name)
        message = None if value is None else wrong_bounds(name, value)
        if message is not None:
            yield error("E204", message, own.nearest(("budget", name)), help=EXAMPLE)


def _broken_objective(own: Located, space: Space) -> Iterator[Diagnostic]:
    objective = space.objective
    every = (*objective.minimise, *objective.maximise)
    if not every:
        message = "`objective` says of nothing whether less or more is better"
        help = 'for example `minimise = ["macs"]`'
        yield error("E204", message, own.nearest(("objective",)), help=help)
    twice = next((name for name in every if every.count(name) > 1), None)
    if twice is not None:
        message = f"`{twice}` is an objective twice"
        yield error("E204", message, own.nearest(("objective",)))


def _identifier(stem: str) -> str:
    """The name of networks for a file of any name."""
    words = "_".join(re.findall(r"[a-z0-9]+", stem.lower()))
    return words if words[:1].isalpha() else f"found_{words}".rstrip("_")
