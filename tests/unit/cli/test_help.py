"""What a command says of itself, and what a shell completes."""

from __future__ import annotations

import inspect
import shlex

import click
import pytest
from command_line import parsed
from unit.cli.invoking import invoke, write

from archcompiler import shipped
from archcompiler.analysis.roofline import accelerators
from archcompiler.cli.command import Command
from archcompiler.cli.completing import SHELLS, VARIABLE
from archcompiler.cli.options import SpecPath
from archcompiler.cli.program import COMMANDS, group, run
from archcompiler.diagnostics.codes import all_codes

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_groups_and_examples_that_are_commands(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert isinstance(command, Command)
    text = invoke(name, "--help").stdout
    options = {str(p.name) for p in command.params if isinstance(p, click.Option)}
    grouped = [option for names in command.groups.values() for option in names]
    assert len(set(grouped)) == len(grouped)
    assert set(grouped) <= options
    for option in (p for p in command.params if isinstance(p, click.Option)):
        assert text.count(option.opts[-1]) >= 1
    for example in command.examples:
        first, *words = shlex.split(example.partition(" > ")[0])
        assert first == name
        parsed(name, *words)
        assert f"archcompiler {example}" in " ".join(text.split())


def test_the_commands_are_listed_by_what_they_are_about() -> None:
    text = invoke("--help").stdout
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert text.index("\nSpecs:") < text.index("\n  new ") < text.index("\nTraining:")


# Completion


def complete(
    *words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What bash is offered for the last of these words."""
    monkeypatch.setenv("COMP_WORDS", shlex.join(["archcompiler", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    monkeypatch.setenv(VARIABLE, "bash_complete")
    assert run([]) == 0
    return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["fl"], {"flops"}),
        (["build", "attention92_c"], {"attention92_cifar", "attention92_cifar_naive"}),
        (["build", "ti"], {"tiny.toml"}),
        (["build", "be"], {"below/"}),
        (["build", "below/"], {"below/deep.json"}),
        (["check", "tiny.toml", "atten"], {n for n in shipped.specs() if n.startswith("atten")}),
        (["explain", "e30"], {c for c in all_codes() if c.startswith("E30")}),
        (["flops", "tiny.toml", "--device", "h"], {a for a in accelerators() if a[0] == "h"}),
        (["train", "tiny.toml", "--recipe", ""], {*shipped.recipes(), "below/", "tiny.toml"}),
        (["list", "a"], {"accelerators"}),
        (["build", "tiny.toml", "--set", "st"], {"stem.", "stages."}),
        (["build", "tiny.toml", "--set", "stages."], {"stages.0."}),
        (["build", "attention56", "--set", "stages.2.m"], {"stages.2.modules="}),
        (["build", "attention56", "--set", "attention.p"], {"attention.p="}),
        (["build", "attention56", "--set", "attention.mask.sk"], {"attention.mask.skip="}),
        (["build", "tiny.toml", "--set", "unit=res"], {"unit=res2net", "unit=resnext"}),
        (
            ["build", "tiny.toml", "--set", "attention.mask=s"],
            {"attention.mask=se", "attention.mask=simam"},
        ),
        (["train", "tiny.toml", "--set", "optimizer.l"], {"optimizer.lr="}),
        (["diagram", "attention56", "--expand", "stage3/att"], {"stage3/attention1"}),
        (["diagram", "attention56", "--level", "m"], {"module"}),
        (["build", "gone.toml", "--set", "class"], {"classes=", "class_name="}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_completion(
    words: list[str],
    offered: set[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("below/deep.json", "{}")
    write("notes.txt", "")
    found = complete(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert set(found) == offered
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell(shell: str) -> None:
    assert VARIABLE in invoke("completion", shell).stdout


def test_what_may_be_the_standard_input_is_annotated_so() -> None:
    """Click hides types from a checker: a spec may be a text that was read, and no path."""
    found = [
        (command, parameter.name)
        for command in (group.get_command(click.Context(group), name) for name in COMMANDS)
        if command is not None
        for parameter in command.params
        if isinstance(parameter.type, SpecPath)
    ]
    assert len(found) > 10
    for command, name in found:
        assert command.callback is not None
        given = inspect.signature(inspect.unwrap(command.callback)).parameters[str(name)]
        assert "SpecArgument" in str(given.annotation), f"{command.name}: {name}"
