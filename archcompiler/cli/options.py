"""Arguments and options that several commands share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.shell_completion import CompletionItem

from archcompiler.backends import NAMES
from archcompiler.cli import completing
from archcompiler.diagnostics.read import MAX_BYTES, stream_source
from archcompiler.diagnostics.render import ReportFormat

F = TypeVar("F", bound=Callable[..., Any])


def pixel_size(text: str) -> tuple[int, int]:
    """`32` or `32x64` as height and width, for the type of an option."""
    found = re.fullmatch(r"([0-9]{1,5})(?:[x×]([0-9]{1,5}))?", text, re.ASCII)
    sides = tuple(int(side) for side in found.groups(found[1])) if found else ()
    if not sides or min(sides) < 1 or max(sides) > 65_536:
        raise click.BadParameter(
            f"{text!r} is neither a side in pixels, such as 320, nor a height and a width, such as "
            "32x64, from 1 to 65,536"
        )
    return sides[0], sides[1]


_STDIN = f"{__name__}.stdin"
"""Where a command remembers that it has read the standard input."""


def require_said_once(option: str, settings: Iterable[str], *keys: str) -> None:
    """Raise UsageError for a setting of what an option sets too."""
    for setting in settings:
        if setting.partition("=")[0].strip() in keys:
            raise click.UsageError(f"{option} and `--set {setting}`: leave one of them out")


class UserPath(click.Path):
    """A path in which `~` is a home: a shell leaves it as it is in `--out=~/runs`."""

    def __init__(
        self, *, exists: bool = False, file_okay: bool = True, dir_okay: bool = True
    ) -> None:
        super().__init__(exists=exists, file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            # What a variable of a shell that is not set leaves is not meant for this folder.
            self.fail("an empty path", param, ctx)
        path = Path(value)
        with suppress(RuntimeError):  # of a user that there is not
            path = path.expanduser()
        return super().convert(path, param, ctx)


class SpecPath(UserPath):
    """The path of a spec, the name of a shipped one, or `-`, whose text it then is.

    Whether there is such a spec is for the compiler to say.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if str(value) != "-" or (ctx is not None and ctx.resilient_parsing):
            return super().convert(value, param, ctx)
        if ctx is not None:
            if ctx.meta.get(_STDIN):
                self.fail("`-`: the standard input is read once", param, ctx)
            ctx.meta[_STDIN] = True
        if sys.stdin is None:
            self.fail("`-`: the standard input is closed", param, ctx)
        return stream_source(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return completing.specs(incomplete)


class RunPath(UserPath):
    """A place of a run, about which the system can say whether something is there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path: Path = super().convert(value, param, ctx)
        if str(path) == "-":
            self.fail("`-` is no place of a run", param, ctx)
        try:
            path.exists()
        except OSError as exc:  # a name that is too long, a folder that may not be entered
            self.fail(f"`{path}`: {(exc.strerror or str(exc)).lower()}", param, ctx)
        return path


class Shape(click.ParamType):  # type: ignore[type-arg]
    """Channels and sides of an image, as `3,224,224`."""

    name = "shape"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6}){1,3}", str(value), re.ASCII) is None:
            self.fail(f"{value!r} is no channels and sides, such as 3,224,224", param, ctx)
        return tuple(map(int, str(value).split(",")))


class Percent(click.ParamType):  # type: ignore[type-arg]
    """A share of a whole, as `40%`."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%", str(value), re.ASCII)
        if found is None or not 0 < float(found[1]) <= 100:
            self.fail(f"{value!r} is no share above 0%, up to 100%, such as 40%", param, ctx)
        return float(found[1]) / 100


def choice(words: object) -> click.Choice[str]:
    """The words of a `Literal` as those that an option takes, so that they are listed once."""
    return click.Choice(get_args(words))


def specs_argument(command: F) -> F:
    return click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=SpecPath())(
        command
    )


def spec_argument(command: F) -> F:
    return click.argument("spec", metavar="SPEC", type=SpecPath())(command)


def backend_option(command: F) -> F:
    return click.option(
        "--backend",
        type=click.Choice(NAMES),
        default="torch",
        show_default=True,
        help="Framework that the files are for.",
    )(command)


def root_option(command: F) -> F:
    return click.option(
        "--root",
        type=UserPath(exists=True, file_okay=False),
        metavar="DIR",
        help="Folder that `extends` may not leave; by default the nearest above the spec with "
        "pyproject.toml or .git.",
    )(command)


def set_option(command: F) -> F:
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        shell_complete=completing.settings,
        help="Change a value of the spec, e.g. stages.1.modules=4; arrays count from 0.",
    )(command)


def watch_option(command: F) -> F:
    return click.option(
        "--watch", is_flag=True, help="Do it again whenever a file of it changes, until Ctrl-C."
    )(command)


def _keep_format(ctx: click.Context, _: click.Parameter, value: str) -> str:
    # Whatever goes wrong later is printed so too.
    ctx.find_root().obj = value
    return value


def crops_option(command: F) -> F:
    from archcompiler.runner.recipe.choices import Crops

    return click.option(
        "--crops",
        type=choice(Crops),
        default="1",
        show_default=True,
        help="The whole image, or four corners and the middle, each also mirrored.",
    )(command)


def size_option(command: F) -> F:
    return click.option(
        "--size",
        type=pixel_size,
        metavar="SIZE",
        help="Pixels a side, e.g. 320, or HEIGHTxWIDTH; by default the spec's.",
    )(command)


def recipe_set_option(command: F) -> F:
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a value of the recipe.",
    )(command)


def grace_option(command: F) -> F:
    return click.option(
        "--grace",
        type=click.FloatRange(0, min_open=True),
        default=20.0,
        show_default=True,
        metavar="SECONDS",
        help="Longest time from SIGTERM to the end, with a checkpoint if it can be written in it.",
    )(command)


def on_error_option(command: F) -> F:
    from archcompiler.runner.recipe.choices import OnError

    return click.option(
        "--on-error",
        type=choice(OnError),
        help="What an image that cannot be read does: stop, or be left out and counted; by default "
        "as in training.",
    )(command)


def diagnostic_format_option(command: F) -> F:
    return click.option(
        "--format",
        "diagnostic_format",
        type=choice(ReportFormat),
        default="text",
        show_default=True,
        callback=_keep_format,
        is_eager=True,
        help="How diagnostics are printed; json also says what the networks are.",
    )(command)
