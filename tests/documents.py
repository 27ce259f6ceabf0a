"""What the documents show: their examples, and the tables that are written anew.

`python tests/regenerate.py documents` writes the tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from archcompiler.analysis.costs import network_cost
from archcompiler.compiler import compile
from archcompiler.language.definition import Definition
from archcompiler.language.library import HOMES, ZOO, Library
from archcompiler.ops.argument import Argument
from archcompiler.ops.base import Operator
from archcompiler.ops.registry import operators

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
RESULTS: Final = ROOT / "benchmarks" / "results.json"
IMPLEMENTATIONS: Final = ROOT / "docs" / "implementations.md"
BLOCKS: Final = ROOT / "docs" / "blocks.md"
ZOO_PAGE: Final = ROOT / "docs" / "reference" / "zoo.md"
NETWORKS: Final = ROOT / "docs" / "reference" / "networks.md"
KINDS: Final = {
    "units": "unit",
    "masks": "mask",
    "modules": "module",
    "stems": "stem",
    "heads": "head",
    "blocks": "part",
}
FOLDERS: Final = {
    "backbones": "backbone",
    "attention_kinds": "attention in ResNet-50",
    "ports": "port",
    ".": "1-D and 3-D",
}
DIMENSIONS: Final = ("attention56_ecg.toml", "attention56_volume.toml")
"""Specs of the top folder that are not two-dimensional."""


def fences(text: str, language: str) -> list[str]:
    """The code blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is `shown`, in which an ellipsis on a line stands for any lines."""
    parts = [re.escape(part.strip("\n")) for part in re.split(r"^…$", shown, flags=re.MULTILINE)]
    return re.fullmatch(r"\n*(?:.*\n)*?".join(parts) + r"\n*", printed) is not None


def zoo() -> Iterator[Definition]:
    """Every block that comes with the compiler, as it would be found by its name."""
    library = Library()
    for folder in KINDS:
        home = next((home for home in HOMES if home == folder), "blocks")
        for path in sorted((ZOO / folder).glob("*.toml")):
            definition = library.find(path.stem, home)
            assert definition is not None
            yield definition


def zoo_table() -> str:
    """Kind, name, title, source and options of each block."""
    rows = [
        (
            KINDS[block.home],
            f"`{block.name}`",
            block.title,
            " ".join(f"`{name}`" for name in block.options) or "–",
        )
        for block in zoo()
    ]
    return table(("", "block", "what it is", "options"), rows)


def operator_table() -> str:
    """Name, inputs, arguments and meaning of each operator."""
    rows = [
        (
            f"`{kind}`",
            _inputs(operator),
            ", ".join(_argument(*item) for item in operator.arguments.items()) or "–",
            _meaning(operator),
        )
        for kind, operator in operators().items()
    ]
    return table(("operator", "inputs", "arguments", "what it is"), rows)


def specs_table() -> str:
    """Input, parameters and multiply-accumulates of the specs beyond the complexity table."""
    rows = []
    for folder, title in FOLDERS.items():
        for path in sorted((ROOT / "specs" / folder).glob("*.toml")):
            if folder == "." and path.name not in DIMENSIONS:
                continue
            graph = compile(path).graph
            cost = network_cost(graph)
            input = "×".join(map(str, (graph.input.channels, *graph.input.size)))
            rows.append((title, f"`{path.stem}`", input, f"{cost.params:,}", f"{cost.macs:,}"))
    return table(("", "spec", "input", "parameters", "MACs"), rows, "lllrr")


def benchmarks_table() -> str:
    """What `python -m benchmarks --record` has measured, and where."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    rows, places = [], {}
    for part, found in results.items():
        place = f"{found['machine']}, Python {found['python']}, torch {found['torch']}"
        places.setdefault(f"{place}, commit {found['commit']}", []).append(f"`{part}`")
        for r in found["results"]:
            value, other = (_amount(r[key], r["unit"]) for key in ("value", "other"))
            ratio = f"{r['ratio']:.3g}"
            if r["goal"] is not None:
                ratio += f" ({r['goal']:.3g} at most)"
            spread = f"{r['low']:.3g} to {r['high']:.3g}"
            rows.append((f"`{part}`", r["what"], value, r["against"], other, ratio, spread))
    head = ("part", "", "takes", "against", "which takes", "ratio", "middle half")
    said = "; ".join(f"{', '.join(parts)}: {place}" for place, parts in places.items())
    return f"\n{table(head, rows, 'llrlrrr')}\nMeasured on {said}.\n"


def _amount(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:,.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def ports_table() -> str:
    """What an audit finds of the public ports; imports torch."""
    from audited import ports_table

    return ports_table()


SECTIONS: Final[Mapping[Path, Mapping[str, Callable[[], str]]]] = {
    ZOO_PAGE: {"zoo": zoo_table},
    NETWORKS: {"specs": specs_table},
    BLOCKS: {"operators": operator_table},
    README: {"benchmarks": benchmarks_table},
    IMPLEMENTATIONS: {"ports": ports_table},
}
"""Tables between markers, `<!-- zoo -->` and `<!-- /zoo -->`."""


def section(text: str, name: str) -> str:
    """What stands between the markers of a name."""
    (found,) = _marked(name).findall(text)
    return str(found)


def with_section(text: str, name: str, table: str) -> str:
    """The document with a table between its markers."""
    assert len(_marked(name).findall(text)) == 1
    return _marked(name).sub(lambda _: f"\n{table}\n", text)


def _marked(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], alignment: str | None = None) -> str:
    rules = {"l": ":--", "r": "--:"}
    rule = [rules[side] for side in alignment or "l" * len(head)]
    lines = (head, tuple(rule), *rows)
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _inputs(operator: type[Operator]) -> str:
    least, most = operator.arity
    if least == most:
        return f"{least}"
    return f"{least}+" if most is None else f"{least}–{most}"


def _argument(name: str, argument: Argument) -> str:
    text = f"`{name}`"
    if argument.choices:
        text += f" ({', '.join(argument.choices)})"
    if not argument.required:
        default = argument.default
        shown = str(default).lower() if isinstance(default, bool) else default
        text += f" = {argument.help if default is None else shown}"
    return text


def _meaning(operator: type[Operator]) -> str:
    return (operator.__doc__ or "").partition("\n\n")[0].replace("\n", " ").strip()
