"""Which tensor of another implementation is which of the emitted file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archcompiler.backends.torch.stored import Stored
from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, Diagnostic, Source, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.foreign.canonical import canonical
from archcompiler.foreign.difference import first_difference
from archcompiler.foreign.folding import lacks_norms
from archcompiler.foreign.loading import Implementation
from archcompiler.foreign.matching import (
    Choice,
    TooSymmetric,
    Undecided,
    correspond,
    isomorphic,
)
from archcompiler.ir import Graph
from archcompiler.verify.comparing import dataflow
from archcompiler.verify.isomorphism import Dataflow
from archcompiler.verify.state import state_dict_shapes

COUNTER = "num_batches_tracked"
"""A buffer that inference does not read, and that old checkpoints have not: it may be missing."""


@dataclass(frozen=True)
class TensorMap:
    """Where each tensor of the emitted file comes from."""

    tensors: Mapping[str, Stored]
    """By the keys of the emitted `state_dict`; a counter of batches that they lack is left out."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of every key of the emitted `state_dict`."""
    choices: tuple[Choice, ...]


def named_dataflow(graph: Graph) -> Dataflow:
    """The graph as it is compared: each operator is called as the emitted file has it."""
    view = dataflow(graph)
    for node, data in view.nodes(data=True):
        data["called"] = node.replace("/", ".")
    return view


def tensor_map(
    network: CompiledNetwork, theirs: Implementation, pairs: Mapping[str, str] | None = None
) -> TensorMap:
    """Find the isomorphism of a network and an implementation, and read tensors off it.

    `pairs` are operators of ours, by their names in the emitted file, with submodules of theirs
    that they have to be. Raises CompileError: E901 if theirs cannot be traced, E902 if it is
    another network, E904 if names do not say which of several alike operators is which, E905 for
    a pair that cannot be.
    """
    graph = network.graph
    own = canonical(named_dataflow(graph), inference=True)
    other = canonical(theirs.dataflow(graph), inference=True)
    pinned = dict(_pinned(own, other, pairs or {}))
    try:
        found = correspond(own, other, pinned)
        if found is None and pinned and isomorphic(own, other):
            raise CompileError(_impossible(pairs or {}))
    except Undecided as undecided:
        raise CompileError(_undecided(undecided, theirs)) from None
    except TooSymmetric:
        raise CompileError(
            error("E904", f"`{theirs.said}` has too many operators that are alike", theirs.place)
        ) from None
    if found is None:
        raise CompileError(_another(network, theirs, own, other))
    shapes = state_dict_shapes(network)
    return TensorMap(dict(_tensors(own, other, found.pairs, shapes)), shapes, found.choices)


def _tensors(
    own: Dataflow, other: Dataflow, pairs: Mapping[str, str], shapes: Mapping[str, object]
) -> Mapping[str, Stored]:
    by_layer: dict[str, list[str]] = {}
    for key in shapes:
        by_layer.setdefault(key.rpartition(".")[0], []).append(key)
    found: dict[str, Stored] = {}
    for node, counterpart in pairs.items():
        theirs = other.nodes[counterpart].get("tensors") or {}
        for key in by_layer.get(own.nodes[node]["called"], ()):
            tensor = theirs.get(key.rpartition(".")[2])
            if tensor is not None:
                found[key] = tensor
    missing = [key for key in shapes if key not in found and not key.endswith(COUNTER)]
    # Labels are equal, and the readers of a label note all that it has.
    assert not missing, missing
    return found


def _pinned(own: Dataflow, other: Dataflow, pairs: Mapping[str, str]) -> Mapping[str, str]:
    pinned = {}
    for i, side in enumerate((own, other)):
        known = {data["called"] for _, data in side.nodes(data=True) if data.get("called")}
        for pair in pairs.items():
            if pair[i] not in known:
                guess = did_you_mean(pair[i], known)
                help = f"did you mean `{guess}`?" if guess else None
                where = "the emitted file" if side is own else "the other implementation"
                problem = f"{where} has no operator `{pair[i]}`"
                raise CompileError(error("E905", problem, _pair_span(pair, i), help=help))
    node = [
        {data["called"]: name for name, data in side.nodes(data=True) if data.get("called")}
        for side in (own, other)
    ]
    for ours, theirs in pairs.items():
        pinned[node[0][ours]] = node[1][theirs]
        labels = own.nodes[node[0][ours]]["label"], other.nodes[node[1][theirs]]["label"]
        if labels[0] != labels[1]:
            problem = f"`{ours}` and `{theirs}` are not the same operator"
            raise CompileError(error("E905", problem, _pair_span((ours, theirs), 0)))
    return pinned


def _pair_span(pair: tuple[str, str], side: int) -> Span:
    """One name of a pair: 0 is ours, 1 theirs."""
    start = len(f"{pair[0]}=") if side else 0
    return Span(Source("--pair", "=".join(pair), "toml"), start, start + len(pair[side]))


def _impossible(pairs: Mapping[str, str]) -> Diagnostic:
    said = " and ".join(f"`{a}={b}`" for a, b in pairs.items())
    return error("E905", f"no isomorphism has {said}", _pair_span(next(iter(pairs.items())), 0))


def _undecided(undecided: Undecided, theirs: Implementation) -> Diagnostic:
    ours, names = undecided.ours, undecided.theirs
    return error(
        "E904",
        f"nothing tells {len(ours)} operators of `{theirs.said}` apart, and their names do not say "
        "which is which",
        theirs.place,
        notes=(f"in the emitted file: {_listed(ours)}", f"there: {_listed(names)}"),
        help=f"say it with `--pair {ours[0]}={names[0]}`, or another of these",
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _another(
    network: CompiledNetwork, theirs: Implementation, own: Dataflow, other: Dataflow
) -> Diagnostic:
    first = first_difference(own, other)
    notes = []
    if first is None:
        notes.append("the operators are the same, but their results are used differently")
    else:
        nothing = "nothing more"
        notes.append(f"first, theirs has {first.theirs or nothing}")
        notes.append(f"where the spec has {first.ours or nothing}")
    if lacks_norms(own, other):
        notes.append(
            "it has fewer batch norms: where an exporter has folded them (torch.onnx does unless "
            "`optimize=False`), their weights are in no file any more"
        )
    return error(
        "E902",
        f"`{theirs.said}` is another network than `{network.name}`",
        theirs.place,
        notes=notes,
        help=f"`archcompiler audit {theirs.said} {network.name}` says in what they differ",
    )
