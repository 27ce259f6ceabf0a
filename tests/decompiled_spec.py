"""Networks that were decompiled, each with the proof that its text is it."""

from __future__ import annotations

from typing import Any

import networkx as nx

from archcompiler.compiler import compile
from archcompiler.diagnostics import Source
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.decompile.decompiling import Decompiled, decompiled
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import isomorphism


def proved(made: Decompiled, view: nx.MultiDiGraph[str]) -> Decompiled:
    """What was made, once its text is read again and networkx says that it is the network."""
    again = compile(Source("made.toml", made.text, "toml"))
    assert isomorphism(live(dataflow(again.graph)), live(view)) is not None
    return made


def live(view: nx.MultiDiGraph[str]) -> nx.MultiDiGraph[str]:
    """A network in canonical form, without maps that are read for their sizes alone."""
    sinks = tuple(node for node in view if not view.out_degree(node))
    (output,) = view.graph.get("outputs", sinks[-1:])
    kept = canonical(view)
    return kept.subgraph({output, *nx.ancestors(kept, output)}).copy()


def again(spec: dict[str, Any]) -> Decompiled:
    network = compile(spec)
    view = dataflow(network.graph)
    return proved(decompiled(view, network.name), view)
