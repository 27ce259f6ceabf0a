"""A network of others as the shortest spec that is found, which is proved to be it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from archcompiler.compiler import CompiledNetwork, compile
from archcompiler.diagnostics import CompileError, Severity, error
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.decompile.fitting import Fitter
from archcompiler.foreign.decompile.flow import Colours, Flow, Unsayable, as_flow
from archcompiler.foreign.decompile.found import Finder
from archcompiler.foreign.decompile.layout import Table
from archcompiler.foreign.decompile.parsing import Parse, Parser
from archcompiler.foreign.decompile.rows import Row, rows
from archcompiler.foreign.decompile.saying import Words, said, words
from archcompiler.foreign.decompile.trial import Call, Trials
from archcompiler.foreign.decompile.writing import spec_of, spec_text
from archcompiler.foreign.matching import TooSymmetric, isomorphic
from archcompiler.language.library import Library
from archcompiler.language.target import Dialect
from archcompiler.language.use import Reference
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import Dataflow


@dataclass(frozen=True)
class Decompiled:
    """A spec that has been proved to be a network."""

    text: str
    """The spec as TOML."""
    values: Table = field(repr=False)
    network: CompiledNetwork = field(repr=False)
    operators: int

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks of the spec's own."""
        return tuple(self.values.get("blocks", ()))


def decompiled(view: Dataflow, name: str) -> Decompiled:
    """The spec of a traced network, called `name`.

    Raises Unsayable for an operator that no spec can say, and NotProved if every spec that was
    made is another network.
    """
    flow = as_flow(canonical(view))
    for values in _specs(flow, name):
        network = _proved(values, flow)
        if network is not None:
            return Decompiled(spec_text(values), values, network, len(flow.order) - 1)
    raise NotProved


class NotProved(Exception):
    """No spec that was made computes what it should."""


def _specs(flow: Flow, name: str) -> Iterator[Table]:
    """Specs from the shortest that is found to one that says every operator."""
    meant = words({node: said(flow, node) for node in flow.order if node != flow.input})
    row = rows(flow)
    for short in (True, False):
        parse = _parse(flow, row, meant, short)
        if parse is not None:
            yield spec_of(parse, flow, row, meant, name, {})


def _parse(flow: Flow, row: Row, meant: Words, short: bool) -> Parse | None:
    trials = Trials(_dialect(flow, meant, Library()), Colours())
    masks = trials.library.names("blocks", "mask")
    fitter = Fitter(trials, masks)
    finder = Finder(flow, row, fitter, meant)
    units = finder.units() if short else {}
    calls = dict.fromkeys(unit.call for own in units.values() for unit in own)
    gated = finder.gated(list(calls)) if short else {}
    y = flow.type(flow.output)
    return Parser(finder, units, gated, y.channels, y.pixels == 1, short).best()


def _dialect(flow: Flow, meant: Words, library: Library) -> Dialect:
    def reference(table: Table, otherwise: str) -> Reference:
        options = {key: value for key, value in table.items() if key != "op"}
        return Reference(table.get("op", otherwise), options)

    dims = flow.type(flow.input).dims
    return Dialect(library, dims, reference(meant.norm, "none"), reference(meant.act, "relu"))


def _proved(values: Table, flow: Flow) -> CompiledNetwork | None:
    """The network of a spec, if it is valid and computes the same."""
    try:
        network = compile(values)
        own = as_flow(canonical(dataflow(network.graph)))
        return network if isomorphic(own.view, flow.view) else None
    except (CompileError, TooSymmetric):
        return None


__all__ = ["Call", "Decompiled", "NotProved", "Severity", "Unsayable", "decompiled", "error"]
