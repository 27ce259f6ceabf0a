"""How fast figures of Attention-452 are, and how much memory they take, Graphviz included."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from benchmarks.cold import COMMAND, SPEC
from benchmarks.timing import Comparison, Course, bounded, ended

BOUNDS = {
    "one page, SVG": ((), 1.5),
    "one page, PNG": (("--format", "png"), 5.0),
    "browser view, HTML": (("--format", "html"), 5.0),
    "every operator, SVG": (("--level", "op"), 10.0),
}
"""Options of `diagram`, and the seconds that it may take."""
MEGABYTES = 1000.0


def measure(course: Course) -> Iterator[Comparison]:
    """Each figure against its bounds of time and of memory."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (options, bound) in [*BOUNDS.items()][: 1 if course.quick else None]:
            command = [*COMMAND, "diagram", SPEC, "-o", folder, *options]
            ended(command)
            found = [ended(command) for _ in range(min(course.rounds, 5))]
            yield bounded(name, [f.seconds for f in found], bound)
            yield bounded(name, [f.megabytes for f in found], MEGABYTES, "MB")
