"""CIFAR-10 and CIFAR-100 from the user's copy: the binary version or the python one."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from archcompiler.runner.data.files import bad_data, find, read
from archcompiler.runner.data.images import Images, Splits

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _Layout:
    """File names and label fields of one of the two data sets."""

    title: str
    folders: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_key: bytes
    label_bytes: int
    """Labels before the pixels of a binary record; the last is the one to use."""
    names_text: str
    names_pickle: str
    names_key: bytes
    classes: int


CIFAR10 = _Layout(
    "CIFAR-10",
    ("cifar-10-batches-bin", "cifar-10-batches-py"),
    tuple(f"data_batch_{i}" for i in range(1, 6)),
    ("test_batch",),
    b"labels",
    1,
    "batches.meta.txt",
    "batches.meta",
    b"label_names",
    10,
)
CIFAR100 = _Layout(
    "CIFAR-100",
    ("cifar-100-binary", "cifar-100-python"),
    ("train",),
    ("test",),
    b"fine_labels",
    2,
    "fine_label_names.txt",
    "meta",
    b"fine_label_names",
    100,
)


def read_cifar(path: Path, layout: _Layout) -> Splits:
    """Both splits: 3×32×32 pixels. Raises CompileError E704."""
    folder = next((path / name for name in layout.folders if (path / name).is_dir()), path)
    classes = _class_names(folder, layout)
    return Splits(
        _split(folder, layout.train, layout, classes), _split(folder, layout.test, layout, classes)
    )


def _split(
    folder: Path, names: tuple[str, ...], layout: _Layout, classes: tuple[str, ...]
) -> Images:
    parts = []
    for name in names:
        path = find(folder, (f"{name}.bin", name), layout.title)
        data = read(path, layout.title)
        parts.append((_binary if path.suffix == ".bin" else _python)(path, data, layout))
    pixels = np.concatenate([p for p, _ in parts])
    labels = np.concatenate([y for _, y in parts])
    if labels.min() < 0 or labels.max() >= layout.classes:
        raise bad_data(f"{layout.title}: the labels in `{folder}` are not below {layout.classes}")
    return Images(pixels.reshape(-1, 3, 32, 32), labels, classes)


_Part = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


def _binary(path: Path, data: bytes, layout: _Layout) -> _Part:
    record = layout.label_bytes + _PIXELS
    if not data or len(data) % record:
        raise bad_data(
            f"{layout.title}: `{path}` is truncated or another file",
            f"its {len(data):,} bytes are not a multiple of the {record:,} of a record",
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, record)
    return table[:, layout.label_bytes :], table[:, layout.label_bytes - 1].astype(np.int64)


def _python(path: Path, data: bytes, layout: _Layout) -> _Part:
    batch = _unpickle(path, data, layout)
    array, labels = batch.get(b"data"), batch.get(layout.label_key)
    pixels = array.bytes() if isinstance(array, _Array) else None
    if (
        pixels is None
        or pixels.shape[1] != _PIXELS
        or not isinstance(labels, list)
        or not labels
        or len(labels) != len(pixels)
    ):
        raise bad_data(
            f"{layout.title}: `{path}` is not a batch of this data set",
            f"expected `data`, n × {_PIXELS} bytes, and as many `{layout.label_key.decode()}`",
        )
    for place, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < layout.classes:
            raise bad_data(
                f"{layout.title}: label {place} in `{path}` is not a whole number below "
                f"{layout.classes}"
            )
    return pixels, np.array(labels, np.int64)


def _class_names(folder: Path, layout: _Layout) -> tuple[str, ...]:
    """From the file beside the batches; plain numbers if it is not there."""
    text, pickled = folder / layout.names_text, folder / layout.names_pickle
    names: list[str] = []
    if text.is_file():
        names = read(text, layout.title).decode(errors="replace").split()
    elif pickled.is_file():
        found = _unpickle(pickled, read(pickled, layout.title), layout).get(layout.names_key, [])
        if not isinstance(found, list) or not all(isinstance(name, bytes) for name in found):
            raise bad_data(
                f"{layout.title}: `{layout.names_key.decode()}` in `{pickled}` is no list of names"
            )
        names = [name.decode(errors="replace") for name in found]
    return tuple(names) if len(names) == layout.classes else tuple(map(str, range(layout.classes)))


@dataclass
class _Array:
    """An array as a pickle describes it, taken down word by word: numpy's own way from a state to
    an array trusts it.
    """

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def bytes(self) -> npt.NDArray[np.uint8] | None:
        """The array of bytes, of two dimensions; None if it is anything else."""
        match self.state:
            case (_, (int(rows), int(columns)), _Type("u1" | "|u1"), bool(by_column), bytes(data)):
                if rows >= 0 and columns >= 0 and rows * columns == len(data):
                    order: Literal["F", "C"] = "F" if by_column else "C"
                    return np.frombuffer(data, np.uint8).reshape((rows, columns), order=order)
        return None


@dataclass
class _Type:
    """A type of numbers by its code. Its state, which is the same for all bytes, is ignored."""

    code: Any

    def __setstate__(self, state: Any) -> None:
        pass


# Python's own unpickler: the one in C asks for as much memory as any four bytes say.
class _ArrayUnpickler(pickle._Unpickler):
    """Knows arrays of bytes and nothing else: a pickle is a program."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _new_array
        if (module, name) == ("numpy", "ndarray"):
            return "ndarray"
        if (module, name) == ("numpy", "dtype"):
            return _new_type
        if (module, name) == ("_codecs", "encode"):
            return _encode
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


def _new_array(kind: Any, shape: Any, code: Any) -> _Array:
    """What numpy begins an array with, before its state."""
    if kind != "ndarray" or shape != (0,):
        raise pickle.UnpicklingError("it makes an array in an unusual way")
    return _Array()


def _new_type(code: Any, *_: Any) -> _Type:
    return _Type(code.decode("latin1") if isinstance(code, bytes) else code)


def _encode(text: Any, encoding: Any) -> bytes:
    """How newer pickles spell bytes in the old protocol."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("it encodes a text in an unusual way")
    return text.encode("latin1")


def _unpickle(path: Path, data: bytes, layout: _Layout) -> dict[bytes, Any]:
    """The table in a pickle of CIFAR's python version, with bytes for keys."""
    try:
        found = _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
        if not isinstance(found, dict):
            raise pickle.UnpicklingError("it holds no table")
        return {k.encode() if isinstance(k, str) else k: v for k, v in found.items()}
    except Exception as exc:  # an unpickler raises whatever the bytes make it raise
        reason = (str(exc) or type(exc).__name__).splitlines()[0][:200]
        message = f"{layout.title}: `{path}` is no pickle of arrays: {reason}"
        raise bad_data(message) from None
