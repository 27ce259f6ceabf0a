"""A block or an operator that is named somewhere, with the options that are set where it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from archcompiler.config.located import Located, meant_as
from archcompiler.config.problems import kind_of
from archcompiler.config.wording import Wording
from archcompiler.diagnostics import CompileError, Diagnostic, error
from archcompiler.diagnostics.suggest import did_you_mean
from archcompiler.language.collecting import IDENTIFIER
from archcompiler.language.definition import NONE, Definition, Option
from archcompiler.language.elsewhere import OPERATORS
from archcompiler.language.library import Home, Library
from archcompiler.language.values import is_of, missing_key, unknown_key, wrong_value
from archcompiler.ops import Operator
from archcompiler.ops.argument import Argument
from archcompiler.ops.registry import find_operator, operators

MEANT: Final = ("norm", "act")
"""Names for what the network says under `norm` and `activation`."""
_FILLED: Final = ("unit", "mask", "attention")
"""Places that cannot be left empty, but for slots that are so by default."""
_ELSEWHERE: Final = {"stems": "a stem", "heads": "a head", "modules": "an attention module"}


class Place(NamedTuple):
    """What may be named somewhere."""

    home: Home = "blocks"
    kind: str = "block"
    """`unit`, `mask`, `block`, `operator`, or `stem`, `head`, `attention`, `norm`, `activation`."""
    default: Any = None
    """The name, or the table, that holds where no `type` is written."""
    besides: frozenset[str] = frozenset()
    """Keys beside the options that somebody else checks."""
    offered: frozenset[str] | None = frozenset()
    """Options that come from the surroundings where they are not written; None if unknown."""
    inputs: int | None = 1
    """Maps that whatever stands there is called with; None if that is not known."""
    words: Mapping[str, str] = MappingProxyType({})
    """Other names for operators."""

    @property
    def operators(self) -> bool:
        return self.home == "blocks" and self.kind != "unit"


def slot_place(definition: Definition, option: Option) -> Place:
    """What may be put into a slot of a block, by the steps that stand for it."""
    steps = [rule for rule in definition.steps if rule.op == option.name]
    counts = {len(rule.inputs) for rule in steps}
    handed_on = any(option.name in rule.arguments.values() for rule in definition.steps)
    offered = None if handed_on else frozenset(name for rule in steps for name in rule.arguments)
    inputs = counts.pop() if len(counts) == 1 and not handed_on else None
    return Place(kind=option.slot, default=option.default, offered=offered, inputs=inputs)


class Naming:
    """Checks what is named, for one set of blocks."""

    def __init__(self, library: Library, wording: Wording) -> None:
        self.library, self.wording = library, wording

    def check(self, node: Located, place: Place) -> Iterator[Diagnostic]:
        """Everything that is wrong with a name or a table with a `type`, and with its options."""
        if not isinstance(node.value, str | dict):
            message = f"{self.wording.value(node.path)} must be a name or a table"
            notes = (f"known types: {', '.join(self.names(place))}",)
            yield error("E203", f"{message}, not {kind_of(node.value)}", node.span(), notes=notes)
            return
        written = node if isinstance(node.value, str) else node.child("type")
        name = _type_of(place.default) if written is None else written.value
        slip = None
        if written is None:
            slip = meant_as(node, "type", ("type", *place.besides, *self._options_of(name, place)))
        if slip is not None:
            yield unknown_key(slip, self.wording.table(node.path), ("type",))
        elif name is None:
            yield error(
                "E202",
                f"missing key `type` in {self.wording.table(node.path)}",
                node.span("table"),
                notes=(f"known types: {', '.join(self.names(place))}",),
            )
        elif not isinstance(name, str):
            assert written is not None
            message = f"`type` must be a string, not {kind_of(name)}"
            known = f"known: {', '.join(self.names(place))}"
            yield error("E203", message, written.span(), notes=(known,))
        elif self._stands_for(name, place):
            yield from self._options(node, {}, place)
        else:
            yield from self._named(node, written or node, name, place)

    def _options_of(self, name: object, place: Place) -> Collection[str]:
        """What can be said of what is there if nothing is named."""
        if not isinstance(name, str):
            return ()
        operator = self.library.operator(place.words.get(name, name)) if place.operators else None
        if operator is not None:
            return operator.arguments
        definition = self.library.glance(name, place.home)
        return definition.options if definition is not None else ()

    def _stands_for(self, name: str, place: Place) -> bool:
        """Whether a name is for nothing, or for what the network says elsewhere."""
        if name == NONE:
            return place.kind not in _FILLED or place.default == NONE
        return name in MEANT and place.operators and place.kind not in ("norm", "activation")

    def _named(
        self, node: Located, written: Located, name: str, place: Place
    ) -> Iterator[Diagnostic]:
        try:
            meant = place.words.get(name, name)
            operator = self.library.operator(meant) if place.operators else None
            definition = None
            if operator is None and place.kind != "operator":
                definition = self.library.glance(name, place.home)
                if definition is None and name in self.library.own:
                    return
        except CompileError as problem:
            yield from at_name(written, problem)
            return
        if operator is not None:
            yield from self._operator(node, written, operator, place)
        elif definition is not None:
            if place.inputs not in (1, None):
                message = f"a block takes one input, but `{node.path[-1]}` gets {place.inputs}"
                yield error("E221", message, written.span())
            yield from self._options(node, definition.options, place, definition)
        else:
            yield self.unknown(node, written, name, place)

    def _operator(
        self, node: Located, written: Located, operator: type[Operator], place: Place
    ) -> Iterator[Diagnostic]:
        wrong = wrong_inputs(operator, place.inputs)
        if wrong is not None:
            yield error("E221", wrong, written.span())
            return
        yield from self._options(node, operator.arguments, place)
        default = place.default if isinstance(place.default, Mapping) else {}
        base = dict(default) if _type_of(default) == operator.kind else {}
        own = node.plain() if isinstance(node.value, dict) else {}
        values = {k: v for k, v in (base | own).items() if k != "type"}
        for key, argument in operator.arguments.items():
            if place.offered is None or key in place.offered or key in values:
                continue
            known = (*operator.arguments, *place.besides, "type")
            if argument.required and meant_as(node, key, known) is None:
                yield missing_key(node, key, self.wording.table(node.path), argument.help)
        yield from wrong_padding(node, operator, values)

    def _options(
        self,
        node: Located,
        options: Mapping[str, Option] | Mapping[str, Argument],
        place: Place,
        definition: Definition | None = None,
    ) -> Iterator[Diagnostic]:
        entries = node.value if isinstance(node.value, dict) else {}
        for key, child in entries.items():
            if key == "type" or key in place.besides:
                continue
            option = options.get(key)
            if option is None and definition and key in self.library.unreadable(definition):
                continue
            if option is None:
                known = {*options, *place.besides, "type"}
                help = self.wording.remark(child.path, "extra_forbidden", child.plain()).help
                help = help or self._elsewhere(key, options)
                yield unknown_key(child, self.wording.table(child.path[:-1]), known, help)
            elif option.type == "slot":
                assert definition is not None
                assert isinstance(option, Option)
                inner = slot_place(definition, option)
                if place.offered and key in place.offered:
                    # What holds where nothing is written comes from outside: it is not known here.
                    inner = inner._replace(default=None)
                yield from self.check(child, inner)
            else:
                yield from wrong_value(child, option)
        if definition is not None and place.offered is not None:
            yield from self._missing(node, definition, place)

    def _missing(self, node: Located, definition: Definition, place: Place) -> Iterator[Diagnostic]:
        """Options without a default that neither the spec nor the surroundings give."""
        given = {*(place.offered or ())}
        for table in (place.default, node.value):
            given |= {*table} if isinstance(table, Mapping) else set()
        known = (*definition.options, *place.besides, "type")
        for name, option in definition.options.items():
            if option.required and name not in given and meant_as(node, name, known) is None:
                yield missing_key(node, name, self.wording.table(node.path), option.help)

    def _elsewhere(self, key: str, options: Mapping[str, Any]) -> str | None:
        """The slot among these options whose usual block has an option of this name."""
        for name, option in options.items():
            usual = _type_of(option.default) if option.type == "slot" else None
            if not isinstance(usual, str):
                continue
            operator = self.library.operator(usual)
            definition = self.library.glance(usual) if operator is None else None
            inner: Collection[str] = operator.arguments if operator is not None else ()
            if definition is not None:
                inner = definition.options
            if key in inner and did_you_mean(key, options) is None:
                return f"it belongs into `{name}` of this table"
        return None

    def unknown(self, node: Located, written: Located, name: str, place: Place) -> Diagnostic:
        """E211 for a name that nothing has, with what can be written instead."""
        names = self.names(place)
        near = names if place.kind != "unit" else self.library.names()
        foreign = place.operators and place.kind != "norm" and name != NONE
        help = OPERATORS.get(name) if foreign else None
        if help is None and (guess := meant(name, near)):
            help = f"did you mean `{guess}`?"
        notes = (f"known: {', '.join(names)}",) if help is None and names else ()
        return error(
            "E211",
            f"{self.wording.table(node.path)} has no type `{name}`",
            written.span(),
            notes=(*notes, *self.library.missing()),
            help=help or self._instead(name, place),
        )

    def _instead(self, name: str, place: Place) -> str | None:
        """What to do about a block that is not there."""
        if place.kind in ("operator", "norm", "activation"):
            return None
        if name == NONE:
            return {
                "mask": "units without a mask are those of `before` and `after`",
                "attention": "leave `modules` out where there is to be no attention",
            }.get(place.kind)
        front, _, rest = name.partition("_")
        unit = self.library.glance(rest) if place.kind == "unit" and rest else None
        if unit is not None and "gate" in unit.options and front in self.library.names():
            return f'write `{{ type = "{rest}", gate = "{front}" }}`'
        if self.library.is_shipped(name):
            # A block of that name is what the one that comes with the compiler is.
            (home, *_) = self.library.homes(name)
            if home == "blocks":
                return f'a block of your own can have it as a step, `op = "{name}"`'
            return f"`{name}` is {_ELSEWHERE[home]}; a block of your own has another name"
        fits = IDENTIFIER.fullmatch(name) and find_operator(name) is None
        return f"a block of your own is written under `[blocks.{name if fits else 'NAME'}]`"

    def names(self, place: Place) -> tuple[str, ...]:
        """What is known for a place, for a message."""
        if place.words:
            return tuple(place.words)
        if place.kind in ("operator", "activation"):
            usual = operators().get(str(_type_of(place.default) or "relu"))
            role, arity = (usual.role, usual.arity) if usual else ("other", (1, 1))
            alike = [n for n, o in operators().items() if o.role == role and o.arity == arity]
            return tuple(n for n in alike if not _has_required(operators()[n]) or role != "other")
        return self.library.names(place.home, place.kind)


def at_name(written: Located, problem: CompileError) -> Iterator[Diagnostic]:
    """What an outside package does wrong, at the name by which a spec asks for it."""
    for d in problem.diagnostics:
        if d.span is None:
            yield error(d.code, d.message, written.span(), notes=d.notes, help=d.help)


def wrong_inputs(operator: type[Operator], inputs: int | None) -> str | None:
    """Why an operator cannot have so many inputs; None if it can."""
    least, most = operator.arity
    if inputs is None or (inputs >= least and (most is None or inputs <= most)):
        return None
    wanted = f"{least}" if least == most else f"{least} and more"
    if most is not None and most != least:
        wanted = f"{least} to {most}"
    noun = "input" if wanted == "1" else "inputs"
    return f"`{operator.kind}` takes {wanted} {noun}, but gets {inputs}"


def wrong_padding(
    node: Located, operator: type[Operator], values: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """E204 for a pooling whose padding is more than half of its window."""
    kernel, padding, wide = (values.get(key, 1) for key in ("kernel", "padding", "dilation"))
    written = node.child("padding")
    if operator.role != "pool" or "padding" not in operator.arguments or written is None:
        return
    if all(is_of(n, "int") and n > 0 for n in (kernel, padding, wide)):
        half = (wide * (kernel - 1) + 1) // 2
        if padding > half:
            message = f"`padding` must be at most half the kernel, {half}, not {padding:,}"
            yield error("E204", message, written.span())


def meant(name: str, names: Collection[str]) -> str | None:
    """The name that is probably misspelt here; None if it is rather one of its own.

    `se_bottleneck` and `preact_basic` are no slips of the pen for names that share a word.
    """
    guess = did_you_mean(name, names)
    if guess is None:
        return None
    a, b = (text.casefold().replace("-", "_").split("_") for text in (name, guess))
    if len(a) == len(b) and all(_alike(x, y, 0.6) for x, y in zip(a, b, strict=True)):
        return guess
    return guess if _alike("".join(a), "".join(b), 0.95) else None


def _alike(a: str, b: str, least: float) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, a, b).ratio() >= least


def _type_of(default: Any) -> Any:
    return default.get("type") if isinstance(default, Mapping) else default


def _has_required(operator: type[Operator]) -> bool:
    return any(argument.required for argument in operator.arguments.values())
