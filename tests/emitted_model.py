"""A model of a shipped network that is like a trained one: for tests of what is emitted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from archcompiler.compiler import CompiledNetwork
from archcompiler.emit.load import load_module

CLOSE = {"rtol": 1e-3, "atol": 1e-3}
"""For float32 logits of unit scale from two programs that add in a different order."""
BATCH_NORMS = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
SIDES = {1: 1024, 2: 64, 3: 64}
"""Of what a model is tried on, at most, by the number of axes: more shows nothing else."""


def loss(logits: Tensor) -> Tensor:
    """Weighted, because a plain sum behind BN has no gradient."""
    weights = torch.linspace(-1, 1, logits.numel()).reshape(logits.shape)
    return (logits * weights).sum()


@dataclass
class Emitted:
    """One spec's emitted module, and a model of it that is like a trained one."""

    network: CompiledNetwork

    @cached_property
    def namespace(self) -> Any:
        return load_module(self.network.name, self.network.source)

    @cached_property
    def x(self) -> Tensor:
        channels, *sides = self.network.spec.input
        generator = torch.Generator().manual_seed(1)
        most = SIDES[len(sides)]
        if self.deep and sides[0] <= 32:
            most //= 4
        return torch.randn(2, channels, *(min(side, most) for side in sides), generator=generator)

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """Weights and statistics that are not the initial ones, with logits of unit scale."""
        torch.manual_seed(0)
        model = getattr(self.namespace, self.network.name)()
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, BATCH_NORMS):
                    module.weight.uniform_(0.5, 1.5)
                    module.bias.normal_(std=0.2)
            for module in model.modules():
                if isinstance(module, BATCH_NORMS):
                    module.momentum = 1.0
            # Units near the identity: hundreds of random layers would blow rounding errors up.
            for name, weight in model.named_parameters():
                if name.endswith(("conv3.weight", "mask.conv2.weight")):
                    weight *= 0.3
            # The statistics are those of this batch: with fewer images, a channel that hardly
            # varies on the smallest maps would blow rounding errors up.
            model.train()(torch.randn(16, *self.x.shape[1:]))
            for module in model.modules():
                if isinstance(module, BATCH_NORMS):
                    module.running_mean += (
                        0.1 * module.running_var.sqrt() * torch.randn(module.num_features)
                    )
            logits = model.eval()(self.x)
            model.head.classifier.weight /= logits.std()
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def model(self, **overrides: float) -> Any:
        """A new model with the weights of `state`, in eval mode."""
        model = self.empty(**overrides)
        model.load_state_dict({n: t.clone() for n, t in self.state.items()}, assign=True)
        return model.eval()

    @cached_property
    def ready(self) -> Any:
        """Such a model, shared by the tests that leave it as it is."""
        return self.model()

    def empty(self, **overrides: float) -> Any:
        with torch.device("meta"):
            return getattr(self.namespace, self.network.name)(**overrides)

    @cached_property
    def logits(self) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self.ready(self.x)
        assert logits.isfinite().all()
        assert logits.std() > 0.5
        assert (logits[0] - logits[1]).abs().max() > 0.02, "the logits ignore the image"
        return logits

    def assert_close(self, logits: Tensor) -> None:
        """For logits of `x` from a program that adds in another order.

        A deep network of random weights may be ill-conditioned, naive learning above all, so the
        bound grows with the error of float32 itself against float64.
        """
        torch.testing.assert_close(logits, self.logits, rtol=1e-3, atol=1e-3 + 5 * self.rounding)

    @cached_property
    def rounding(self) -> float:
        """The error of the logits in float32."""
        with torch.no_grad():
            exact = self.model().double()(self.x.double())
        rounding = float((self.logits - exact).abs().max())
        assert rounding < 0.1, "too ill-conditioned to compare programs"
        return rounding

    @cached_property
    def deep(self) -> bool:
        """Whether exporters take minutes for it."""
        return self.network.graph.root.operator_count > 700

    @property
    def any_size(self) -> bool:
        """Whether export is tried with any height and width.

        Of one axis or three, torch 2.13 does not solve the inequalities of pools within pools.
        """
        return not self.deep and self.x.dim() == 4

    @cached_property
    def exported(self) -> torch.export.ExportedProgram:
        """Exported for any batch and, if `any_size`, any height and width."""
        dynamic = torch.export.Dim.DYNAMIC
        axes = range(2, self.x.dim()) if self.any_size else ()
        dims = dict.fromkeys((0, *axes), dynamic)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(self.model(), (self.x,), dynamic_shapes={"x": dims})
