"""Modules of other people: a class or a function in a file, which is run; or a file of a graph."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from archcompiler.backends.reading import UnknownOperation
from archcompiler.backends.torch import torch_op
from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.record import TorchOp
from archcompiler.backends.torch.trace import trace
from archcompiler.diagnostics import CompileError, Source, Span, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.ir import Graph, TensorType
from archcompiler.verify.comparing import outside
from archcompiler.verify.isomorphism import Dataflow

_GRAPHS = (".onnx", ".pt2")


@dataclass(frozen=True)
class Implementation:
    """A network that somebody has written or saved."""

    said: str
    """As it was named."""
    place: Span
    """Where that was."""
    module: nn.Module = field(repr=False)
    """In evaluation, on the CPU."""
    for_inference: bool = False
    """Whether it was exported for that alone, and may have its batch norms folded: ONNX."""

    def dataflow(self, graph: Graph) -> Dataflow:
        """The network at the graph's input, labelled as that is. Raises as `traced` does."""
        return self.traced(graph.input, [torch_op(op) for op in outside(graph)])

    def traced(self, input: TensorType, records: Sequence[TorchOp] = ()) -> Dataflow:
        """The network at one image; `records` are those of operators that are not built in.

        What has no operator is a node that is like no other. Raises CompileError E901 for a module
        that cannot be traced.
        """
        with others_code():
            try:
                view = _traced(deepcopy(self.module).to("meta"), input, records)
            except Exception:
                # What cannot be copied, or makes tensors of its own, needs numbers to run.
                try:
                    view = _traced(self.module, input, records)
                except UnknownOperation as unknown:
                    why = str(unknown)
                    raise _unread(self.place, why, help=_tracing_help(why)) from None
        for _, data in view.nodes(data=True):
            data["called"] = data.get("module") or _called(data.get("tensors") or {})
        return view


def _traced(module: nn.Module, input: TensorType, records: Sequence[TorchOp]) -> Dataflow:
    return trace(module, input, outside=records, idioms=IDIOMS, keeps_unknown=True)


@contextmanager
def others_code() -> Iterator[None]:
    """Have what the code of others prints be no part of what a command prints."""
    with redirect_stdout(sys.stderr):
        yield


def load_implementation(said: str, option: str) -> Implementation:
    """What `FILE.py:NAME` names, called without arguments, or the network of a FILE.onnx or .pt2.

    The code of a Python file is run. `option` says where it was named. Raises CompileError E901.
    """
    place = Span(Source(option, said, "toml"), 0, len(said))
    path, _, name = said.rpartition(":")
    if Path(said).suffix.lower() in _GRAPHS:
        module = _saved(_file(said, place), place)
        return Implementation(said, place, module, Path(said).suffix.lower() == ".onnx")
    if not path or not name or not path.lower().endswith(".py"):
        raise _unread(place, "it is none of FILE.py:NAME, FILE.pt2 and FILE.onnx")
    file = _file(path, place)
    with _importable(file.resolve().parent), others_code():
        module = _made(_attribute(_imported(file, place), name, place), name, file, place)
    return Implementation(said, place, module.cpu().eval())


def implementation_of(module: nn.Module) -> Implementation:
    """A module that is there already, which stays as it is. Raises CompileError E901."""
    said = type(module).__name__
    place = Span(Source("<module>", said, "toml"), 0, len(said))
    if not isinstance(module, nn.Module):
        raise _unread(place, f"it is a {said}, not a module")
    return Implementation(said, place, deepcopy(module).cpu().eval())


def _file(said: str, place: Span) -> Path:
    """A file that is there."""
    path = Path(said)
    with suppress(RuntimeError):  # of a user that there is not
        path = path.expanduser()
    try:
        if path.is_file():
            return path
    except OSError as exc:  # such as a name that is too long
        raise _unread(place, (exc.strerror or str(exc)).lower()) from None
    raise _unread(place, f"there is no file `{said}`")


def _imported(file: Path, place: Span) -> ModuleType:
    digest = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
    name = f"archcompiler_foreign_{digest}"
    spec = util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as exc:
        del sys.modules[name]
        raise _unread(place, f"`{file}` cannot be imported", _said_by(exc, file)) from None
    return module


def _attribute(module: ModuleType, name: str, place: Span) -> Any:
    value: Any = module
    for part in name.split("."):
        known = [n for n, v in vars(value).items() if callable(v) and not n.startswith("_")]
        value = getattr(value, part, None)
        if value is None:
            guess = did_you_mean(part, known)
            help = f"did you mean `{guess}`?" if guess else None
            raise _unread(place, f"it has no `{part}`", help=help)
    return value


def _made(factory: Any, name: str, file: Path, place: Span) -> nn.Module:
    if isinstance(factory, nn.Module):
        return factory
    try:
        module = factory()
    except (Exception, SystemExit) as exc:
        wanted = isinstance(exc, TypeError) and " required " in str(exc)
        help = "name a function without arguments that returns the module" if wanted else None
        raise _unread(place, f"`{name}()` fails", _said_by(exc, file), help=help) from None
    if not isinstance(module, nn.Module):
        raise _unread(place, f"`{name}()` is a {type(module).__name__}, not a module")
    return module


def _saved(path: Path, place: Span) -> nn.Module:
    if not path.stat().st_size:
        raise _unread(place, "the file is empty")
    try:
        if path.suffix.lower() == ".onnx":
            from archcompiler.foreign.onnx_graph import read_onnx

            return read_onnx(path)
        from archcompiler.foreign.exported import read_exported

        return read_exported(path)
    except UnknownOperation as unknown:
        raise _unread(place, str(unknown)) from None


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Have modules beside a file found by it, as they are where it is run."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _said_by(exc: BaseException, file: Path) -> str:
    """An exception in one line, with the line of the file that has led to it."""
    reason = (str(exc).splitlines() or [""])[0]
    text = f"{type(exc).__name__}: {reason}" if reason else type(exc).__name__
    own = {str(file), str(file.resolve())}
    lines = [f.lineno for f in traceback.extract_tb(exc.__traceback__) if f.filename in own]
    if isinstance(exc, SyntaxError) and exc.filename in own:
        lines.append(exc.lineno)
    return f"{file}:{lines[-1]}: {text}" if lines else text


def _called(tensors: Any) -> str:
    """What an operator is called whose tensors stand beside others: where their names agree."""
    names = sorted(tensor.name for tensor in tensors.values())
    return names[0] if names else ""


def _tracing_help(why: str) -> str | None:
    if "control flow" in why or "Proxy" in why or "TraceError" in why:
        return "torch.export follows more than a trace does: name a FILE.pt2 that it has saved"
    return None


def _unread(place: Span, why: str, *notes: str, help: str | None = None) -> CompileError:
    """E901, ready to be raised."""
    problem = f"`{place.text}` cannot be read as a network: {why}"
    return CompileError(error("E901", problem, place, notes=notes, help=help))
