"""Spec files from disk: their text, or what keeps it from being read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

from archcompiler.diagnostics.diagnostic import Diagnostic, error
from archcompiler.diagnostics.exception import CompileError
from archcompiler.diagnostics.span import Format, Source, Span
from archcompiler.diagnostics.suggest import did_you_mean

FORMATS: Final[dict[str, Format]] = {".toml": "toml", ".json": "json"}
"""What a file is by the extension of its name."""
MAX_BYTES: Final = 1 << 17
"""Size of the largest spec that is read."""
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


def read_source(path: Path, name: str | None = None, room: int = MAX_BYTES) -> Source:
    """Read a spec file, without its byte order mark and with line ends as line feeds.

    It is called `name`, by default its path.

    Raises CompileError: E101 unreadable, E102 not UTF-8, E103 empty, E104 neither
    `.toml` nor `.json`, E105 larger than the `room` that is left for it.
    """
    name = name or path.as_posix()
    _require_file(path, name)
    if path.suffix.lower() not in FORMATS:
        raise CompileError(_unknown_extension(path, name))
    try:
        with path.open("rb") as file:
            data = file.read(room + 1)
    except OSError as exc:
        raise CompileError(_unreadable(name, _reason(exc))) from exc
    return file_source(data, name, path, room)


def file_source(data: bytes, name: str, path: Path, room: int = MAX_BYTES) -> Source:
    """The text of a file with these bytes. Raises CompileError: E102 to E105 of `read_source`."""
    format = FORMATS.get(path.suffix.lower())
    if format is None:
        raise CompileError(_unknown_extension(path, name))
    if len(data) > room:
        raise CompileError(_too_large(name))
    return _nonempty(Source(name, _decode(data, name, format, path), format, path))


def stream_source(data: bytes, name: str) -> Source:
    """The text of a stream, which is JSON if it starts with a brace. Raises E102, E103 or E105."""
    if len(data) > MAX_BYTES:
        raise CompileError(_too_large(name))
    format: Format = "json" if data.lstrip()[:1] == b"{" else "toml"
    return _nonempty(Source(name, _decode(data, name, format, None), format))


def _nonempty(source: Source) -> Source:
    if not source.text.strip():
        raise CompileError(error("E103", "the spec is empty", Span(source, 0, 0)))
    return source


def _require_file(path: Path, name: str) -> None:
    """Raise E101 unless `path` is a regular file: opening a pipe could wait for ever."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as exc:
        near = near_spec(path)
        help = f"did you mean `{path.with_name(near).as_posix()}`?" if near else None
        raise CompileError(_unreadable(name, "there is no such file", help)) from exc
    except (OSError, ValueError) as exc:
        raise CompileError(_unreadable(name, _reason(exc))) from exc
    if S_ISDIR(mode):
        raise CompileError(_unreadable(name, "it is a directory", "name a file in it"))
    if not S_ISREG(mode):
        raise CompileError(_unreadable(name, "it is not a regular file"))


def near_spec(path: Path) -> str | None:
    """The name of the spec beside `path` that it was probably meant to be."""
    try:
        siblings = sorted(islice(path.parent.iterdir(), 1000))
    except (OSError, ValueError):
        return None
    names = {near.stem: near.name for near in siblings if near.suffix.lower() in FORMATS}
    # The extension is left out: it would make any two names alike.
    stem = path.stem if path.stem in names else did_you_mean(path.stem, names)
    return names[stem] if stem is not None and names[stem] != path.name else None


def _reason(exc: OSError | ValueError) -> str:
    text = exc.strerror if isinstance(exc, OSError) else str(exc)
    return (text or type(exc).__name__).lower()


def _unreadable(name: str, reason: str, help: str | None = None) -> Diagnostic:
    return error("E101", f"cannot read `{name}`: {reason}", help=help)


def _unknown_extension(path: Path, name: str) -> Diagnostic:
    found = f"its extension is `{path.suffix}`" if path.suffix else "it has no extension"
    return error(
        "E104",
        f"`{name}` is neither TOML nor JSON by its name",
        notes=(found,),
        help="write the spec in TOML and name it `*.toml`, or in JSON and name it `*.json`",
    )


def _too_large(name: str) -> Diagnostic:
    return error(
        "E105",
        f"`{name}` is too large for a spec",
        notes=(f"a spec may have {MAX_BYTES >> 10} KiB, with all that it extends",),
    )


def _decode(data: bytes, name: str, format: Format, path: Path | None) -> str:
    """The text of a file; raises E102, pointing at the first byte that is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = _normalise(data.decode("utf-16", errors="replace"))
        raise CompileError(
            error(
                "E102",
                f"`{name}` is not UTF-8",
                Span(Source(name, text, format, path), 0, min(len(text), 1)),
                notes=("it starts with the byte order mark of UTF-16 or UTF-32",),
                help="save it as UTF-8",
            )
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as exc:
        before = _normalise(data[: exc.start].decode())
        rest = _normalise(data[exc.start :].decode(errors="replace"))
        start = len(before)
        raise CompileError(
            error(
                "E102",
                f"`{name}` is not UTF-8",
                Span(Source(name, before + rest, format, path), start, start + 1),
                notes=(f"byte {exc.start} of the file is 0x{data[exc.start]:02x}",),
                help="save it as UTF-8",
            )
        ) from exc
    return _normalise(text)


def _normalise(text: str) -> str:
    return text.removeprefix(_BOM).replace("\r\n", "\n")
