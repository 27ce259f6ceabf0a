"""The command line: a group that imports a command only when it is run."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from archcompiler import __version__, terminal
from archcompiler.cli.completing import VARIABLE, answer

if TYPE_CHECKING:
    from archcompiler.diagnostics import CompileError

_INTERRUPTED: Final = 130
_GONE: Final = 141
"""As a shell has it for a program that a SIGPIPE has ended."""
INSTALL: Final = {
    "torch": "pip install torch",
    "fvcore": "pip install fvcore",
    "onnx": "pip install 'archcompiler[onnx]'",
    "pygls": "pip install 'archcompiler[lsp]'",
    "lsprotocol": "pip install 'archcompiler[lsp]'",
    "jax": "pip install 'archcompiler[jax]'",
    "flax": "pip install 'archcompiler[jax]'",
}
"""How to get what some commands need: each of the others works without."""
SECTIONS: Final = {
    "Specs": {
        "new": "Write a short spec that changes another.",
        "check": "Check specs as graphs, without importing a framework.",
        "show": "Print a resolved spec and where each value comes from.",
        "list": "List shipped specs, recipes, spaces and studies, blocks, accelerators and codes.",
        "explain": "Explain the code of a diagnostic.",
        "schema": "Print the JSON Schema of specs, for editors.",
    },
    "Networks": {
        "build": "Compile specs to standalone files for PyTorch or JAX.",
        "verify": "Prove that emitted modules are the checked graphs.",
        "flops": "Count parameters, MACs, activations and memory; compare and verify.",
        "search": "Find all specs of a space that no other of it beats.",
        "audit": "Say whether another implementation is the network, and where it is not.",
        "decompile": "Write the shortest spec of another implementation.",
        "weights": "Take the weights of another implementation, tensor by tensor.",
        "diff": "Say what differs between two networks, or revisions of one.",
        "diagram": "Draw architecture figures for a paper and for a browser.",
    },
    "Training": {
        "plan": "Say whether a training run fits into memory, and how long it lasts at least.",
        "train": "Train a network by a recipe, in one process or many.",
        "study": "Train several networks under several seeds, and compare them with intervals.",
        "eval": "Evaluate a trained network.",
        "predict": "Say which classes a trained network sees in images.",
        "masks": "Draw the attention masks of a trained network over images.",
        "export": "Write a trained network for those without archcompiler.",
    },
    "Editors and shells": {
        "lsp": "Serve an editor: diagnostics, costs and fixes while a spec is written.",
        "completion": "Print a script that completes what is typed.",
    },
}
"""Every command with its line in `--help`; each lives in the module of its name."""
COMMANDS: Final = {name: line for lines in SECTIONS.values() for name, line in lines.items()}


class LazyGroup(click.Group):
    """Lists its commands from `COMMANDS` and imports one to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"archcompiler.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from archcompiler.diagnostics.suggest import did_you_mean

            guess = did_you_mean(args[0], COMMANDS)
            hint = f" Did you mean `{guess}`?" if guess else ""
            ctx.fail(f"no such command `{args[0]}`.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, lines in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(lines.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click would import every command, to look whether it is hidden.
        items = [
            CompletionItem(name, help=line)
            for name, line in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="archcompiler")
def group() -> None:
    """Compile a short spec of a Residual Attention Network.

    Exit codes: 0 fine, 1 a check says no, 2 bad usage, a bad spec or a file or stream that cannot
    be written, 130 interrupted, 141 the reader of the output has gone.
    """


def run(arguments: list[str]) -> int:
    """Run one command line to its end and return the exit code."""
    _without_plugins()
    terminal.prepare()
    if VARIABLE in os.environ:
        return answer(group, os.environ[VARIABLE])
    try:
        code = _invoke(arguments)
        terminal.finish()
    except BrokenPipeError:
        code = _GONE
    except KeyboardInterrupt:
        # Of a module that was run: a signal ends the process where it comes.
        code = _INTERRUPTED
    except _compile_error() as unwritten:
        code = _told(unwritten)
    finally:
        # The process ends: looking for cycles among all that was imported would take a quarter of
        # a build.
        gc.disable()
        gc.freeze()
    terminal.silence()
    return code


def _without_plugins() -> None:
    """Let pydantic look for no plugins: none has a part in our models.

    Its variable spares a look into every installed package. What remains is the import of all that
    would look, a twentieth of a build, and a module of no plugins in its place spares that too.
    """
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__":
        sys.modules.setdefault(_NoPlugins.name, _NoPlugins(_NoPlugins.name))


class _NoPlugins(ModuleType):
    name = "pydantic.plugin._loader"

    @staticmethod
    def get_plugins() -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # Whatever else another version of pydantic may ask for.
        sys.modules.pop(self.name, None)
        return getattr(import_module(self.name), name)


def _invoke(arguments: list[str]) -> int:
    try:
        with group.make_context("archcompiler", arguments) as context:
            # A command leaves there how its diagnostics are to be printed.
            group.invoke(context)
    except click.exceptions.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        _report_usage(exc)
        return exc.exit_code
    except _compile_error() as exc:
        return _told(exc, context.obj)
    except ImportError as exc:
        package = (exc.name or "").partition(".")[0]
        if package not in INSTALL:
            raise
        from archcompiler.diagnostics import error

        problem = error(
            "E410",
            f"this command needs {package}, which cannot be imported",
            notes=(str(exc),),
            help=INSTALL[package],
        )
        return _told(_compile_error()(problem), context.obj)
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except OSError as exc:
        # Click prints its help by itself. Any other error has a name of a file, or is our mistake.
        if exc.filename is not None or isinstance(exc, BrokenPipeError):
            raise
        from archcompiler.diagnostics import CompileError, error

        reason = (exc.strerror or str(exc)).lower()
        raise CompileError(error("E406", f"cannot write the output: {reason}")) from None
    return 0


def _compile_error() -> type[CompileError]:
    """The exception, imported once something is raised: `--help` need not wait for it."""
    from archcompiler.diagnostics import CompileError

    return CompileError


def _told(problem: CompileError, format: Any = None) -> int:
    """The exit code, once the problem is reported."""
    from archcompiler.cli.report import report

    lost = any(found.code == "E406" for found in problem.diagnostics)
    # That stdout takes nothing is said on stderr.
    report(problem.diagnostics, "text" if lost else format or "text")
    return 2


def _report_usage(exc: click.ClickException) -> None:
    """What click says of bad usage; the words of the user are in it."""
    message = exc.format_message()
    if isinstance(exc, click.exceptions.NoArgsIsHelpError):
        terminal.page(f"{message}\n", err=True)
        return
    context = exc.ctx if isinstance(exc, click.UsageError) else None
    if context is not None:
        terminal.page(context.get_usage() + "\n", err=True)
        terminal.page(f"Try '{context.command_path} --help' for help.\n\n", err=True)
    # Of a missing argument click lists the choices in lines. Elsewhere a line break is the user's.
    listed = isinstance(exc, click.MissingParameter)
    for part in f"Error: {message}".split("\n") if listed else [f"Error: {message}"]:
        terminal.line(part.replace("\t", "  ") if listed else part, err=True)
