"""The least time that a network's arithmetic and memory traffic take on a named accelerator."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from archcompiler.analysis.total import Cost
from archcompiler.diagnostics import CompileError, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.ops.cost import BYTES

Precision = Literal["half", "single"]
PRECISIONS: dict[Precision, int] = {"half": 2, "single": 4}
"""Bytes of a number."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """As its maker states it."""

    name: str
    title: str
    half: float
    """Peak in FLOP/s of matrix units on 16-bit floats, without sparsity."""
    single: float
    """Peak in FLOP/s on float32."""
    bandwidth: float
    """B/s to its own memory."""
    memory: int
    """GB of 2³⁰ bytes, some of which its driver takes."""
    source: str
    devices: tuple[str, ...] = ()
    """What its driver calls it."""
    tf32: float | None = None
    """Peak in FLOP/s of matrix units on float32 rounded to TF32, if it has such."""
    bfloat16: bool = True
    """Whether it computes with these, as GPUs since 2020 do."""

    def peak(self, precision: Precision) -> float:
        return self.half if precision == "half" else self.single

    def ridge(self, precision: Precision) -> float:
        """FLOP per byte from which arithmetic is the bound."""
        return self.peak(precision) / self.bandwidth


@dataclass(frozen=True, slots=True)
class Roofline:
    """One network on one accelerator, per image at batch 1, every operator by itself."""

    accelerator: Accelerator
    precision: Precision
    intensity: float
    """FLOP per byte in inference."""
    inference_s: float
    training_s: float
    """Forward and backward pass; the optimiser's step is not in it."""

    @property
    def bound(self) -> Literal["arithmetic", "memory"]:
        ridge = self.accelerator.ridge(self.precision)
        return "arithmetic" if self.intensity >= ridge else "memory"


def roofline(cost: Cost, accelerator: Accelerator, precision: Precision) -> Roofline:
    narrowing = PRECISIONS[precision] / BYTES
    peak, bandwidth = accelerator.peak(precision), accelerator.bandwidth

    def least_time(macs: int, moved: int) -> float:
        return max(2 * macs / peak, narrowing * moved / bandwidth)

    return Roofline(
        accelerator,
        precision,
        cost.intensity / narrowing,
        least_time(cost.macs, cost.bytes_moved),
        least_time(cost.train_macs, cost.train_bytes_moved),
    )


@cache
def accelerators() -> dict[str, Accelerator]:
    """Every accelerator in `data/accelerators.toml` by name."""
    text = files("archcompiler.data").joinpath("accelerators.toml").read_text(encoding="utf-8")
    return {
        name: Accelerator(name, **fields | {"devices": tuple(fields["devices"])})
        for name, fields in tomllib.loads(text).items()
    }


def accelerator(name: str) -> Accelerator:
    """The accelerator called `name`. Raises CompileError E501, which lists the known ones."""
    known = accelerators()
    if name.lower() not in known:
        guess = did_you_mean(name.lower(), known)
        raise CompileError(
            error(
                "E501",
                f"no accelerator is called `{name}`",
                notes=(f"known: {', '.join(known)}",),
                help=f"did you mean `{guess}`?" if guess else None,
            )
        )
    return known[name.lower()]
