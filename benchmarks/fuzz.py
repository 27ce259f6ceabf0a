"""Specs, settings and recipes that nobody meant: `python benchmarks/fuzz.py --seconds 600`.

Each case is a command line in a folder of its own, run to its end in a process of its own. It has
to exit as the README says, without a traceback, in 2 s of processor time and 500 MB, and to print
nothing that acts on a terminal. Cases come from five hands: shipped files with bytes changed, with
words of the language changed, with values changed, specs that are drawn by the grammar of
`tests/strategies.py` with slips in them, and settings. `--seed` makes the same cases again.

Exit 1 if a case fails; each is kept under `--failures`. `--record` writes what came out to
`benchmarks/fuzz.json`. Only for systems with `fork`.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import random
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from strategies import any_specs, specs, to_toml  # noqa: E402 - beside the tests

import archcompiler  # noqa: E402
from archcompiler.cli import program  # noqa: E402
from archcompiler.diagnostics import CompileError  # noqa: E402
from archcompiler.diagnostics.render import render  # noqa: E402
from archcompiler.runner.recipe.loading import load_recipe  # noqa: E402

RESULT = Path(__file__).with_suffix(".json")
MOST_SECONDS, MOST_MEGABYTES = 2.0, 500.0
# A case that never ends is ended, well above the bound.
KILLED_AFTER = 20

SPEC_FILES = sorted(
    path
    for folder in ("specs", "tests/errors", "tests/golden", "tests/hostile")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".toml", ".json") and "recipes" not in path.parts
)
# A file that stands alone and is right is the best to start from.
RIGHT_FILES = [
    path
    for path in SPEC_FILES
    if path.parts[-2] != "errors" and b"extends" not in path.read_bytes()
]
RECIPE_FILES = sorted((ROOT / "specs" / "recipes").glob("*.toml"))
COMMANDS = (
    *(["check"], ["check", "--format", "json"], ["check", "--format", "github"]),
    *(["check", "--strict"], ["build", "-o", "out"], ["build", "-o", "out", "--check"]),
    *(["show"], ["flops"], ["flops", "--by", "module", "--format", "json"]),
)
MAY_SAY_NO = ("--strict", "--check")
"""Options of commands that exit with 1 when a check says no."""
TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9._]*|\s+|.', re.DOTALL)
HOSTILE: tuple[bytes, ...] = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        *("0", "-1", "1e9", "1" * 30, "1" * 700, "9223372036854775807", "1_000_000", "nan", "inf"),
        *("65536", "400000", "1000000000", "0x10", "1979-05-27", "true", "null", "'''", '"""'),
        *('"\x1b[31m"', '"\u202e"', '"\x9b"', '"coding: the"', '"\\u2028"', "\ud800", "\x00"),
        *("[" * 70, "{" * 70, "]" * 3, "[[stages]]", "[blocks.own.steps]", 'extends = "x.toml"'),
        *("class", "forward", "self", "none", "x", "c / 7", '"c * 9999"', '"depth - 1"', "a.b.c.d"),
    )
)
KEYS = (
    *("name", "input", "classes", "stages", "stages.0", "stages.0.modules", "stages.0.before"),
    *("stages.9.depth", "attention.p", "attention.mask.depth", "unit", "stem.channels", "head"),
    *("norm", "activation", "blocks.own.steps.a.op", "extends", "title", "", "a.b", "\x1b", "é"),
)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Case:
    """A command line, and the one file that it is about."""

    hand: str
    words: tuple[str, ...]
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """How a case ended."""

    code: int
    seconds: float
    megabytes: float
    out: str
    err: str


def complaint(case: Case, outcome: Outcome) -> str | None:
    """What is wrong with the way a case ended; None if all is well."""
    allowed = {0, 2, *([1] if set(MAY_SAY_NO) & set(case.words) else [])}
    printed = outcome.out + outcome.err
    if "Traceback (most recent call last)" in printed:
        return f"traceback: {printed.strip().splitlines()[-1][:200]}"
    if outcome.code not in allowed:
        return f"exit code {outcome.code}"
    if outcome.code == 2 and not re.search(r"error|Error", printed):
        return "exit code 2 without a word"
    if UNSAFE.search(printed):
        return "what is printed acts on a terminal"
    if outcome.seconds > MOST_SECONDS:
        return f"{outcome.seconds:.1f} s of processor time"
    if outcome.megabytes > MOST_MEGABYTES:
        return f"{outcome.megabytes:.0f} MB"
    return None


