"""Data sets of training runs."""
