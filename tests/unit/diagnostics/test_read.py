import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archcompiler.diagnostics import CompileError, Diagnostic, Location, Source
from archcompiler.diagnostics.read import MAX_BYTES, read_source


def refusal(path: Path) -> Diagnostic:
    with pytest.raises(CompileError) as caught:
        read_source(path)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize(("name", "format"), [("a.toml", "toml"), ("a.JSON", "json")])
def test_reads_text_and_tells_the_format(tmp_path: Path, name: str, format: str) -> None:
    path = tmp_path / name
    path.write_bytes("é = 1\n".encode())
    source = read_source(path)
    assert source == Source(path.as_posix(), "é = 1\n", format, path)  # type: ignore[arg-type]


def test_byte_order_mark_and_crlf_do_not_move_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    source = read_source(path)
    assert source.text == "a = 1\nb = 2\n"
    assert source.location(source.text.index("b")) == Location(2, 1)


def test_missing_file_suggests_a_sibling(tmp_path: Path) -> None:
    (tmp_path / "attention56.toml").write_text("a = 1")
    (tmp_path / "atention56.txt").write_text("no spec")
    found = refusal(tmp_path / "atention56.toml")
    assert found.code == "E101"
    assert "no such file" in found.message
    assert found.help == f"did you mean `{tmp_path.as_posix()}/attention56.toml`?"


def test_missing_file_in_a_missing_directory(tmp_path: Path) -> None:
    found = refusal(tmp_path / "no" / "a.toml")
    assert (found.code, found.help) == ("E101", None)


def test_what_cannot_be_read_is_E101(tmp_path: Path) -> None:
    assert refusal(tmp_path).message == f"cannot read `{tmp_path.as_posix()}`: it is a directory"
    assert refusal(tmp_path / "a\0.toml").code == "E101"
    assert refusal(tmp_path / ("a" * 300 + ".toml")).code == "E101"
    file = tmp_path / "a.toml"
    file.write_text("a = 1")
    found = refusal(file / "b.toml")
    assert found.code == "E101"
    assert found.message.startswith(f"cannot read `{file.as_posix()}/b.toml`: ")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    found = refusal(pipe)
    assert found.code == "E101"
    assert "not a regular file" in found.message


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1")

    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    found = refusal(path)
    assert found.code == "E101"
    assert found.message.endswith("permission denied")


def test_not_utf8_points_at_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes("é = 1\r\nname = 'r".encode() + b"\xe9seau'\n")
    found = refusal(path)
    assert found.code == "E102"
    assert found.notes == ("byte 17 of the file is 0xe9",)
    assert found.span is not None
    assert found.span.location == Location(2, 10)
    assert found.span.text == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf16_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes("a = 1".encode(encoding))
    found = refusal(path)
    assert found.code == "E102"
    assert "UTF-16" in found.notes[0]


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", b"\xef\xbb\xbf"])
def test_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    found = refusal(path)
    assert found.code == "E103"
    assert found.span is not None
    assert (found.span.start, found.span.end) == (0, 0)


@pytest.mark.parametrize("name", ["a.yaml", "a", "toml", "a.toml.bak"])
def test_unknown_extension(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("a = 1")
    assert refusal(path).code == "E104"


def test_size_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"#" * MAX_BYTES)
    assert len(read_source(path).text) == MAX_BYTES
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert refusal(path).code == "E105"


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)
    with suppress(CompileError):
        assert read_source(path).text.strip()
