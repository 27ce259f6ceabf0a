"""How fast the analytic costs are; imports are excluded on both sides, torch has one thread."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

from benchmarks.timing import Comparison, Course, bounded, compared, in_turns, seconds

SPEC = "attention452"


def measure(course: Course) -> Iterator[Comparison]:
    """The table of Attention-452 against fvcore's trace; ten times the modules, and operators."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield _against_fvcore(course)
        yield _proof(course)
    finally:
        torch.set_num_threads(threads)
    yield from _growth(course)


def table(network: object) -> str:
    """What `archcompiler flops` prints, computed anew."""
    import archcompiler
    from archcompiler.tables.grid import cost_grid
    from archcompiler.tables.report import Report
    from archcompiler.tables.text import render

    assert isinstance(network, archcompiler.CompiledNetwork)
    return render([cost_grid([Report(network, network.graph)], [])])


def whole(modules: int) -> str:
    """From a spec to its table."""
    import archcompiler

    return table(archcompiler.compile(SPEC, [f"stages.0.modules={modules}"]))


def _against_fvcore(course: Course) -> Comparison:
    import torch

    import archcompiler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when imported
        from fvcore.nn import FlopCountAnalysis
    network = archcompiler.compile("attention56_cifar" if course.quick else SPEC)
    x = network.graph.input
    model = network.module().eval()
    image = torch.zeros(1, x.channels, *x.size)

    def trace() -> None:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            analysis = FlopCountAnalysis(model, image)
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            analysis.total()

    runs = {"ours": partial(seconds, partial(table, network)), "fvcore": partial(seconds, trace)}
    taken = in_turns(runs, min(course.rounds, 7))
    what = f"cost table of {network.name}"
    return compared(what, taken["ours"], "fvcore's trace", taken["fvcore"], goal=1 / 50)


def _proof(course: Course) -> Comparison:
    """Time of a proof by the number of operators, in a deep network and one of its kind."""
    import archcompiler

    names = ("attention56_cifar", "attention92_cifar") if course.quick else ("attention56", SPEC)
    networks = {name: archcompiler.compile(name) for name in names}
    runs = {name: partial(seconds, network.verify) for name, network in networks.items()}
    taken = in_turns(runs, 1 if course.quick else 3)
    few, many = (len([*network.graph.nodes()]) for network in networks.values())
    as_many = [many / few * value for value in taken[names[0]]]
    what = f"proof of {names[1]}, {many:,} operators"
    return compared(what, taken[names[1]], f"as many of {names[0]}", as_many, goal=1.5)


def _growth(course: Course) -> Iterator[Comparison]:
    small, large = (10, 100) if course.quick else (1000, 10_000)
    sizes = {n: partial(seconds, partial(whole, n)) for n in (small, large)}
    taken = in_turns({str(n): run for n, run in sizes.items()}, 1 if course.quick else 3)
    what = f"spec to table, {large:,} modules"
    ten = [10 * value for value in taken[str(small)]]
    yield compared(what, taken[str(large)], f"ten times {small:,}", ten, goal=1.5)
    yield bounded(what, taken[str(large)], 3.0)
