"""Weights of another implementation for an emitted file: found, checked by logits, written."""

from __future__ import annotations

import io
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from archcompiler.compiler import CompiledNetwork
from archcompiler.diagnostics import CompileError, error
from archcompiler.foreign.checkpoint import OPTION, as_ours, read_theirs
from archcompiler.foreign.loading import Implementation, others_code
from archcompiler.foreign.mapping import tensor_map
from archcompiler.foreign.matching import Choice
from archcompiler.runner.export.weights import tensors_bytes
from archcompiler.runner.store.layouts import known, renamed
from archcompiler.runner.store.weights import (
    option_place,
    read_weights,
    require_all,
    with_counters,
)
from archcompiler.verify.inference import apart

TOLERANCE: Final = 1e-6
"""Of a logit in float64, as a share of the largest one."""


@dataclass(frozen=True)
class Transfer:
    """The `state_dict` of an emitted file, and how it was come by."""

    network: CompiledNetwork
    tensors: Mapping[str, Tensor] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    """Theirs by ours."""
    choices: tuple[Choice, ...] = ()
    """Where a symmetry left one, and names decided."""
    unused: tuple[str, ...] = ()
    """Tensors of theirs that the network does not read."""
    deviation: float | None = None
    """Of logits in float64, as a share of the largest one; None where there is no code to ask."""
    layout: str | None = None
    """The network that a table of names has it for."""

    def as_bytes(self, suffix: str) -> bytes:
        """The file of these tensors: safetensors, or what `torch.save` writes for `.pt`, `.pth`."""
        if suffix == ".safetensors":
            return tensors_bytes(self.tensors, {"network": self.network.name})
        file = io.BytesIO()
        torch.save(dict(self.tensors), file)
        return file.getvalue()


def transfer(
    network: CompiledNetwork,
    theirs: Implementation,
    checkpoint: Path | None = None,
    pairs: Mapping[str, str] | None = None,
) -> Transfer:
    """The weights of an implementation, or of a `checkpoint` of it, for the emitted file.

    Both networks are run on the same random image in float64. Raises CompileError: as `tensor_map`
    and `read_theirs` do, and E906 if their logits are further apart than `TOLERANCE`.
    """
    found = tensor_map(network, theirs, pairs)
    own = theirs.module.state_dict()
    used = {stored.name: key for key, stored in found.tensors.items()}
    tensors = own if checkpoint is None else read_theirs(checkpoint, own, used)
    ours = as_ours(found, tensors)
    return Transfer(
        network,
        ours,
        {key: stored.name for key, stored in found.tensors.items()},
        found.choices,
        tuple(name for name in own if name not in used),
        _deviation(network, ours, theirs, tensors),
    )


def transfer_by_name(network: CompiledNetwork, layout: str, checkpoint: Path) -> Transfer:
    """The weights of a checkpoint whose names a table knows; see `runner.store.layouts`.

    There is no code to compare logits with. Raises CompileError: E706 or E751 if it cannot be read,
    E750 if it has other weights, E752 if the table is for other networks.
    """
    place = option_place(checkpoint, OPTION)
    name, table = known(layout, network, place)
    with torch.device("meta"):
        wanted = network.module().state_dict()
    read = read_weights(checkpoint, OPTION)
    names = {key: table.name_of(key) or key for key in wanted}
    tensors = with_counters(renamed(read.tensors, table, tuple(wanted)), wanted)
    require_all(place, tensors, wanted, network.name)
    return Transfer(network, {key: tensors[key] for key in wanted}, names, layout=name)


def _deviation(
    network: CompiledNetwork,
    ours: Mapping[str, Tensor],
    theirs: Implementation,
    tensors: Mapping[str, Tensor],
) -> float:
    """How far logits are apart, as a share of the largest. Raises CompileError E906."""
    module = network.module().double().eval()
    module.load_state_dict(dict(ours))
    x = network.graph.input
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, x.channels, *x.size, dtype=torch.float64, generator=generator)
    with torch.inference_mode():
        with others_code(theirs.place, "it cannot be run in float64"):
            other = deepcopy(theirs.module).double().eval()
            other.load_state_dict(dict(tensors), strict=False)
            wanted = _logits(other, image)
        found = module(image)
    deviation = apart(wanted.reshape(found.shape), found)
    # Not the other way round: what is no number is no agreement.
    if not deviation <= TOLERANCE:
        raise CompileError(
            error(
                "E906",
                f"`{network.name}` gives other logits than `{theirs.said}` with these weights",
                theirs.place,
                notes=(f"they differ by {deviation:.1e} of the largest, in float64",),
            )
        )
    return deviation


def _logits(module: nn.Module, image: Tensor) -> Tensor:
    """What a module returns, alone or in a table or a list."""
    (logits,) = (leaf for leaf in tree_leaves(module(image)) if isinstance(leaf, Tensor))
    return logits
