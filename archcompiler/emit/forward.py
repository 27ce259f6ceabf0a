"""The `forward` of a class: a dataflow as the lines that a person would write.

Values that are read once are written where they are read, up to one layer or block a line; what
runs on is called `y`, what goes beside it has a name of its own.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from dataclasses import dataclass, field

from archcompiler.backends.backend import Frame
from archcompiler.backends.record import Value
from archcompiler.emit.groups import Group, Item, Parts, groups, lines_of
from archcompiler.emit.lines import Body, Line
from archcompiler.language.definition import X
from archcompiler.spec.names import EMITTED

WIDE = 80
"""Characters of a statement of a method that fit on a line of the formatter."""
LONG = 66
"""Characters from which an expression with several inputs is broken up."""
SHORT = 40
"""Characters up to which a layer is written inside the call of the next one."""
DEEP = 2
"""Calls inside one another, beyond which an expression is broken up."""
RUNNING = "y"
SHORTCUT = "shortcut"
_PYTHON = frozenset({"self", *dir(builtins), *keyword.kwlist})
"""What a step is not called, but its variable could be: that of `self_norm` would be `self`."""


def forward(body: Body, frame: Frame, dims: int, *, flat: bool = False) -> list[str]:
    """Statements of `forward(self, x)`, the last of which returns: a map in so many dimensions, or
    a (N, C) vector if `flat`.
    """
    taken = EMITTED | frame.names | frozenset(body.helpers) | _PYTHON
    writer = _Writer(_hoisted(groups(body)), body.output, taken, frame, dims, flat)
    return writer.write()


def _hoisted(items: list[Item]) -> list[Item]:
    """Groups that do not read what was just computed, moved to where their inputs are known."""
    order: list[Item] = []
    for item in items:
        if not isinstance(item, Group) or not order:
            order.append(item)
            continue
        last = order[-1]
        if _made(last) & item.reads or isinstance(last, Group):
            order.append(item)
            continue
        known = [i for i, other in enumerate(order) if _made(other) & item.reads]
        at = known[-1] + 1 if known else 0
        order.insert(at, item._replace(hoisted=True))
    return order


def _made(item: Item) -> set[str]:
    """What an item gives to others."""
    return {item.result.name} if isinstance(item, Group) else {i.name for i in lines_of(item)}


def _inputs(item: Item) -> list[str]:
    if isinstance(item, Line):
        return list(item.inputs)
    if isinstance(item, Parts):
        return [*item.lines[0].inputs, *([item.otherwise] if item.test else [])]
    inner = {line.name for line in item.lines}
    return [i for line in item.lines for i in line.inputs if i not in inner] + [item.otherwise]


@dataclass(eq=False)
class _Pending:
    """An expression that is not written down yet."""

    value: Value
    line: Line
    weights: int = 0
    depth: int = 0
    comment: str = ""
    """What is to be said of it or of an expression inside it."""


@dataclass(eq=False)
class _Writer:
    """Statements of a `forward`, line by line."""

    items: list[Item]
    output: str
    taken: frozenset[str]
    """Names that mean something else in the file, which no variable has."""
    frame: Frame
    dims: int
    flat: bool | None = None
    """Whether (N, C) is to be returned, and not a map of one pixel; None for what there is."""
    kept: frozenset[str] = frozenset()
    """Variables that hold what is read when all this is done."""
    wide: int = WIDE
    statements: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=lambda: {X: Value(X)})
    pending: dict[str, _Pending] = field(default_factory=dict)
    at: int = 0
    written: bool = False
    """Whether the item at hand is, so that it reads nothing any more."""
    returned: Value = field(default_factory=lambda: Value(X))
    """What was returned last, before it was made a map or a vector."""
    reading: frozenset[str] = frozenset()
    """Variables that a group reads which is about to be written behind that of its result."""

    def write(self) -> list[str]:
        self.reads = Counter(name for item in self.items for name in _inputs(item))
        self.reads[self.output] += 1
        for at, item in enumerate(self.items):
            self.at = at
            self.written = False
            if isinstance(item, Group):
                self._group(item)
            elif isinstance(item, Parts):
                self._parts(item)
            else:
                self._line(item)
        if self.output in self.pending:
            found = self.pending[self.output]
            self.returned = found.value
            self._say(f"return {self._returned(found.value)}", found.comment)
            return self.statements
        self.returned = self.values[self.output]
        if self.flat not in (None, self.returned.flat):
            self._say(f"return {self._returned(self.returned)}")
        else:
            last = self.statements[-1] if self.statements else ""
            text = self.values[self.output].text
            start = f"{text} = "
            if last.startswith(start) and "\n" not in last:
                self.statements[-1] = "return " + last.removeprefix(start)
            else:
                self._say(f"return {text}")
        return self.statements

    def _returned(self, value: Value) -> str:
        """What stands behind `return`."""
        if self.flat and not value.flat:
            return self.frame.flattened(value.text)
        return self._map(value) if self.flat is False else value.text

    def _map(self, value: Value) -> str:
        """The text of a value as a map."""
        return self.frame.unflattened(value.text, self.dims) if value.flat else value.text

    def _line(self, line: Line) -> None:
        pending = self._express(line)
        self.pending[line.name] = pending
        self.written = True
        if self.reads[line.name] > 1 or self._feeds_group(line.name):
            self._assign(line.name, self._own_name(line.name))

    def _express(self, line: Line) -> _Pending:
        """The line as an expression, with what it reads inside where that stays readable."""
        for name in [n for n, p in self.pending.items() if self._stands_aside(p, line)]:
            self._assign(name, self._own_name(name))
        parts = [self.pending[name] for name in dict.fromkeys(line.inputs) if name in self.pending]
        joined = len(parts) > 1
        length = sum(len(part.value.text) for part in parts)
        for part in parts:
            name = part.line.name
            if self._repeats(line, name) or (joined and length > LONG and part.weights):
                self._assign(name, self._side_name(name))
            elif part.depth > DEEP or (
                line.weighted and part.weights and len(part.value.text) > SHORT
            ):
                self._assign(name, self._own_name(name))
        while parts := [
            self.pending[name] for name in dict.fromkeys(line.inputs) if name in self.pending
        ]:
            value = self._applied(line)
            said = f"return {value.text}" + (f"  # {line.comment}" if line.comment else "")
            if len(said) <= self.wide:
                break
            longest = max(parts, key=lambda part: len(part.value.text)).line.name
            self._assign(longest, self._own_name(longest))
        value = self._applied(line)
        for part in parts:
            del self.pending[part.line.name]
        return _Pending(
            value,
            line,
            max((part.weights for part in parts), default=0) + line.weighted,
            1 + max((part.depth for part in parts), default=0),
            line.comment or next((part.comment for part in parts if part.comment), ""),
        )

    def _applied(self, line: Line) -> Value:
        """The line applied to the texts of its inputs, whether these are written down or not."""
        known = {name: self.pending[name].value for name in line.inputs if name in self.pending}
        return line.call([known.get(name) or self.values[name] for name in line.inputs])

    def _stands_aside(self, pending: _Pending, line: Line) -> bool:
        """Whether an expression is a branch of its own, too long to be written where it ends."""
        return bool(
            pending.weights
            and pending.line.name not in line.inputs
            and (pending.depth > 1 or line.weighted is False)
        )

    def _repeats(self, line: Line, name: str) -> bool:
        """Whether a call writes the text of this input more than once."""
        marks = [Value(f"mark{i}_") for i in range(len(line.inputs))]
        text = line.call(marks).text
        return any(
            text.count(mark.text) > 1
            for mark, other in zip(marks, line.inputs, strict=True)
            if other == name
        )

    def _assign(self, name: str, variable: str) -> None:
        """Write a pending expression down."""
        found = self.pending.pop(name)
        for other in [n for n, p in self.pending.items() if _mentions(p.value.text, variable)]:
            self._assign(other, self._own_name(other))
        self._say(f"{variable} = {found.value.text}", found.comment)
        self.values[name] = Value(variable, found.value.flat)

    def _own_name(self, name: str) -> str:
        """A variable for a value: `x` or `y` where that is free, else the name of its step."""
        if self.reads[name] > 1 and self._alone(name):
            return X
        if self._read_next(name) and not self._later_named(RUNNING, name):
            return RUNNING
        return self._side_name(name)

    def _alone(self, name: str) -> bool:
        """Whether everything that is still to come goes by this value."""
        needed = any(self._later(other) for other in self.values if other != name)
        return not needed and X not in self.kept and all(other == name for other in self.pending)

    def _side_name(self, name: str) -> str:
        """A variable for a value that waits for others."""
        variable = _plain(name)
        while variable in self.taken or self._later_named(variable, name):
            variable = name if variable == _plain(name) != name else f"{variable}_"
        return variable

    def _later(self, value: str) -> bool:
        """Whether a value is read by what is not written yet."""
        ahead = self.items[self.at + self.written :]
        return value == self.output or any(value in _inputs(item) for item in ahead)

    def _later_named(self, variable: str, but: str = "") -> bool:
        """Whether a variable holds a value that is still needed, other than for the value `but`."""
        held = any(v.text == variable and self._later(n) for n, v in self.values.items())
        return (
            held
            or variable in self.kept | self.reading
            or any(_mentions(p.value.text, variable) for n, p in self.pending.items() if n != but)
        )

    def _read_next(self, name: str) -> bool:
        """Whether nothing but the item being written, or else the next one, reads the value."""
        readers = [i for i, item in enumerate(self.items) if name in _inputs(item)]
        here = self.at if self.items[self.at] is not self._maker(name) else self.at + 1
        return all(reader == here for reader in readers) and name != self.output

    def _maker(self, name: str) -> Item | None:
        return next((item for item in self.items if name in _made(item)), None)

    def _feeds_group(self, name: str) -> bool:
        """Whether lines under a condition read a value, or all the parts of it are taken."""
        return any(not isinstance(item, Line) and name in _inputs(item) for item in self.items)

    def _parts(self, item: Parts) -> None:
        """All the parts of a map, in one statement."""
        first = item.lines[0]
        assert first.part is not None
        counts = [line.part.size for line in item.lines if line.part is not None]
        text = first.part.whole(counts, self.values[first.inputs[0]]).text
        self.written = True
        if item.test is not None:
            other = self._map(self.values[item.otherwise])
            others = ", ".join([other] * len(counts))
            there = (
                f"{item.test.attribute} is not None" if item.test.is_module else item.test.attribute
            )
            text = f"{text} if {there} else ({others})"
        variables = []
        for line in item.lines:
            variables.append(self._side_name(line.name))
            self._flush(variables[-1])
            self.values[line.name] = Value(variables[-1])
        self._say(f"{', '.join(variables)} = {text}")

    def _group(self, group: Group) -> None:
        for name in [n for n in self.pending if n in group.reads or self.pending[n].weights]:
            self._assign(name, self._own_name(name))
        self.written = True
        name, other = group.result.name, self.values[group.otherwise]
        waiting = [pending.value.text for pending in self.pending.values()]
        inner = _Writer(
            list(group.items),
            name,
            self.taken,
            self.frame,
            self.dims,
            kept=frozenset(
                value.text
                for key, value in self.values.items()
                if self._later(key) or any(_mentions(text, value.text) for text in waiting)
            ),
            wide=self.wide - 4,
        )
        inner.values = dict(self.values)
        *before, last = inner.write()
        text = last.removeprefix("return ").partition("  # ")[0]
        flat = other.flat and inner.returned.flat
        held, reads = other.text, group.reads - {group.otherwise}
        if not flat:
            text = self._map(Value(text, inner.returned.flat))
            if other.flat:
                other, held, reads = Value(self._map(other)), X, group.reads
        test, is_module = group.test.attribute, group.test.is_module
        self.reading = frozenset(self.values[name].text for name in reads)
        variable = self._result_name(group, held)
        self._flush(variable)
        self.reading = frozenset()
        choice = (
            f"{other.text} if {test} is None else {text}"
            if is_module
            else f"{text} if {test} else {other.text}"
        )
        said = f"{variable} = {choice}"
        if not before and variable != other.text and len(said) <= self.wide:
            self._say(said, group.result.comment)
        else:
            if variable != other.text:
                self._say(f"{variable} = {other.text}")
            self._say(f"if {test} is not None:" if is_module else f"if {test}:")
            for statement in before:
                self._say(f"    {statement}")
            self._say(f"    {variable} = {text}", group.result.comment)
        self.values[name] = Value(variable, flat)

    def _result_name(self, group: Group, other: str) -> str:
        """The variable that a group changes or makes."""
        name = group.result.name
        if group.hoisted:
            free = self._is_joined(name) and not self._later_named(SHORTCUT)
            return SHORTCUT if free else self._side_name(name)
        if other != X and not self._later(group.otherwise):
            return other
        if not self._later_named(RUNNING):
            return RUNNING
        return self._side_name(name)

    def _is_joined(self, name: str) -> bool:
        """Whether a value goes into a sum or another join, and nowhere else."""
        readers = [item for item in self.items if name in _inputs(item)]
        return all(isinstance(item, Line) and len(item.inputs) > 1 for item in readers)

    def _flush(self, variable: str) -> None:
        for name in [n for n, p in self.pending.items() if _mentions(p.value.text, variable)]:
            self._assign(name, self._own_name(name))

    def _say(self, statement: str, comment: str = "") -> None:
        self.statements.append(f"{statement}  # {comment}" if comment else statement)


def _mentions(text: str, variable: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(variable)}\b", text) is not None


def _plain(name: str) -> str:
    """The name of a step without what it does last: `branch3_relu` is `branch3`."""
    return re.sub(r"_(norm|relu|act)\d*$", "", name)
