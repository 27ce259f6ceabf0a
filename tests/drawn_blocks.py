"""Hypothesis: small specs with blocks of their own, as a researcher may write them or get wrong.

Most of what is drawn fits together: widths are known as expressions, and what is left unread at the
end of a block is summed. Some of it does not, and has to be refused at its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from archcompiler.ops.registry import find_operator

NAMES = (
    *("y", "shortcut", "x1", "a", "b", "conv", "conv1", "norm1", "norm2", "act1", "relu2", "pool"),
    *("inner", "skip", "project", "project_norm", "branch_norm", "gate", "mask", "trunk", "unit"),
    *("dataclass", "is_compiling", "stage", "width", "ratio", "print", "list", "module", "units"),
    *("count", "name", "layer_scale", "drop_path", "channel_shuffle", "has_mul", "has_y", "deep"),
    *("wide", "x_1", "features", "stage1", "forward_features", "given_stride", "nullcontext"),
    *("contextmanager", "frozen_statistics", "drawn_net", "isinstance", "self_", "len", "z", "y1"),
)
"""Names of steps, options and lets: plain ones, and those that emitted code has for something."""
NUMBERS = ("in_channels", "channels", "stride", "cin", "c", "classes", "num_classes")
"""Names that numbers have in every block, which only a step can have as well."""
REFUSED = (
    "train",
    "modules",
    "type",
    "to",
    "self",
    "torch",
    "row",
    "partial",
    "round",
    "math",
    "if",
)
POINTWISE = ("relu", "sigmoid", "silu", "tanh", "identity", "relu6", "prelu", "gelu", "act", "act")
SIZES = ("c", "c", "c", "cin", "c / 2", "2 * c", "c + cin", "max(c, cin)", "min(c, cin) / 2")
CONDITIONS = (
    *(
        "stride != 1",
        "stride == 1",
        "cin == c",
        "cin != c or stride > 1",
        "c > 8",
        "not stride > 1",
    ),
    *("1 <= stride < 2", "c / 2 >= 4 and cin > 8", "log2(c) >= 3"),
)


@dataclass(frozen=True)
class Drawn:
    """A value inside a block that is being drawn."""

    name: str
    channels: str
    strided: bool = False
    """Whether its size is that of the output already."""
    wide: bool = True
    """Whether it is a map of that size, and not one number a channel."""


@dataclass
class Sheet:
    """A block that is being drawn."""

    draw: st.DrawFn
    others: dict[str, Sheet]
    slots: bool = True
    names: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    lets: dict[str, str] = field(default_factory=dict)
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    values: list[Drawn] = field(default_factory=lambda: [Drawn("x", "cin")])
    unread: list[Drawn] = field(default_factory=list)
    preactivation: bool = False

    def name(self, part: str) -> str:
        names = (*NAMES, *(NUMBERS if part == "steps" else ()))
        if self.pick(*[False] * 200, True):
            names = REFUSED
        free = [n for n in names if n not in self.names]
        name: str = self.pick(*free)
        self.names.append(name)
        return name

    def pick(self, *among: Any) -> Any:
        return self.draw(st.sampled_from(among))

    def source(self) -> Drawn:
        """What the next step reads: mostly what nothing has read yet."""
        if self.unread and self.pick(True, True, True, False):
            return self.unread[-1]
        return self.pick(*self.values)  # type: ignore[no-any-return]

    def add(self, table: dict[str, Any], like: Drawn, *inputs: Drawn, **changes: Any) -> Drawn:
        """One more step that reads these inputs; its value is `like` but for the changes."""
        name = self.name("steps")
        previous = self.values[-1].name
        if [i.name for i in inputs] != [previous] or self.pick(True, False):
            names = [i.name for i in inputs]
            table = {**table, "from": names if len(names) > 1 else names[0]}
        fields = {"channels": like.channels, "strided": like.strided, "wide": like.wide} | changes
        value = Drawn(name, **fields)
        keeps = len(inputs) == 1 and (value.channels, value.strided) == (
            inputs[0].channels, inputs[0].strided,
        )  # fmt: skip
        if (keeps and self.pick(True, False, False, False)) or self.pick(*[False] * 40, True):
            table["when"] = self.condition()
            if self.pick(*[False] * 6, True):
                table["else"] = self.pick(*self.values).name
        self.steps[name] = table
        self.values.append(value)
        self.unread = [v for v in self.unread if v not in inputs] + [value]
        return value

    def condition(self) -> str:
        known = list(CONDITIONS)
        for name, option in self.options.items():
            value = option.get("default", 2) if isinstance(option, dict) else option
            if isinstance(value, bool):
                known += [name, f"not {name}"]
            elif isinstance(value, int):
                known += [f"{name} > 1", f"{name} == 2 and stride == 1"]
            elif isinstance(option, dict) and "choices" in option:
                known += [f"{name} == '{choice}'" for choice in option["choices"]]
            elif isinstance(option, dict) and "slot" in option:
                known += [f"{name}.preactivation", f"{name} != 'none'"]
        return str(self.pick(*known))

    def width(self) -> str:
        own = [o for o, v in self.options.items() if isinstance(v, int) and not isinstance(v, bool)]
        return str(self.pick(*SIZES, *self.lets, *(f"c * {o}" for o in own), "8"))

    def block(self) -> dict[str, Any]:
        table: dict[str, Any] = {"steps": self.steps}
        if self.options:
            table["options"] = self.options
        if self.lets:
            table["let"] = self.lets
        if self.preactivation:
            table["preactivation"] = True
        return table

    # What a block may have.

    def option(self) -> None:
        name = self.name("options")
        values: list[Any] = [2, 1, 0.5, True, False, {"default": 2, "least": 1, "most": 4}]
        values += [{"default": "plain", "choices": ["plain", "other"]}]
        values += [{"type": "int", "default": "c / 4"}, {"type": "int", "least": 0}]
        values += [{"type": "float", "default": 0.5, "help": "How much."}]
        values += [{"type": "bool", "default": "stride > 1"}]
        if self.slots:
            gates = [n for n, sheet in self.others.items() if n.startswith("gate")]
            values += [{"slot": "block", "default": d} for d in ("none", *gates)]
            values += [{"slot": "block", "default": "silu"}]
        self.options[name] = self.pick(*values)

    def let(self) -> None:
        divisors = [
            o for o, v in self.options.items() if v == 2 or (isinstance(v, dict) and v.get("most"))
        ]
        texts = ["c / 2", "c / 4", "max(c, 8)", "c if stride == 1 else cin", "round(c * 0.75)"]
        texts += ["2 * cin", "ceil(c / 2)", *self.lets, *(f"c / {o}" for o in divisors)]
        self.lets[self.name("let")] = self.pick(*texts)

    def conv(self) -> None:
        x, channels = self.source(), self.width()
        table: dict[str, Any] = {"op": "conv", "channels": channels}
        table["kernel"] = self.pick(1, 3, 3, 5) if x.wide else 1
        strided = x.strided
        if x.wide and not x.strided and self.pick(True, False):
            table["stride"], strided = "stride", True
        if self.pick(*[False] * 5, True):
            table["dilation"] = self.pick(1, 2)
        if self.pick(*[False] * 3, True):
            table["bias"] = self.pick(True, False)
        if x.channels == channels and self.pick(True, False):
            table["groups"] = self.pick(channels, 2)
        self.add(table, x, x, channels=channels, strided=strided)

    def pointwise(self) -> None:
        x = self.source()
        op = self.pick(*POINTWISE, "norm", "norm", "norm", "dropout")
        table = {"op": op}
        if op == "dropout":
            floats = [o for o, v in self.options.items() if isinstance(v, float)]
            table["probability"] = self.pick(0.0, 0.25, *floats)
        self.add(table, x, x)

    def pool(self) -> None:
        x = self.source()
        if not x.wide or self.pick(True, False):
            self.add({"op": "global_avg_pool"}, x, x, wide=False)
            return
        table: dict[str, Any] = {"op": "max_pool", "kernel": 3, "padding": 1, "stride": 1}
        strided = x.strided
        if not strided and self.pick(True, False):
            table["stride"], strided = "stride", True
        self.add(table, x, x, strided=strided)

    def join(self) -> None:
        x = self.source()
        same = [
            v
            for v in self.values
            if v.strided == x.strided and v.channels == x.channels and (x.wide or not v.wide)
        ]
        match self.pick("add", "mul", "gate", "concat", "any"):
            case "concat":
                others = [v for v in self.values if v.strided == x.strided and v.wide == x.wide]
                other = self.pick(*others)
                self.add(
                    {"op": "concat"}, x, x, other, channels=f"({x.channels} + {other.channels})"
                )
            case "any":
                self.add({"op": "add"}, x, x, self.pick(*self.values))
            case op:
                others = [self.pick(*same)]
                if op == "add" and self.pick(*[False] * 4, True):
                    others.append(self.pick(*same))
                self.add({"op": op}, x, x, *others)

    def resize(self) -> None:
        x = self.source()
        like = self.pick(*(v for v in self.values if v.wide))
        mode = self.pick({}, {"mode": "nearest"}, {"align_corners": False})
        self.add({"op": "interpolate", **mode}, x, x, like, strided=like.strided, wide=True)

    def call(self) -> None:
        if not self.others:
            return
        x, name = self.source(), self.pick(*self.others)
        sheet = self.others[name]
        if name.startswith("gate"):
            mask = self.add({"op": name, **self.offers(sheet)}, x, x)
            self.add({"op": self.pick("mul", "gate")}, x, x, mask)
            return
        table: dict[str, Any] = {"op": name, **self.offers(sheet)}
        channels = x.channels
        if self.pick(True, False):
            channels = table["channels"] = self.width()
        strided = x.strided
        if not strided and self.pick(True, False):
            table["stride"], strided = "stride", True
        if self.pick(True, False, False):
            numbers = [o for o, v in self.options.items() if v in (1, 2) and v is not True]
            table["repeat"] = str(self.pick(1, 2, *numbers, *(f"{n} - 1" for n in numbers)))
        self.add(table, x, x, channels=channels, strided=strided)

    def offers(self, sheet: Sheet) -> dict[str, Any]:
        """Some of another block's options, by value, by expression or by an own option."""
        given: dict[str, Any] = {}
        for name, option in sheet.options.items():
            value = option.get("default") if isinstance(option, dict) else option
            required = value is None
            if not required and self.pick(True, False):
                continue
            if isinstance(option, dict) and "slot" in option:
                own = [o for o, v in self.options.items() if isinstance(v, dict) and "slot" in v]
                given[name] = self.pick("none", "silu", *own)
            elif isinstance(option, dict) and "choices" in option:
                given[name] = self.pick(*option["choices"])
            elif isinstance(value, bool) or (
                isinstance(option, dict) and option.get("type") == "bool"
            ):
                given[name] = self.pick(True, False, "stride > 1")
            elif isinstance(value, float):
                given[name] = self.pick(0.25, 0.5, "1 / 2.0")
            else:
                own = [o for o, v in self.options.items() if v in (1, 2) and v is not True]
                given[name] = self.pick(1, 2, *own, *(f"{o} + 1" for o in own))
        return given

    def slot(self) -> None:
        slots = [o for o, v in self.options.items() if isinstance(v, dict) and "slot" in v]
        if slots:
            x = self.source()
            self.add({"op": self.pick(*slots)}, x, x)

    def unit_end(self) -> None:
        """Whatever is unread becomes one map of the unit's size."""
        ends = self.unread or [self.values[0]]
        whole = []
        for value in ends:
            if value.channels != "c" or not value.strided:
                stride = {} if value.strided else {"stride": "stride"}
                table = {"op": "conv", "channels": "c", "kernel": 1, **stride}
                value = self.add(table, value, value, channels="c", strided=True)
            whole.append(value)
        if len(whole) > 1 or not whole[0].wide:
            if not any(v.wide for v in whole):
                table = {"op": "conv", "channels": "c", "kernel": 1, "stride": "stride"}
                x = self.values[0]
                whole.insert(0, self.add(table, x, x, channels="c", strided=True))
            whole.sort(key=lambda v: not v.wide)
            self.add({"op": "add"}, whole[0], *whole)
        if self.pick(True, False):
            x = self.values[-1]
            self.add({"op": self.pick("act", "norm", "relu")}, x, x)
        elif self.pick(True, False):
            self.preactivation = True


