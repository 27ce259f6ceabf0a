"""Every code block of the documents, run or checked as its language asks.

A page is walked from its top to its end in one folder, so that a block may use what those before
it have left there. No block can be passed over: a language that nothing is known of is an error.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from command_line import run
from documents import ROOT, matches

import archcompiler
from archcompiler import shipped
from archcompiler.cli.program import COMMANDS, group
from archcompiler.language.library import ZOO
from archcompiler.runner.recipe.model import Recipe
from archcompiler.spec.model import Spec

FENCE: Final = re.compile(
    r"^(?P<mark>```+)(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=mark)$", re.S | re.M
)
ONLY_RECIPES: Final = Recipe.model_fields.keys() - Spec.model_fields.keys()
SHOWN_ONLY: Final = frozenset({"text"})
"""Languages of what is neither run nor read: the help of commands, which is made."""


@dataclass(frozen=True)
class Block:
    """A code block, with the number of its first line."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def marks(path: Path) -> list[str]:
    """Every line that begins or ends a code block, also inside a list or a quotation."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^[ \t>*+\d.-]*(?:```+|~~~+).*$", text, re.MULTILINE)


def blocks(path: Path) -> Iterator[Block]:
    """Those of a page in order."""
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT).as_posix()
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 2
        yield Block(name, line, found["language"].strip(), found["text"])


@dataclass
class Walk:
    """One page in a folder: `swaps` make it quick, and `skips` say why commands do not run."""

    folder: Path
    swaps: Mapping[str, str] = field(default_factory=dict)
    skips: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """Packages that are not here: what imports them is left out."""
    specs: list[Path] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def take(self, block: Block) -> None:
        """Run a block or check it."""
        if block.language in SHOWN_ONLY:
            return
        whole = next((s for s in self.skips if block.text.startswith(s) and "\n" not in s), None)
        if whole is not None and block.language not in ("console", "sh"):
            self.used.add(whole)
            return
        handler = getattr(self, f"_{block.language}", None)
        assert handler is not None, f"{block}: nothing runs `{block.language or 'plain'}` blocks"
        try:
            handler(self._quick(block.text))
        except Exception as exc:
            exc.add_note(f"in the block at {block}")
            raise

    def _quick(self, text: str) -> str:
        for old, new in self.swaps.items():
            if old in text:
                self.used.add(old)
                text = text.replace(old, new)
        return text

    def _python(self, text: str) -> None:
        if any(re.search(rf"^(import|from) {name}\b", text, re.M) for name in self.missing):
            return
        if text.startswith("class "):
            networks = [archcompiler.compile(spec) for spec in self.specs]
            networks += [network.for_backend("jax") for network in networks]
            sources = (*_emitted(), *(network.source for network in networks))
            assert any(text in source for source in sources), "no emitted file has this class"
            return
        if text.startswith(("import ", "from ")):
            self.scope = {"__name__": "__main__"}
        exec(compile(text, "<snippet>", "exec"), self.scope)

    def _console(self, text: str) -> None:
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            printed = self._command(command, any_code=True)
            assert printed is None or matches(shown, printed), printed

    def _sh(self, text: str) -> None:
        for line in text.replace("\\\n", " ").splitlines():
            self._command(line)

    def _command(self, line: str, any_code: bool = False) -> str | None:
        """What a command prints; None where it is not run."""
        skipped = next((start for start in self.skips if line.startswith(start)), None)
        words = shlex.split(line, comments=True)
        if not words:
            return None
        if skipped is not None:
            self.used.add(skipped)
            if words[0] == "archcompiler":
                understood(words[1:])
            return None
        if words[:2] == ["pip", "install"]:
            _installable(words[2:])
            return None
        assert words[0] == "archcompiler", f"nothing runs `{words[0]}`"
        if not any_code:
            return run(*words[1:]).stdout
        from click.testing import CliRunner

        result = CliRunner().invoke(group, words[1:])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return result.output

    def _toml(self, text: str) -> None:
        values = tomllib.loads(text)
        if "steps" in values:
            files = (path.read_text(encoding="utf-8") for path in ZOO.glob("*/*.toml"))
            assert any(text in file for file in files), "no block of the zoo reads like this"
            return
        if isinstance(values.get("specs"), list):
            name = "study"
        elif values.keys() & ONLY_RECIPES:
            name = "mine"
        elif isinstance(values.get("space"), dict):
            name = "space"
        else:
            name = values.get("name", "shown")
            if "extends" not in values and "stages" not in values:
                text = f'extends = "attention56"\n{text}'
        file = self.folder / f"{name}.toml"
        if name in shipped.specs():
            # A file of the name of a shipped spec would be taken for it.
            base = values.get("extends", "")
            folder = self.folder / "specs" if base.endswith(".toml") else self.folder / "shown"
            file = folder / f"shown_{name}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        run("check", str(file))
        if name not in ("mine", "space", "study"):
            self.specs.append(file)

    def _yaml(self, text: str) -> None:
        import yaml

        for line in re.findall(r"archcompiler (\w+)", json.dumps(yaml.safe_load(text))):
            assert line in COMMANDS or line == "archcompiler", line

    def _ini(self, text: str) -> None:
        assert tomllib.loads(text)

    def _latex(self, text: str) -> None:
        """What it includes is there; where there is a TeX with its packages, it is set."""
        for name in re.findall(r"\\(?:includegraphics(?:\[[^]]*\])?|input)\{([^}]+)\}", text):
            assert (self.folder / name).is_file(), name
        packages = re.findall(r"\\usepackage\{(\w+)\}", text)
        if shutil.which("pdflatex") and all(map(_has_tex, packages)):
            (self.folder / "paper.tex").write_text(text, encoding="utf-8")
            command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
            done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False)
            assert done.returncode == 0, done.stdout.decode(errors="replace")


def _has_tex(package: str) -> bool:
    return not subprocess.call(["kpsewhich", f"{package}.sty"], stdout=subprocess.DEVNULL)


@cache
def _emitted() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in (ROOT / "generated").glob("*.py"))


def understood(arguments: list[str]) -> None:
    """That a command line which is not run has options that there are."""
    with group.make_context("archcompiler", [], resilient_parsing=True) as parent:
        command = group.get_command(parent, arguments[0])
    assert command is not None, arguments[0]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for word in arguments[1:]:
        assert not word.startswith("--") or word.partition("=")[0] in known, word


def _installable(words: list[str]) -> None:
    """That what is installed is this package, with extras that it has, or what its tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    known = {re.split(r"[<>=\[]", name)[0] for names in extras.values() for name in names}
    options = {"-c": "constraints.txt", "-e": "."}
    for option, word in zip(["", *words], words, strict=False):
        if word in options:
            continue
        if option in options:
            assert word.startswith(options[option]), word
            word = word.replace(".", project["name"], 1) if option == "-e" else project["name"]
        name, _, asked = word.rstrip("]").partition("[")
        assert name == project["name"] or name in known, word
        assert set(filter(None, asked.split(","))) <= extras.keys(), word
