"""Command lines that nobody meant, from five hands."""

from __future__ import annotations

import copy
import json
import random
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.timing import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from strategies import any_specs, specs, to_toml

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


@dataclass(frozen=True)
class Case:
    """A command line, and the one file that it is about."""

    hand: str
    words: tuple[str, ...]
    name: str
    data: bytes = field(repr=False)


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