MOVES = (
    *(Sheet.conv, Sheet.conv, Sheet.conv, Sheet.pointwise, Sheet.pointwise, Sheet.pointwise),
    *(Sheet.pool, Sheet.join, Sheet.join, Sheet.resize, Sheet.call, Sheet.call, Sheet.slot),
)


@st.composite
def unit_sheets(draw: st.DrawFn, others: dict[str, Sheet], most: int = 8) -> Sheet:
    """A block that gives (c, ⌈size / stride⌉), with a small chance that it does not."""
    sheet = Sheet(draw, others)
    for _ in range(draw(st.integers(0, 3))):
        sheet.option()
    for _ in range(draw(st.integers(0, 2))):
        sheet.let()
    for _ in range(draw(st.integers(1, most))):
        draw(st.sampled_from(MOVES))(sheet)
    if sheet.pick(*[False] * 20, True):
        return sheet
    sheet.unit_end()
    return sheet


@st.composite
def gate_sheets(draw: st.DrawFn) -> Sheet:
    """A block that gives something that spreads over its input."""
    sheet = Sheet(draw, {}, slots=False)
    if draw(st.booleans()):
        sheet.option()
    x = sheet.values[0]
    if draw(st.booleans()):
        x = sheet.add({"op": "global_avg_pool"}, x, x, wide=False)
    width = sheet.pick("c", "c / 2", "max(c / 4, 4)", "2 * c")
    if draw(st.booleans()):
        bias = {"bias": True} if draw(st.booleans()) else {}
        x = sheet.add({"op": "conv", "channels": width, "kernel": 1, **bias}, x, x, channels=width)
        x = sheet.add({"op": "act"}, x, x)
    out = sheet.pick("c", "c", "1")
    x = sheet.add({"op": "conv", "channels": out, "kernel": 1}, x, x, channels=out)
    sheet.add({"op": sheet.pick("sigmoid", "tanh", "hardsigmoid")}, x, x)
    return sheet


