"""Reports as a grid of strings, for every format that people read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archcompiler.analysis.references import deviation, publication
from archcompiler.tables.columns import PREFIXES, Column, Value, chosen
from archcompiler.tables.report import Report, Row

NOTHING = "–"
Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    title: str
    unit: str = ""
    left: bool = False
    """Words stand left, numbers right."""

    def __str__(self) -> str:
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class Section:
    """Rows below a title; "" for no title."""

    title: str
    rows: tuple[Cells, ...]
    total: Cells | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    headings: tuple[Heading, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A column on its way to strings."""

    title: str
    unit: str | None
    values: list[Value]
    scaled: bool = True
    digits: int | None = None
    signed: bool = False
    as_published: bool = False
    """No more digits than the source has."""

    def render(self) -> tuple[Heading, list[str]]:
        if self.unit is None:
            return Heading(self.title, left=True), [str(v or NOTHING) for v in self.values]
        scale, prefix = _scale(self.values) if self.scaled else (1, "")
        digits = _digits(self.values, scale) if self.digits is None else self.digits
        cells = [self._number(v, scale, digits) for v in self.values]
        return Heading(self.title, prefix + self.unit), cells

    def _number(self, value: Value, scale: int, digits: int) -> str:
        if not isinstance(value, int | float):
            return NOTHING
        if value == 0:
            return "0"
        least = 10**-digits
        if 0 < value / scale < least / 2 and not self.signed:
            return f"<{least:.{digits}f}"
        text = f"{value / scale:{'+' if self.signed else ''},.{digits}f}"
        return text.rstrip("0").rstrip(".") if self.as_published and digits else text


def cost_grid(reports: Sequence[Report], keys: Sequence[str]) -> Grid:
    """The view that the reports were made for; a section for each unless they are rows."""
    first = reports[0]
    whole = first.view == "network"
    measured = any(r.measured is not None for r in reports)
    columns = chosen(first.view, keys, measured=measured)
    lines: list[tuple[Report, Row]] = []
    for report in reports:
        lines += [(report, row) for row in report.rows]
        if not whole:
            lines.append((report, report.total))
    names = [
        report.heading or row.name if whole else _name(row, tree=first.view == "module")
        for report, row in lines
    ]
    fields = [Field("network" if whole else first.view, None, list(names))]
    fields += [_field(column, lines) for column in columns]
    headings, rows = as_rows(fields)
    images = "one image" if first.batch == 1 else f"{first.batch:,} images"
    notes = tuple(
        column.legend.format(images=images, batch=first.batch)
        for column in columns
        if column.legend
    )
    if whole:
        return Grid(headings, (Section("", rows),), notes)
    sections, start = [], 0
    for report in reports:
        end = start + len(report.rows)
        sections.append(Section(title(report), rows[start:end], rows[end]))
        start = end + 1
    return Grid(headings, tuple(sections), notes)


def reference_grid(reports: Sequence[Report]) -> Grid:
    """Each network beside what was published about it, with the deviation in per cent."""
    fields = _network_fields(reports)
    notes: list[str] = []
    for quantity, name in (("params", "params"), ("macs", "MACs")):
        ours: list[int] = [getattr(report.cost, quantity) for report in reports]
        fields.append(Field(name, "", list(ours)))
        for origin in reports[0].origins:
            theirs = [getattr(report.references[origin], quantity, None) for report in reports]
            off = [t and deviation(o, t) for o, t in zip(ours, theirs, strict=True)]
            fields += [
                Field(origin, "", list(theirs), as_published=True),
                Field("Δ", "%", list(off), scaled=False, digits=2, signed=True),
            ]
    for origin in reports[0].origins:
        source = publication(origin)
        notes.append(f"{origin}: {source.title}. {source.note}")
        for report in reports:
            found = report.references[origin]
            if found is not None and found.note:
                notes.append(f"{report.name}: {found.note}.")
    headings, rows = as_rows(fields)
    return Grid(headings, (Section("", rows),), tuple(dict.fromkeys(notes)))


def roofline_grid(reports: Sequence[Report]) -> Grid:
    """The least time per image on each accelerator, and what it is bound by."""
    lines = [(report, line) for report in reports for line in report.rooflines]
    fields = _network_fields([report for report, _ in lines])
    precision = reports[0].precision
    ridges = [line.accelerator.ridge(precision) for _, line in lines]
    fields += [
        Field("device", None, [line.accelerator.name for _, line in lines]),
        Field("intensity", "FLOP/B", [line.intensity for _, line in lines], scaled=False, digits=1),
        Field("ridge", "FLOP/B", list(ridges), scaled=False, digits=1),
        Field("bound by", None, [line.bound for _, line in lines]),
        Field("inference", "µs", [1e6 * line.inference_s for _, line in lines], scaled=False),
        Field("training", "µs", [1e6 * line.training_s for _, line in lines], scaled=False),
    ]
    words = "16-bit floats" if precision == "half" else "float32"
    notes = [
        f"inference, training: least time per image at batch 1 on {words}; each operator reads "
        "and writes its maps, parameters once per pass; training is forward and backward."
    ]
    notes += [
        f"{a.name}: {a.title}, {a.peak(precision) / 1e12:,.1f} TFLOP/s, "
        f"{a.bandwidth / 1e12:,.3g} TB/s ({a.source})."
        for a in reports[0].accelerators
    ]
    headings, rows = as_rows(fields)
    return Grid(headings, (Section("", rows),), tuple(notes))


def title(report: Report) -> str:
    """One line about a network and its input."""
    return f"{report.heading or report.name} · {report.input} · {report.classes} classes"


def _network_fields(reports: Sequence[Report]) -> list[Field]:
    return [
        Field("network", None, [report.heading or report.name for report in reports]),
        Field("input", None, [r.input.pixel_words for r in reports]),
    ]


def _name(row: Row, *, tree: bool) -> str:
    if row.level == 0:
        return "total"
    return "  " * (row.level - 1) + row.label if tree else row.name


def _field(column: Column, lines: Iterable[tuple[Report, Row]]) -> Field:
    values = [column.value(report, row) for report, row in lines]
    return Field(column.title, column.unit, values, column.scaled, column.digits)


def as_rows(fields: Sequence[Field]) -> tuple[tuple[Heading, ...], tuple[Cells, ...]]:
    """Columns of equal length side by side."""
    rendered = [field.render() for field in fields]
    headings = tuple(heading for heading, _ in rendered)
    return headings, tuple(zip(*(cells for _, cells in rendered), strict=True))


def _scale(values: Iterable[Value]) -> tuple[int, str]:
    """The SI prefix of a column: that of its largest value."""
    largest = max((v for v in values if isinstance(v, int | float)), default=0)
    return next((scale, prefix) for scale, prefix in PREFIXES if largest >= scale or scale == 1)


def _digits(values: Iterable[Value], scale: int) -> int:
    """Decimals for a column: at least four figures of its largest value."""
    numbers = [v for v in values if isinstance(v, int | float)]
    if scale == 1 and all(isinstance(v, int) for v in numbers):
        return 0
    largest = max(map(abs, numbers), default=0) / scale
    return 3 if largest < 100 else 2 if largest < 1000 else 1
