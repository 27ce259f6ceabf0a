"""Modules of other people: a class or a function in a file, which is run; or a file of a graph."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from archcompiler.backends.reading import UnknownOperation, said_by
from archcompiler.backends.torch import torch_op
from archcompiler.backends.torch.idioms import IDIOMS
from archcompiler.backends.torch.record import TorchOp
from archcompiler.backends.torch.stored import note_constants
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

    @property
    def exported(self) -> bool:
        """Whether what acts in training alone may be gone."""
        return self.for_inference or Path(self.said).suffix.lower() in _GRAPHS

    def dataflow(self, graph: Graph) -> Dataflow:
        """The network at the graph's input, labelled as that is. Raises as `traced` does."""
        return self.traced(graph.input, [torch_op(op) for op in outside(graph)])

    def traced(self, input: TensorType, records: Sequence[TorchOp] = ()) -> Dataflow:
        """The network at one image; `records` are those of operators that are not built in.

        What has no operator is a node that is like no other. Raises CompileError E901 for a module
        that cannot be traced.
        """
        with others_code(self.place, "it cannot be traced"):
            try:
                bare = deepcopy(self.module).to("meta")
                note_constants(bare, self.module)
                view = _traced(bare, input, records)
            except KeyboardInterrupt:
                raise
            except BaseException:
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
def others_code(place: Span, problem: str, file: Path | None = None) -> Iterator[None]:
    """Run the code of others: what it prints is no part of what a command prints, no stream is
    closed by it, and whatever it raises is E901 with the `problem`.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = None if sys.stderr is None else _Lent(sys.stderr)
    try:
        yield
    except (CompileError, KeyboardInterrupt):
        raise
    except BaseException as exc:
        raise _unread(place, problem, _said_by(exc, file), help=_fix(exc, file)) from None
    finally:
        sys.stdout, sys.stderr = streams


class _Lent:
    """A stream that stays open, and whose parts do."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def buffer(self) -> _Lent:
        return _Lent(self._stream.buffer)

    def detach(self) -> _Lent:
        return self.buffer

    def close(self) -> None:
        """Others have need of it still."""


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
    with _importable(file.resolve().parent):
        factory = _attribute(_imported(file, place), name, file, place)
        module = _made(factory, name, file, place)
    return Implementation(said, place, _settled(module, place, file))


def implementation_of(module: nn.Module) -> Implementation:
    """A module that is there already, which stays as it is. Raises CompileError E901."""
    said = type(module).__name__
    place = Span(Source("<module>", said, "toml"), 0, len(said))
    if not isinstance(module, nn.Module):
        raise _unread(place, f"it is a {said}, not a module")
    with others_code(place, "it cannot be copied"):
        module = deepcopy(module)
    return Implementation(said, place, _settled(module, place))


def _settled(module: nn.Module, place: Span, file: Path | None = None) -> nn.Module:
    """A module in evaluation, on the CPU. What its own methods return may be anything."""
    with others_code(place, "it cannot be put on the CPU for evaluation", file):
        module.cpu()
        module.eval()
    return module


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
        with others_code(place, f"`{file}` cannot be imported", file):
            spec.loader.exec_module(module)
    except CompileError:
        sys.modules.pop(name, None)
        raise
    return module


def _attribute(module: ModuleType, name: str, file: Path, place: Span) -> Any:
    value: Any = module
    for part in name.split("."):
        names = getattr(value, "__dict__", {})
        known = [n for n, v in names.items() if callable(v) and not n.startswith("_")]
        with others_code(place, f"`{part}` cannot be looked up", file):
            value = getattr(value, part, None)
        if value is None:
            guess = did_you_mean(part, known)
            help = f"did you mean `{guess}`?" if guess else None
            raise _unread(place, f"it has no `{part}`", help=help)
    return value


def _made(factory: Any, name: str, file: Path, place: Span) -> nn.Module:
    if isinstance(factory, nn.Module):
        return factory
    with others_code(place, f"`{name}()` fails", file):
        module = factory()
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
        with suppress(ValueError):  # of a file that has changed it
            sys.path.remove(str(folder))


def _said_by(exc: BaseException, file: Path | None) -> str:
    """An exception in one line, with the line of theirs that has led to it."""
    place = _place(exc, file)
    return said_by(exc) if place is None else f"{place}: {said_by(exc)}"


def _place(exc: BaseException, file: Path | None) -> str | None:
    """The last line of a file, or of one that lies beside it, that has led to an exception."""
    if file is None:
        return None
    lines = [(f.filename, f.lineno) for f in traceback.extract_tb(exc.__traceback__)]
    if isinstance(exc, SyntaxError) and exc.filename is not None:
        lines.append((exc.filename, exc.lineno))
    folder = file.resolve().parent
    for name, line in reversed(lines):
        path = Path(name).resolve()
        if path.is_relative_to(folder) and "site-packages" not in path.parts:
            return f"{file.parent / path.relative_to(folder)}:{line}"
    return None


def _fix(exc: BaseException, file: Path | None) -> str | None:
    """What to do about an exception, where that is known."""
    text = said_by(exc)
    if isinstance(exc, TypeError) and " required " in text and _place(exc, file) is None:
        return "name a function without arguments that returns the module"
    if isinstance(exc, TypeError) and "tuple of ints" in text and "float" in text:
        return "widths are whole numbers: divide by `//`, as `/` gives a float since Python 3"
    if isinstance(exc, NotImplementedError) and "meta tensor" in text:
        return "make it on a device with numbers, such as the CPU"
    if isinstance(exc, AttributeError) and "no attribute '_modules'" in text:
        return "begin its `__init__` with `super().__init__()`"
    return None


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
