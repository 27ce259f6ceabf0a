"""What a checkpoint holds, as a model that any file is checked against before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    InstanceOf,
    Json,
    TypeAdapter,
    ValidationError,
)
from torch import Tensor, nn


class BadCheckpointError(Exception):
    """A file is no checkpoint, or no longer the one that was written."""


def _plain(tensor: Tensor) -> Tensor:
    """A tensor of numbers in memory that is as large as it says."""
    if type(tensor) is not Tensor or tensor.layout is not torch.strided:
        raise ValueError("it should be a plain tensor")
    if tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
        raise ValueError("it should be a plain tensor")
    if tensor.nbytes > tensor.untyped_storage().nbytes():
        raise ValueError("it has more elements than are there")
    return tensor


def _triples(tensor: Tensor) -> Tensor:
    if tensor.dim() != 2 or tensor.shape[1] != 3 or not tensor.is_floating_point():
        raise ValueError("it should be rows of three numbers")
    return tensor


def _scaler(state: dict[str, float]) -> dict[str, float]:
    wanted = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}
    if state and state.keys() != wanted:
        raise ValueError("it should be the state of a gradient scaler, or empty")
    return state


Natural = Annotated[int, Field(ge=0, le=1_000_000_000)]
Plain = Annotated[InstanceOf[Tensor], AfterValidator(_plain)]
Tensors = dict[str, Plain]


class Best(BaseModel):
    """See `engine.state.Best`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    accuracy: float
    iteration: Natural
    loss: float | None = None


class Layout(BaseModel):
    """See `TrainingState.contents` and `fingerprint` for what they mean."""

    model_config = ConfigDict(strict=True)

    iteration: Natural
    model: Tensors
    parameters: Tensors
    momentum: Tensors
    moments: dict[str, Tensors] = {}
    buffers: list[Tensors]
    averaged_buffers: list[Tensors]
    scaler: Annotated[dict[str, float], AfterValidator(_scaler)]
    evaluation_due: bool
    best: Best | None
    pending: Annotated[Plain, AfterValidator(_triples)]
    spec_sha256: str
    recipe: Json[dict[str, Any]]
    images: Natural
    data_sha256: str = ""
    classes: list[str] = []
    processes: Annotated[int, Field(ge=1)]
    strategy: str | None
    initial: dict[str, Any] | None = None
    """See `Beginning.record`."""


def require_whole(contents: Mapping[str, Any]) -> None:
    """Raise BadCheckpointError unless every part is there and of its kind."""
    try:
        Layout.model_validate(contents)
    except ValidationError as exc:
        raise BadCheckpointError(_first(exc)) from None


def require_tensors(values: Any) -> Tensors:
    """`values` as tensors by name. Raises BadCheckpointError if they are anything else."""
    try:
        return TypeAdapter(Tensors).validate_python(values, strict=True)
    except ValidationError as exc:
        raise BadCheckpointError(f"it is no table of tensors: {_first(exc)}") from None


def _first(exc: ValidationError) -> str:
    first = exc.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"`{place[:100]}`: {_lower(first['msg'])}" if place else _lower(first["msg"])


def require_fit(contents: Mapping[str, Any], network: nn.Module) -> None:
    """Raise BadCheckpointError unless every weight of a network is there, and of its shape."""
    state = network.state_dict()
    parameters = dict(network.named_parameters())
    buffers = {name: state[name] for name in state if name not in parameters}
    _require("model", contents["model"], state)
    if contents["parameters"]:
        _require("parameters", contents["parameters"], parameters)
    for key in ("buffers", "averaged_buffers"):
        for i, own in enumerate(contents[key]):
            _require(f"{key}.{i}", own, buffers)
    momentum = contents["momentum"]
    _require("momentum", momentum, {n: p for n, p in parameters.items() if n in momentum})
    for slot, found in contents.get("moments", {}).items():
        # Steps are counted by one number.
        like = {n: p.new_zeros(()) for n, p in parameters.items()} if slot == "step" else parameters
        _require(f"moments.{slot}", found, {n: t for n, t in like.items() if n in found})


def _require(part: str, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    for name in [*wanted, *found]:
        if name not in found:
            raise BadCheckpointError(f"`{part}` has no `{name}`")
        if name not in wanted:
            raise BadCheckpointError(f"`{part}` has `{name}`, which the network has not")
        a, b = found[name], wanted[name]
        if a.shape != b.shape or a.is_floating_point() != b.is_floating_point():
            raise BadCheckpointError(f"`{part}` has `{name}` as {kind(a)}, not {kind(b)}")


def kind(tensor: Tensor) -> str:
    """64×3×7×7 float32"""
    shape = "×".join(map(str, tensor.shape)) or "one"
    return f"{shape} {str(tensor.dtype).removeprefix('torch.')}"


def _lower(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
