"""Facts computed from a graph."""
