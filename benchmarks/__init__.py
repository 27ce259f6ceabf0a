"""Timings, each a ratio within one run: `python -m benchmarks` measures all that a CPU can.

A part is a module with a function `measure`, whose times `benchmarks.timing` takes. Beside them
stand what is run by itself: `python -m benchmarks.gpu` for what a GPU does,
`python -m benchmarks.fuzz` for specs that nobody meant, and `python -m benchmarks.runner` with
options.
"""
