"""The checkpoint of another implementation, tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archcompiler.diagnostics import CompileError, Diagnostic, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.foreign.mapping import COUNTER, TensorMap
from archcompiler.runner.store.contents import kind
from archcompiler.runner.store.weights import (
    alike,
    option_place,
    read_weights,
    wrapper_prefix,
)

OPTION = "--checkpoint"


def read_theirs(
    path: Path, wanted: Mapping[str, Tensor], used: Mapping[str, Any]
) -> dict[str, Tensor]:
    """The tensors of a checkpoint that are `wanted`, those of a module's `state_dict`.

    `used` are the ones that the module's network needs: others may be missing, as may a count of
    batches. Raises CompileError: E706 or E751 if it cannot be read, E903 for each tensor that is
    missing, of another shape, or of no layer.
    """
    tensors = read_weights(path, OPTION).tensors
    problems = list(_problems(tensors, wanted, used, option_place(path, OPTION)))
    if problems:
        raise CompileError(*problems)
    return {name: tensors[name] for name in wanted if name in tensors}


def as_ours(tensor_map: TensorMap, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The emitted file's `state_dict` from the tensors of the other implementation.

    A count of batches that is not there is 0. Where theirs uses one tensor twice, ours has two.
    """
    ours: dict[str, Tensor] = {}
    for key, shape in tensor_map.shapes.items():
        stored = tensor_map.tensors.get(key)
        if stored is None or (key.endswith(COUNTER) and stored.name not in tensors):
            ours[key] = torch.zeros(shape, dtype=torch.int64)
        else:
            ours[key] = stored.of(tensors[stored.name]).clone()
        assert tuple(ours[key].shape) == shape, (key, stored)
    return ours


def _problems(
    found: Mapping[str, Tensor],
    wanted: Mapping[str, Tensor],
    used: Mapping[str, Any],
    place: Span,
) -> Iterator[Diagnostic]:
    prefix = wrapper_prefix(found, wanted)
    if prefix:
        wrapped = "save the `state_dict()` of the network itself, not of what it is wrapped in"
        yield error("E903", f"every tensor's name begins with `{prefix}`", place, help=wrapped)
        return
    missing = [n for n in wanted if n not in found and n in used and not n.endswith(COUNTER)]
    unexpected = [n for n in found if n not in wanted]
    for name in missing:
        fitting = [other for other in unexpected if found[other].shape == wanted[name].shape]
        guess = did_you_mean(name, fitting)
        help = f"`{guess}` may be meant, which has its shape" if guess else None
        yield error("E903", f"the checkpoint has no `{name}`", place, help=help)
    for name in wanted:
        if name in found and not alike(found[name], wanted[name]):
            told = f"`{name}` is {kind(found[name])}, not {kind(wanted[name])}"
            yield error("E903", told, place)
    for name in unexpected:
        guess = did_you_mean(name, wanted)
        help = f"did you mean `{guess}`?" if guess else None
        yield error("E903", f"the module has no `{name}`", place, help=help)
