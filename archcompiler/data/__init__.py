"""Figures from outside, each with its source: other people's counts, makers' data sheets."""
