"""Specs, settings and recipes that nobody meant: `python -m benchmarks.fuzz` tries them."""
