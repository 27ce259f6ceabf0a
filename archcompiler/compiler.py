"""The driver: every stage in order, and all that went wrong raised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcompiler.config.files import Files
from archcompiler.diagnostics import CompileError, Diagnostic, Severity
from archcompiler.ir import Graph
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.loader import SpecLike, load
from archcompiler.spec.model import Spec

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

    from archcompiler.analysis.batch_norms import BatchNorms
    from archcompiler.analysis.recompute import Recomputation
    from archcompiler.emit.view import NetworkView


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """A checked network, ready to be emitted."""

    loaded: LoadedSpec = field(repr=False)
    graph: Graph = field(repr=False)
    warnings: tuple[Diagnostic, ...] = ()
    plan: Recomputation | None = field(default=None, repr=False)
    """What the emitted model makes again in a backward pass."""
    options: tuple[str, ...] = ()
    """Of the command that builds the file, beside settings."""
    trained: CompiledNetwork | None = field(default=None, repr=False)
    """Of a network for inference, the one that is trained."""
    backend: str = "torch"
    """What the file is for, of `archcompiler.backends`."""

    @property
    def spec(self) -> Spec:
        """The validated spec with all defaults."""
        return self.loaded.spec

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def _view(self) -> NetworkView:
        from archcompiler.backends.backend import backend
        from archcompiler.emit.view import NetworkView
        from archcompiler.lower.network import dialect

        words = dialect(self.spec, self.loaded.library)
        trained = None if self.trained is None else self.trained.name
        frame = backend(self.backend)
        return NetworkView(self.graph, self.spec, words, frame, trained, self.plan)

    @cached_property
    def deployed(self) -> CompiledNetwork:
        """The same function for inference alone, `NAME_deploy`: batch norms are folded into the
        layers before them, those that follow none are an affine, and nothing acts in training.

        Its emitted model has a `load_trained` for the weights of this one. Raises CompileError
        E205 if its name is taken.
        """
        from archcompiler.lower import lower
        from archcompiler.spec.deployed import deployed

        if self.trained is not None:
            return self
        loaded = deployed(self.loaded)
        return CompiledNetwork(
            loaded, lower(loaded), self.warnings, options=("--deploy",), trained=self
        )

    def for_backend(self, name: str) -> CompiledNetwork:
        """The same network, whose emitted file is for another framework, `NAME_jax.py` for JAX.

        Raises CompileError for what that cannot have: E315 for an operator of another package
        that has no record for it, E205 for a name that its files use themselves.
        """
        from archcompiler.backends.backend import backend
        from archcompiler.emit.fitting import require_fit

        if name == self.backend:
            return self
        require_fit(self.loaded, self.graph, backend(name))
        return replace(self, backend=name, options=() if name == "torch" else ("--backend", name))

    @property
    def batch_norms(self) -> BatchNorms | None:
        """Of a network for inference, what has become of its batch norms."""
        if self.trained is None:
            return None
        from archcompiler.analysis.batch_norms import batch_norms

        return batch_norms(self.trained.graph, self.graph)

    @cached_property
    def source(self) -> str:
        """The whole emitted file, header included."""
        from archcompiler.emit.format import format_source
        from archcompiler.emit.header import with_header
        from archcompiler.emit.render import render_network

        body = format_source(render_network(self._view))
        written = self if self.trained is None else self.trained
        return with_header(body, written.loaded, *self.options)

    def recomputing(self, share: float) -> CompiledNetwork:
        """The same network, whose emitted model keeps at most this share, from 0 to 1, of the maps
        that autograd keeps for a backward pass, and makes the others again with the least work.

        Raises TooLittle if it needs more.
        """
        from archcompiler.analysis.budget import keeping

        options = ("--memory", f"{100 * share:g}%")
        return replace(self, plan=keeping(self.graph, share), options=options)

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Names of the layers of the model that depend on the number of classes."""
        return tuple(f"head.{name}" for name, _ in self._view.classifiers)

    def path(self, directory: str | Path = "generated") -> Path:
        """Where `write` puts the file."""
        from archcompiler.backends.backend import backend

        return Path(directory, f"{self.name}{backend(self.backend).suffix}.py")

    def write(self, directory: str | Path = "generated", *, force: bool = False) -> Path:
        """Write `DIRECTORY/NAME.py` atomically and return its path.

        Raises CompileError E402 rather than overwrite a file edited by hand, unless `force`.
        """
        from archcompiler.emit.writer import write_emitted

        path = self.path(directory)
        write_emitted(path, self.source, force=force)
        return path

    def module(self, **overrides: Any) -> nn.Module:
        """A new model of PyTorch from the emitted source; `overrides` as for the emitted builder.

        It takes (N, C, H, W) and returns logits, (N, classes).
        """
        model: nn.Module = getattr(self.emitted, self.name)(**overrides)
        return model

    @property
    def emitted(self) -> ModuleType:
        """The emitted file as a module of Python."""
        from archcompiler.emit.load import load_module

        return load_module(self.path().stem, self.source)