def run(case: Case, folder: Path) -> Outcome:
    """Run a case in `folder` and in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / case.name).write_bytes(case.data)
    out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
    child = os.fork()
    if not child:
        code = 70
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (KILLED_AFTER, KILLED_AFTER))
            for path, number in ((out, 1), (err, 2)):
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(file, number)
            # Whoever runs this may have put something else in their place.
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            os.chdir(folder)
            code = _main(case)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    return Outcome(
        os.waitstatus_to_exitcode(status),
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 1024,
        *(path.read_bytes().decode(errors="replace") for path in (out, err)),
    )


def _main(case: Case) -> int:
    command, *words = case.words
    if command != "recipe":
        return program.run([command, *words])
    try:
        load_recipe(Path(case.name), words)
    except CompileError as problem:
        print(render(problem.diagnostics, "text"), file=sys.stderr, flush=True)
        return 2
    return 0


def cases(rng: random.Random) -> Iterator[Case]:
    """Cases without end, of every hand in turn."""
    drawn = _drawn(rng)
    while True:
        for make in (_bytes, _tokens, _values, _recipe):
            yield make(rng)
        yield next(drawn)
        yield _set(rng)


def _file(rng: random.Random) -> Path:
    return rng.choice(RIGHT_FILES if rng.random() < 0.8 else SPEC_FILES)


def _of_file(hand: str, rng: random.Random, change: Callable[[bytes], bytes]) -> Case:
    path = _file(rng)
    data = path.read_bytes()
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        data = change(data)
    name = f"spec{path.suffix}"
    return Case(hand, (*rng.choice(COMMANDS), name), name, data)


def _bytes(rng: random.Random) -> Case:
    return _of_file("bytes", rng, lambda data: _with_bytes(rng, data))


def _with_bytes(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((1, 1, 2, 9, 60)))
    match rng.randrange(5):
        case 0:
            return data[:at] + rng.randbytes(rng.choice((1, 2, 4))) + data[end:]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:at] + data[at:end] * rng.choice((2, 3, 40)) + data[end:]
        case 3:
            other = rng.choice(SPEC_FILES).read_bytes()
            start = rng.randrange(len(other) + 1)
            return data[:at] + other[start : start + rng.choice((9, 60, 400))] + data[end:]
        case _:
            return data[:at] + rng.choice(HOSTILE) + data[at:]


def _tokens(rng: random.Random) -> Case:
    return _of_file("words", rng, lambda data: _with_tokens(rng, data))


def _with_tokens(rng: random.Random, data: bytes) -> bytes:
    tokens = TOKEN.findall(data)
    if not tokens:
        return data
    at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    match rng.randrange(4):
        case 0:
            tokens[at] = rng.choice(HOSTILE)
        case 1:
            tokens[at] = rng.choice(TOKEN.findall(rng.choice(SPEC_FILES).read_bytes()) or [b""])
        case 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        case _:
            line = data.splitlines(keepends=True)
            return b"".join([*line, rng.choice(line)])
    return b"".join(tokens)


def _values(rng: random.Random) -> Case:
    """A shipped spec with values of another kind or size, as JSON or as TOML."""
    while True:
        path = _file(rng)
        try:
            text = path.read_text(encoding="utf-8")
            spec = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
            if isinstance(spec, dict) and "extends" not in spec:
                break
        except ValueError:
            continue
    for _ in range(rng.choice((1, 1, 2, 4))):
        holder, key = rng.choice(list(_places(spec)) or [(spec, "name")])
        holder[key] = copy.deepcopy(rng.choice(_JUNK)(rng))
    return _spec_case("values", rng, spec)


_JUNK: tuple[Callable[[random.Random], Any], ...] = (
    lambda rng: rng.choice((0, -1, 1, 1, 2, 2, 3, 4, 7, 8, 16, 32, 64, 64, 128)),
    lambda rng: rng.choice((63, 1000, 19_000, 65_536)),
    lambda rng: rng.choice((10**6, 10**9, 10**18, 1 << 63, 0.5, 1e308, True, None)),
    lambda rng: rng.choice(("resnext", "none", "basic", "se", "hourglass", "mask", "x", "", "é")),
    lambda rng: rng.choice(
        ("c / 3", "c * c * c", "max(c, 1)", "r - 1", "9" * 30, "c > 2", "1 / 0")
    ),
    lambda rng: "".join(chr(rng.choice((0x1B, 0x9B, 0x202E, 0x41, 0x22, 0x5C))) for _ in range(8)),
    lambda rng: [rng.randrange(100)] * rng.choice((0, 1, 3, 400)),
    lambda rng: {"type": rng.choice(("conv", "local", "bottleneck", "gelu", "nothing"))},
    lambda rng: [
        {"channels": 16 + i, "modules": 1, "depth": 1} for i in range(rng.choice((1, 90)))
    ],
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in list(steps):
        yield value, step
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _spec_case(hand: str, rng: random.Random, spec: Any) -> Case:
    if rng.random() < 0.5:
        text, name = json.dumps(spec, default=str, skipkeys=True), "spec.json"
    else:
        text, name = to_toml(json.loads(json.dumps(spec, default=str, skipkeys=True))), "spec.toml"
    data = text.encode("utf-8", "surrogatepass")
    return Case(hand, (*rng.choice(COMMANDS), name), name, data)


def _drawn(rng: random.Random) -> Iterator[Case]:
    while True:
        yield from [_spec_case("grammar", rng, spec) for spec in _batch(rng.getrandbits(32))]


def _batch(number: int) -> list[dict[str, Any]]:
    """A hundred specs that the grammar leads to, with slips."""
    drawn: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=100,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(specs() | any_specs())
    def collect(spec: dict[str, Any]) -> None:
        drawn.append(spec)

    collect()
    return drawn


def _recipe(rng: random.Random) -> Case:
    data = rng.choice(RECIPE_FILES).read_bytes()
    for _ in range(rng.choice((1, 2, 4))):
        data = rng.choice((_with_bytes, _with_tokens))(rng, data)
    value = rng.choice(HOSTILE).decode(errors="replace").replace("\0", "")
    setting = f"{rng.choice(('optimizer.lr', 'data.batch_size', 'epochs', 'data'))}={value}"
    return Case("recipes", ("recipe", *([setting] if rng.random() < 0.3 else [])), "r.toml", data)


def _set(rng: random.Random) -> Case:
    path = rng.choice(RIGHT_FILES)
    words = [*rng.choice(COMMANDS), f"spec{path.suffix}"]
    for _ in range(rng.choice((1, 1, 1, 3))):
        value = rng.choice((rng.choice(HOSTILE).decode(errors="replace"), _word(rng), "1", "2"))
        words += ["--set", f"{rng.choice(KEYS)}={value}".replace("\0", "")]
    return Case("settings", tuple(words), f"spec{path.suffix}", path.read_bytes())


def _word(rng: random.Random) -> str:
    return json.dumps(rng.choice(_JUNK)(rng)).replace(":", " =").replace("null", '"x"')


def machine() -> str:
    """The processor and the Python that a result is from."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.*)", info.read_text())
        model = found[1].strip() if found else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def warm_up() -> None:
    """Import what cases need: they are forked from here, and start with it."""
    for name in program.COMMANDS:
        program.group.get_command(click.Context(program.group), name)
    len(archcompiler.compile(ROOT / "specs" / "attention56.toml").source)
    for path in (ROOT / "tests" / "errors").glob("E20*"):
        if path.suffix in (".toml", ".json"):
            render(archcompiler.check(path), "text")


