"""`--watch`: what is done again, and when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import tiny_toml
from unit.cli.invoking import changed, write

from archcompiler.cli import watching
from archcompiler.cli.program import group
from archcompiler.config.files import Files

pytestmark = pytest.mark.usefixtures("folder")


class Stopped(BaseException):
    """Ctrl-C, without its effect on the test."""


def watched(
    monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], object]
) -> Callable[[float], None]:
    """Have each pause of the watch be the next of these acts, and the end after the last."""
    left = list(acts)

    def pause(_: float) -> None:
        if not left:
            raise Stopped
        left.pop(0)()

    monkeypatch.setattr(watching.time, "sleep", pause)
    return pause


def nothing() -> None:
    """A pause in which nothing happens."""


@pytest.mark.parametrize("command", ["check", "build", "diagram"])
def test_watching(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed("top.toml")
    watched(
        monkeypatch,
        nothing,
        lambda: changed("top.toml", classes=0),
        nothing,  # what is written has settled
        nothing,
        lambda: changed("top.toml", classes=8),
        nothing,
        lambda: write("tiny.toml", tiny_toml().replace("channels = 16", "channels = 32")),
        nothing,
        Path("tiny.toml").unlink,
        nothing,
        nothing,
        lambda: write("tiny.toml", tiny_toml()),
        nothing,
    )
    with pytest.raises(Stopped):
        group(
            ["build", "--watch", "top.toml"]
            if command == "build"
            else [command, "--watch", "top.toml"],
            standalone_mode=False,
        )
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert err.count("watching 2 files; Ctrl-C ends\n") == 6
    assert err.count("error[") == err.count("error[E204]") + err.count("error[E207]") == 2


def test_a_change_while_a_file_is_read_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def once(files: Files) -> None:
        files.read(Path("tiny.toml"), "tiny.toml")
        runs.append(len(runs))
        if len(runs) == 1:
            write("tiny.toml", tiny_toml() + "\n")

    watched(monkeypatch, nothing)
    with pytest.raises(Stopped):
        watching.perform(once, None, watch=True)
    assert len(runs) == 2


def test_a_file_is_waited_for_while_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    def once(files: Files) -> None:
        runs.append(files.read(Path("tiny.toml"), "tiny.toml").text)

    halves = [tiny_toml() + "# a\n", tiny_toml() + "# a and b\n"]
    watched(monkeypatch, *(lambda text=text: write("tiny.toml", text) for text in halves), nothing)
    with pytest.raises(Stopped):
        watching.perform(once, None, watch=True)
    assert runs == [tiny_toml(), halves[1]]


# Help
