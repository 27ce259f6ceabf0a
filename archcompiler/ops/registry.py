"""Operators by name: those built in, and those that other packages register.

Each is imported when its name is asked for: a start need not wait for the classes of all, and a
broken outside package touches no spec that does not use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from archcompiler.diagnostics import CompileError, error
from archcompiler.ops.base import Operator

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from archcompiler.diagnostics import Span

GROUP = "archcompiler.operators"
"""Entry points of this group are subclasses of `Operator`, each under its `kind`."""
_KINDS: Final = {
    "activation": (
        *("elu", "gelu", "hardsigmoid", "hardswish", "identity", "leaky_relu", "mish", "prelu"),
        *("relu", "relu6", "sigmoid", "silu", "softplus", "tanh"),
    ),
    "arithmetic": ("div", "shift", "sqrt", "sub"),
    "attend": ("attend", "bilinear_pool", "dot"),
    "blur": ("blur_pool",),
    "channelwise": ("affine", "channel_conv", "gain", "layer_scale", "scale"),
    "conv": ("conv",),
    "conv_transpose": ("conv_transpose",),
    "join": ("add", "concat", "gate", "maximum", "mul"),
    "linear": ("linear",),
    "norm": ("batch_norm", "channel_norm", "group_norm", "layer_norm", "spatial_norm"),
    "pixel_shuffle": ("pixel_shuffle", "pixel_unshuffle"),
    "pool": ("avg_pool", "max_pool"),
    "reduce": ("reduce", "softmax"),
    "regularise": ("drop_path", "dropout"),
    "resize": ("interpolate", "upsample"),
    "split": ("flatten", "part", "shuffle", "take", "transpose"),
    "whole_pool": ("adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool"),
}
FAMILIES: Final = {kind: family for family, kinds in sorted(_KINDS.items()) for kind in kinds}
"""The module of each built-in operator, by its kind: here, and in every back end."""


@cache
def operators() -> Mapping[str, type[Operator]]:
    """The built-in operators by kind, in alphabetical order."""
    return MappingProxyType({kind: _family(FAMILIES[kind])[kind] for kind in sorted(FAMILIES)})


def built_in(name: str) -> type[Operator] | None:
    """The built-in operator of a name; None if there is none."""
    return _family(FAMILIES[name])[name] if name in FAMILIES else None


@cache
def _family(name: str) -> Mapping[str, type[Operator]]:
    """The operators of a module by kind."""
    values = vars(import_module(f"archcompiler.ops.{name}")).values()
    return {
        value.kind: value
        for value in values
        if isinstance(value, type) and issubclass(value, Operator) and "kind" in vars(value)
    }


def operator_names() -> tuple[str, ...]:
    """Every name that a step may have as its operator; nothing is loaded."""
    return tuple(sorted({*FAMILIES, *_outside()}))


def operator(name: str, span: Span | None = None) -> type[Operator]:
    """The operator of a name. Raises KeyError if there is none.

    Raises CompileError E315, at `span`, if the package that registers the name cannot be used.
    """
    return built_in(name) or _load(name, _outside()[name], span)


def find_operator(name: str) -> type[Operator] | None:
    """The operator of a name, as `operator` finds it; None if there is none."""
    return operator(name) if name in FAMILIES or name in _outside() else None


@cache
def _outside() -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points by name, without those of built-in operators."""
    # An import that takes longer than all of this package's.
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.value):
        if point.name not in FAMILIES:
            found[point.name] = (*found.get(point.name, ()), point)
    return found


def _load(name: str, points: tuple[EntryPoint, ...], span: Span | None) -> type[Operator]:
    """The one operator that is registered under a name."""
    first = points[0]
    if len({point.value for point in points}) > 1:
        both = " and ".join(_words(point) for point in points)
        raise _broken(f"two packages register the operator `{name}`", both, span)
    try:
        loaded = first.load()
    except Exception as exc:
        # Whatever an outside package does wrong is said of it, by name.
        reason = f"{type(exc).__name__}: {exc}".splitlines()[0]
        raise _broken(
            f"operator `{name}` cannot be loaded", f"{_words(first)}: {reason}", span
        ) from exc
    if not (isinstance(loaded, type) and issubclass(loaded, Operator)):
        raise _broken(f"`{name}` is registered, but is no operator", _words(first), span)
    kind = getattr(loaded, "kind", None)
    if kind != name:
        message = f"the operator registered as `{name}` calls itself `{kind}`"
        raise _broken(message, _words(first), span)
    return loaded


def _words(point: EntryPoint) -> str:
    package = f"package {point.dist.name}" if point.dist is not None else "a package"
    return f"{package}, entry point `{point.name} = {point.value}`"


def _broken(message: str, where: str, span: Span | None) -> CompileError:
    return CompileError(error("E315", message, span, notes=(where,)))
