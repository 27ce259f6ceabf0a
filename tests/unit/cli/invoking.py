"""Commands in the process of the tests, with files in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from archcompiler.cli.program import group


def write(path: str, text: str) -> None:
    """A file, and the folders that it is in."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def changed(path: str, name: str = "tiny", classes: int = 7) -> None:
    """A spec that changes `tiny.toml`."""
    write(path, f'extends = "tiny.toml"\nname = "{name}"\nclasses = {classes}\n')


def invoke(*arguments: str, code: int = 0, input: str | None = None) -> Result:
    """`archcompiler ARGUMENTS`, which must exit with `code`, and may raise nothing."""
    result = CliRunner().invoke(group, arguments, input=input)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    assert result.exit_code == code, result.output
    return result
