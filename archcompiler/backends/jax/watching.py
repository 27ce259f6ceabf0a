"""Calls that operators are read from whole, bound as primitives of JAX while a module is traced."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType, NoneType
from typing import Any
from unittest.mock import patch

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jax.extend.core import JaxprEqn, Primitive

from archcompiler.backends.jax.flat import flatten
from archcompiler.backends.jax.record import JaxOp
from archcompiler.backends.record import Helper, helpers

_GLOBALS = {"jax": jax, "jnp": jnp, "lax": lax, "nnx": nnx, "Array": jax.Array}
"""What the source of a helper may use of the file around it."""
_operator = Primitive("operator")
_operator.multiple_results = True


@dataclass(frozen=True, eq=False)
class Bound:
    """One call, with what stands for its arrays."""

    name: str
    target: object
    """What readers know: the class of a module, a function, or the name of a helper."""
    rest: Callable[[Sequence[Any]], tuple[tuple[Any, ...], dict[str, Any]]]
    results: tuple[Any, ...]
    """Abstract arrays."""
    module: nnx.Module | None = None
    path: str | None = None

    @property
    def training(self) -> bool | None:
        return in_training(self.module)

    def arguments(self, arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments for these arrays, after the module where it is one that is called."""
        arguments, options = self.rest(arrays)
        return (arguments if self.module is None else (self.module, *arguments)), options


def in_training(module: nnx.Module | None) -> bool | None:
    """Whether a module is in training, as `train` and `eval` have it; None if it has no mode."""
    flags = [getattr(module, name, None) for name in ("deterministic", "use_running_average")]
    modes = {not flag for flag in flags if isinstance(flag, bool)}
    return modes.pop() if len(modes) == 1 else None


def _results(*arrays: Any, call: Bound) -> list[Any]:
    return [jax.core.ShapedArray(result.shape, result.dtype) for result in call.results]


_operator.def_abstract_eval(_results)


def bound(equation: JaxprEqn) -> Bound | None:
    """The call that an equation of a jaxpr stands for; None for one of JAX's own."""
    call = equation.params["call"] if equation.primitive is _operator else None
    return call if isinstance(call, Bound) else None


