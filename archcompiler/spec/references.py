"""What a spec names: blocks and operators that there are, with options that they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from archcompiler.config.located import Located
from archcompiler.config.path import SpecPath
from archcompiler.config.problems import kind_of
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.definition import NONE, Option
from archcompiler.language.library import Home, Library
from archcompiler.ops.argument import Argument
from archcompiler.ops.registry import find_operator

if TYPE_CHECKING:
    from archcompiler.spec.loader import LoadedSpec

NORMS = ("batch", "group", "layer", NONE)


def broken_references(loaded: LoadedSpec) -> Iterator[Diagnostic]:
    """Unknown types (E211), unknown options (E201), options of the wrong type or size."""
    yield from dict.fromkeys(_References(loaded).check())


def stem_channels(loaded: LoadedSpec) -> int | None:
    """Channels that the stem gives; None if that cannot be told."""
    stem = loaded.spec.stem
    if stem.channels is not None:
        return stem.channels
    if stem.type == NONE:
        return loaded.spec.input[0]
    try:
        definition = loaded.library.find(stem.type, "stems")
    except CompileError:
        return None
    return None if definition is None else definition.channels


class _References:
    def __init__(self, loaded: LoadedSpec) -> None:
        self.loaded, self.library = loaded, loaded.library

    def check(self) -> Iterator[Diagnostic]:
        spec = self.loaded.spec
        yield from self._block(("stem",), "stems", spec.stem.type, ("channels", "stride"))
        yield from self._block(("head",), "heads", spec.head.type)
        yield from self._block(("unit",), "blocks", spec.unit.type)
        yield from self._block(("attention",), "modules", spec.attention.type)
        for i, stage in enumerate(spec.stages):
            if stage.unit is not None:
                yield from self._block(("stages", i, "unit"), "blocks", stage.unit.type)
            path = ("stages", i, "attention")
            yield from self._block(path, "modules", stage.attention.type)

    def _block(
        self, path: SpecPath, home: Home, name: str, besides: tuple[str, ...] = ()
    ) -> Iterator[Diagnostic]:
        node = self._node(path)
        if name == NONE and home in ("stems", "heads"):
            return
        try:
            definition = self.library.find(name, home)
        except CompileError as problem:
            yield from problem.diagnostics
            return
        if definition is None:
            if node is not None:
                yield self._unknown(node, name, self.library.names(home))
            return
        if node is not None:
            yield from self._options(node, definition.options, besides)

    def _node(self, path: SpecPath) -> Located | None:
        node: Located | None = self.loaded.values
        for step in path:
            node = node.child(step) if node is not None else None
        return node

    def _options(
        self, node: Located, options: Mapping[str, Option], besides: tuple[str, ...] = ()
    ) -> Iterator[Diagnostic]:
        if not isinstance(node.value, dict):
            return
        for key, child in node.value.items():
            if key == "type" or key in besides:
                continue
            option = options.get(key)
            if option is None:
                known = sorted({*options, *besides, "type"})
                yield self._unknown_key(node, key, child, known)
            elif option.type == "slot":
                yield from self._slot(child, option)
            else:
                yield from _value(child, option)

    def _slot(self, node: Located, option: Option) -> Iterator[Diagnostic]:
        if not isinstance(node.value, str | dict):
            message = f"`{option.name}` must be the name of a block or a table, not {kind_of(node.value)}"
            yield error("E203", message, node.span())
            return
        default = option.default
        name: Any = node.value if isinstance(node.value, str) else None
        if isinstance(node.value, dict):
            written = node.child("type")
            name = written.value if written is not None else _type_of(default)
        if name is None:
            known = ", ".join(self._names(option))
            yield error(
                "E202",
                f"missing key `type` in `{option.name}`",
                node.span("table"),
                notes=(f"known types: {known}",),
            )
            return
        if name in (NONE, "norm", "act"):
            return
        operator = find_operator(name) if isinstance(name, str) else None
        try:
            definition = self.library.find(name) if isinstance(name, str) else None
        except CompileError as problem:
            yield from problem.diagnostics
            return
        if operator is not None and option.slot != "unit":
            yield from self._arguments(node, operator.arguments)
        elif definition is not None and option.slot != "operator":
            yield from self._options(node, definition.options)
        else:
            yield self._unknown(node, str(name), self._names(option))

    def _names(self, option: Option) -> tuple[str, ...]:
        return self.library.names()

    def _arguments(self, node: Located, arguments: Mapping[str, Argument]) -> Iterator[Diagnostic]:
        if not isinstance(node.value, dict):
            return
        for key, child in node.value.items():
            if key == "type":
                continue
            argument = arguments.get(key)
            if argument is None:
                yield self._unknown_key(node, key, child, sorted({*arguments, "type"}))
            else:
                yield from _value(child, argument)

    def _unknown(self, node: Located, name: str, names: tuple[str, ...]) -> Diagnostic:
        written = node.child("type") or node
        guess = did_you_mean(name, names)
        key = str(node.path[-1])
        return error(
            "E211",
            f"`{key}` has no type `{name}`",
            written.span(),
            notes=() if guess else (f"known: {', '.join(names)}",),
            help=f"did you mean `{guess}`?" if guess else None,
        )

    def _unknown_key(
        self, node: Located, key: str, child: Located, known: list[str]
    ) -> Diagnostic:
        guess = did_you_mean(key, known)
        place = ".".join(str(step) for step in node.path)
        return error(
            "E201",
            f"unknown key `{key}` in `{place}`",
            child.span("key"),
            notes=() if guess else (f"known: {', '.join(known)}",),
            help=f"did you mean `{guess}`?" if guess else None,
        )


def _type_of(default: Any) -> Any:
    return default.get("type") if isinstance(default, Mapping) else default


def _value(node: Located, rule: Option | Argument) -> Iterator[Diagnostic]:
    """The type and the bounds of one value."""
    value, key = node.value, str(node.path[-1])
    expected = {
        "int": (int, "a whole number"),
        "ints": (int, "a whole number"),
        "float": (int | float, "a number"),
        "bool": (bool, "true or false"),
        "word": (str, "a string"),
    }
    if rule.type == "ints" and isinstance(value, list):
        for entry in value:
            if not isinstance(entry.value, int) or isinstance(entry.value, bool):
                yield error("E203", f"an entry of `{key}` must be a whole number", entry.span())
        return
    kind, words = expected[rule.type]
    if not isinstance(value, kind) or (isinstance(value, bool) and rule.type != "bool"):
        yield error("E203", f"`{key}` must be {words}, not {kind_of(value)}", node.span())
        return
    if isinstance(value, str):
        if rule.choices and value not in rule.choices:
            guess = did_you_mean(value, rule.choices)
            yield error(
                "E211",
                f"`{key}` cannot be `{value}`",
                node.span(),
                notes=() if guess else (f"known: {', '.join(rule.choices)}",),
                help=f"did you mean `{guess}`?" if guess else None,
            )
        return
    if rule.least is not None and value < rule.least:
        yield error("E204", f"`{key}` must be at least {rule.least:,g}, not {value:,}", node.span())
    elif rule.most is not None and value > rule.most:
        yield error("E204", f"`{key}` must be at most {rule.most:,g}, not {value:,}", node.span())