def fuzz(seconds: float, start: int, failures: Path, most: int | None = None) -> dict[str, Any]:
    """Run cases for so long, or at most so many; what came out, for people and for `fuzz.json`."""
    warm_up()
    ended = time.monotonic() + seconds
    counts: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    failed: list[dict[str, Any]] = []
    worst_time = worst_memory = (0.0, "")
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(cases(random.Random(start))):
            if time.monotonic() > ended or number == most:
                break
            outcome = run(case, Path(scratch, "case"))
            counts[case.hand] += 1
            codes[outcome.code] += 1
            line = f"{case.hand} {number}: {shlex.join(case.words)}"
            worst_time = max(worst_time, (outcome.seconds, line))
            worst_memory = max(worst_memory, (outcome.megabytes, line))
            wrong = complaint(case, outcome)
            if wrong is not None:
                failed.append({"case": line, "wrong": wrong})
                print(f"{line}\n  {wrong}", flush=True)
                keep(failures / f"{start}-{number}", case, outcome)
    return {
        "cases": dict(sorted(counts.items())),
        "all": counts.total(),
        "exit_codes": {str(code): n for code, n in sorted(codes.items())},
        "failures": failed,
        "worst_seconds": {"value": round(worst_time[0], 2), "case": worst_time[1]},
        "worst_megabytes": {"value": round(worst_memory[0]), "case": worst_memory[1]},
    }


def keep(folder: Path, case: Case, outcome: Outcome) -> None:
    """The file and the command line of a case, and what it printed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / case.name).write_bytes(case.data)
    (folder / "case.json").write_text(json.dumps(asdict(outcome) | {"words": case.words}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    parser.add_argument("--record", action="store_true", help="write benchmarks/fuzz.json")
    given = parser.parse_args(arguments)
    words = f"python benchmarks/fuzz.py --seconds {given.seconds:g} --seed {given.seed}"
    result: dict[str, Any] = {"command": words, "commit": commit(), "machine": machine()}
    result |= fuzz(given.seconds, given.seed, given.failures)
    text = json.dumps(result, indent=2, ensure_ascii=True) + "\n"
    print(text, end="")
    if given.record:
        RESULT.write_text(text, encoding="utf-8")
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