@st.composite
def block_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A small network of drawn blocks: a unit, parts of it, gates, and perhaps a mask."""
    sheets: dict[str, Sheet] = {}
    for i in range(draw(st.integers(0, 2))):
        sheets[f"gate{i}"] = draw(gate_sheets())
    for i in range(draw(st.integers(0, 2))):
        sheets[f"part{i}"] = draw(unit_sheets(dict(sheets), most=4))
    sheets["drawn"] = draw(unit_sheets(dict(sheets)))
    unit = {"type": "drawn"} | _set(draw, sheets["drawn"])
    channels = st.sampled_from([8, 16, 16, 32])
    dims = draw(st.sampled_from([2, 2, 2, 2, 1, 3]))
    stages: list[dict[str, Any]] = [
        {"channels": draw(channels), "stride": draw(st.integers(1, 2)), "before": before}
        for before in draw(st.lists(st.integers(1, 2), min_size=1, max_size=2))
    ]
    spec: dict[str, Any] = {
        "name": "drawn_net",
        "input": [3, *(draw(st.integers(9, 16)) for _ in range(dims))],
        "classes": draw(st.integers(2, 5)),
        "stem": {"type": "conv", "channels": draw(channels)},
        "unit": unit if len(unit) > 1 else "drawn",
        "stages": stages,
        "blocks": {name: sheet.block() for name, sheet in sheets.items()},
    }
    others = [name for name in sheets if name.startswith("part")]
    if others and draw(st.booleans()):
        stages[-1]["unit"] = draw(st.sampled_from(others))
    if draw(st.booleans()):
        stages[0] |= {"modules": draw(st.integers(1, 2)), "depth": draw(st.integers(0, 1))}
        masks: list[Any] = [name for name in sheets if name.startswith("gate")]
        masks += ["hourglass", {"type": "hourglass", "unit": "preact_bottleneck"}]
        masks += [{"type": "local", "units": 1, "activation": "channel"}]
        spec["attention"] = {"mask": draw(st.sampled_from(masks)), "t": 1}
    if draw(st.booleans()):
        spec["activation"] = draw(st.sampled_from(["silu", "prelu", "gelu", "elu"]))
    if draw(st.booleans()):
        norms: list[Any] = ["none", {"momentum": 0.5}]
        if find_operator("layer_norm"):
            norms += ["layer", {"type": "group", "groups": 2}]
        spec["norm"] = draw(st.sampled_from(norms))
    return spec


def _set(draw: st.DrawFn, sheet: Sheet) -> dict[str, Any]:
    """Some options as a spec sets them, and all that have to be set."""
    found: dict[str, Any] = {}
    for name, option in sheet.options.items():
        required = isinstance(option, dict) and "slot" not in option and "default" not in option
        if not required and draw(st.booleans()):
            continue
        value = option.get("default", 2) if isinstance(option, dict) else option
        if isinstance(value, bool) or (isinstance(option, dict) and option.get("type") == "bool"):
            found[name] = draw(st.booleans())
        elif isinstance(option, dict) and "slot" in option:
            gates = [other for other in sheet.others if other.startswith("gate")]
            found[name] = draw(st.sampled_from(["none", "relu", *gates]))
        elif isinstance(option, dict) and "choices" in option:
            found[name] = draw(st.sampled_from(option["choices"]))
        elif isinstance(value, float):
            found[name] = 0.75
        else:
            found[name] = draw(st.sampled_from([1, 2, 4]))
    return found
