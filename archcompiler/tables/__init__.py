"""Cost tables: what a view shows of a network, and how it is printed."""