def compile(
    spec: SpecLike, settings: Sequence[str] = (), *, root: str | Path | None = None
) -> CompiledNetwork:
    """Compile a spec, with `settings` such as `stages.1.modules=4`.

    It is given as a path, as the name of one that comes with the package, or as a dict. `root` is
    the folder that what it extends may not leave, by default its project's. Raises CompileError
    with every error of the spec and its graph.
    """
    return compile_from(Files(None if root is None else Path(root)), spec, settings)


def compile_from(files: Files, spec: SpecLike, settings: Sequence[str] = ()) -> CompiledNetwork:
    """Compile a spec of these files."""
    return compile_loaded(load(spec, settings, files=files))


def compile_loaded(loaded: LoadedSpec) -> CompiledNetwork:
    """Compile a spec that is read and valid."""
    from archcompiler.lower import lower
    from archcompiler.spec.rules import forgotten_modules

    graph = lower(loaded)
    found = (*diagnose(loaded, graph), *forgotten_modules(loaded))
    expect = loaded.spec.expect
    # What a network with errors measures means nothing.
    if expect is not None and not any(d.severity is Severity.ERROR for d in found):
        from archcompiler.passes.expect import check_expected

        expected = check_expected(graph, expect)
        found += tuple(finding.diagnostic(loaded.written, loaded.span) for finding in expected)
    if any(d.severity is Severity.ERROR for d in found):
        raise CompileError(*found)
    return CompiledNetwork(loaded, graph, found)


def at_size(network: CompiledNetwork, *size: int) -> Graph:
    """The checked graph of a network for another input, as H, W or as many sides as the spec has.

    Raises CompileError, which says which operator refuses it.
    """
    from archcompiler.lower import lower

    graph = lower(network.loaded, size)
    errors = [d for d in diagnose(network.loaded, graph) if d.severity is Severity.ERROR]
    if errors:
        place = f"for an input of {graph.input.pixel_words} pixels"
        raise CompileError(*(replace(d, notes=(place, *d.notes)) for d in errors))
    return graph


def diagnose(loaded: LoadedSpec, graph: Graph) -> tuple[Diagnostic, ...]:
    """What the passes find in a graph, each with its place in the spec that it was lowered from."""
    from archcompiler.passes import run_passes

    every = [finding.diagnostic(loaded.written, loaded.span) for finding in run_passes(graph)]
    # Wherever else the same value of the spec leads to the same mistake, it is one cause.
    return tuple({(d.code, d.span): d for d in reversed(every)}.values())[::-1]


def check(
    spec: SpecLike, settings: Sequence[str] = (), *, root: str | Path | None = None
) -> list[Diagnostic]:
    """Everything that is wrong with a spec, errors and warnings; never raises for a bad spec.

    >>> import archcompiler
    >>> [diagnostic.code for diagnostic in archcompiler.check({"name": "tiny"})]
    ['E202', 'E202', 'E202', 'E202']
    """
    try:
        return list(compile(spec, settings, root=root).warnings)
    except CompileError as error:
        return list(error.diagnostics)