class Watch:
    """Has the calls that readers know bound whole."""

    def __init__(
        self,
        module: nnx.Module,
        table: Iterable[JaxOp],
        targets: Iterable[object],
        dims: int,
        found: dict[Any, Any],
    ) -> None:
        parts = list(nnx.iter_modules(module))
        self._paths = {id(part): ".".join(map(str, path)) for path, part in parts}
        self._targets = set(targets)
        self._inside = False
        self._found = found
        """Abstract results of calls, by what they follow from: a network has few that differ."""
        self.changed: set[str] = set()
        """Names of helpers by which the module's files have something else."""
        self._meant: dict[Any, Any] = {}
        """What stands in a file in place of a function, and that function."""
        known = [flatten(dims), *(helper for record in table for helper in helpers(record, dims))]
        self._helpers = {helper.name: helper for helper in known if helper.name in self._targets}
        names = {type(part).__module__ for _, part in parts}
        files = (sys.modules.get(name) for name in sorted(names) if not name.startswith("flax."))
        self._files = [file for file in files if isinstance(file, ModuleType)]

    @contextmanager
    def on(self) -> Iterator[None]:
        """Until the end, calls are bound."""
        with ExitStack() as stack:
            for target in self._targets:
                if isinstance(target, type):
                    stack.enter_context(self._class(target, target))
            for file in self._files:
                names = vars(file)
                changed: dict[str, Any] = {}
                for name, helper in self._helpers.items():
                    value = names.get(name)
                    if value is None:
                        continue
                    if not same(value, helper, names):
                        self.changed.add(name)
                        continue
                    if isinstance(value, type):
                        stack.enter_context(self._class(value, name))
                    else:
                        changed[name] = self._function(value, name)
                for name, meant in _GLOBALS.items():
                    if names.get(name) is meant and isinstance(meant, ModuleType):
                        changed[name] = _Namespace(meant, self)
                stack.enter_context(patch.dict(names, changed))
            yield

    def _class(self, cls: Any, target: object) -> Any:
        """A context in which calls of the modules of a class, and of none below it, are bound."""
        real = cls.__call__

        @functools.wraps(real)
        def call(module: nnx.Module, *arguments: Any, **options: Any) -> Any:
            if self._inside or type(module) is not cls:
                return real(module, *arguments, **options)
            return self._bind(target, real, arguments, options, module)

        return patch.object(cls, "__call__", call)

    def _function(self, real: Callable[..., Any], target: object) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*arguments: Any, **options: Any) -> Any:
            if self._inside:
                return real(*arguments, **options)
            return self._bind(target, real, arguments, options)

        self._meant[call] = real
        return call

    def function(self, real: Any) -> Any:
        """What stands for a function of JAX: itself, if no reader knows it."""
        if real is nnx.remat:
            return _made_again
        try:
            known = real in self._targets
        except TypeError:
            return real
        return self._function(real, real) if known and not isinstance(real, type) else real

    def _bind(
        self,
        target: object,
        real: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        module: nnx.Module | None = None,
    ) -> Any:
        leaves, tree = jax.tree.flatten((arguments, dict(options)))
        leaves = [self._meant.get(leaf, leaf) if callable(leaf) else leaf for leaf in leaves]
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)]

        def rest(arrays: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
            filled = list(leaves)
            for place, array in zip(places, arrays, strict=True):
                filled[place] = array
            given: tuple[tuple[Any, ...], dict[str, Any]] = jax.tree.unflatten(tree, filled)
            return given

        def run(*parts: Any) -> Any:
            given = rest(parts if module is None else parts[1:])
            first = () if module is None else parts[:1]
            return real(*first, *given[0], **given[1])

        arrays = [leaves[i] for i in places]
        like = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]
        statics = tuple(leaf for i, leaf in enumerate(leaves) if i not in places)
        key = (target, _likeness(module), statics, tuple(places), tree, tuple(like))
        found = self._found.get(key)
        if found is None:
            self._inside = True
            try:
                found = nnx.eval_shape(run, module, *like) if module else jax.eval_shape(run, *like)
            finally:
                self._inside = False
            self._found[key] = found
        results, shape = jax.tree.flatten(found)
        path = None if module is None else self._paths.get(id(module))
        name = getattr(target, "__name__", None) or str(target)
        call = Bound(name, target, rest, tuple(results), module, path)
        return jax.tree.unflatten(shape, _operator.bind(*arrays, call=call))


def _made_again(block: Callable[..., Any]) -> Callable[..., Any]:
    """What `nnx.remat` makes of a function computes the same, with one more forward pass."""
    return block


def _likeness(module: nnx.Module | None) -> object:
    """What two modules of one class share that give arrays of one shape for arrays of one."""
    if module is None:
        return None
    found = []
    for name, value in sorted(vars(module).items()):
        if isinstance(value, nnx.Variable):
            found.append((name, value.shape, value.dtype))
        elif isinstance(value, bool | int | float | str | tuple | NoneType | FunctionType):
            found.append((name, value, type(value)))
        elif not name.startswith("_pytree__"):
            return id(module)  # of another kind: it is like itself
    return tuple(found)


class _Namespace:
    """A package of JAX, with what stands for its functions in place of them."""

    def __init__(self, package: ModuleType, watch: Watch) -> None:
        self._package, self._watch = package, watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._package, name)
        if isinstance(value, ModuleType):
            return _Namespace(value, self._watch)
        return self._watch.function(value)


def same(value: Any, helper: Helper, names: Mapping[str, Any]) -> bool:
    """Whether a class or function has the source of the helper, and all in it is what it means."""
    try:
        source = textwrap.dedent(inspect.getsource(value))
        same_source = ast.dump(ast.parse(source)) == ast.dump(ast.parse(helper.source))
    except (OSError, TypeError, SyntaxError):
        return False
    return (
        same_source
        and all(names.get(name, meant) is meant for name, meant in _GLOBALS.items())
        and all(same(names.get(other.name), other, names) for other in helper.needs)
    )
